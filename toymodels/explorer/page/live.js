// The training on the server: commands up, frames down, and what is kept for a reload.

const KEPT_SESSION = "toymodels-session";
// The server pauses what nobody asks about for twenty seconds.
const HIDDEN_MS = 10_000;

/** What the server said was wrong, and at which field. */
export class Refused extends Error {
  constructor(message, field, status) {
    super(message);
    Object.assign(this, { field, status });
  }
}

async function fetched(path, options) {
  try {
    return await fetch(path, options);
  } catch {
    throw new Refused("The explorer does not answer. Is it still running?", null, 0);
  }
}

export async function asked(path, data) {
  const options = data === undefined ? {} : {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(data),
  };
  const answer = await fetched(path, options);
  const kind = answer.headers.get("content-type") ?? "";
  const found = kind.startsWith("application/json") ? await answer.json() : { message: await answer.text() };
  if (!answer.ok) throw new Refused(found.message, found.field ?? null, answer.status);
  return found;
}

/**
 * Do something that a room asks for. What the server objects to is told by `refuse(error)`;
 * that the run is gone, or the server, concerns the whole page, and `attempt` says it. Null
 * in both cases.
 */
export async function answered(work, attempt, refuse) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Refused) || !error.status || error.status === 404) return attempt(() => { throw error; });
    refuse(error);
    return null;
  }
}

export class LiveRun {
  constructor(handlers) {
    // onFrame, onLost, onFound, onShown (frames went by unseen), onEnded
    Object.assign(this, handlers);
    this.saved = false;
    document.addEventListener("visibilitychange", () => {
      if (!this.session || this.ended) return;
      if (!document.hidden) this.onShown();
      this.attend();
    });
  }

  /** Take up the session of this tab, or begin one. */
  async begin(settings, fresh = false) {
    this.close();
    const resume = fresh ? null : sessionStorage.getItem(KEPT_SESSION);
    const { session, resumed } = await asked("/api/sessions", { settings, resume });
    this.session = session;
    sessionStorage.setItem(KEPT_SESSION, this.session);
    this.ended = false;
    this.attend();
    return resumed;
  }

  /**
   * Listen while the tab can be seen. A hidden one only says that it is there: a browser
   * has six connections for all tabs, and one that listens keeps one.
   */
  attend() {
    this.close();
    if (document.hidden) {
      this.hidden = setInterval(() => fetch(`${this.base}/events`, { method: "HEAD" }).catch(() => {}), HIDDEN_MS);
    } else {
      this.listen();
    }
  }

  listen() {
    this.source = new EventSource(`${this.base}/events`);
    this.source.onmessage = (event) => {
      this.onFound();
      this.onFrame(JSON.parse(event.data));
    };
    this.source.addEventListener("ended", () => this.end());
    this.source.onerror = () => {
      if (this.source.readyState === EventSource.CLOSED) this.end();
      else this.onLost();
    };
  }

  end() {
    this.close();
    this.ended = true;
    this.onEnded();
  }

  close() {
    clearInterval(this.hidden);
    this.source?.close();
  }

  get base() {
    return `/api/sessions/${this.session}`;
  }

  command(name, data = {}) {
    return asked(`${this.base}/${name}`, data);
  }

  /** What the server says about this training, by name. */
  look(name, query = {}) {
    const text = new URLSearchParams(query).toString();
    return asked(`${this.base}/${name}${text ? `?${text}` : ""}`);
  }

  history() {
    return this.look("history");
  }

  frameAt(step) {
    return this.command("frame", { step });
  }

  /** The script to the kept frame nearest to a step, and which step that is. */
  async script(step) {
    const answer = await fetched(this.address("script", step));
    if (answer.ok) {
      const name = answer.headers.get("content-disposition") ?? "";
      return { text: await answer.text(), step: Number(name.match(/-(\d+)\.py/)?.[1] ?? step) };
    }
    const found = await answer.json();
    throw new Refused(found.message, found.field, answer.status);
  }

  address(name, step) {
    return `${this.base}/${name}?step=${step}`;
  }
}
