// Puts the page together: one run, live or saved, and the pictures of its frames.

import { onScheme } from "./colours.js";
import { SettingsForm } from "./form.js";
import { HeatMap } from "./heat.js";
import { LiveRun, Refused, asked } from "./live.js";
import { LossChart, LossHistory } from "./loss.js";
import { beginRooms } from "./rooms.js";
import { SavedRun } from "./saved.js";
import { capital, shapeDetail, shapeTitle, story } from "./story.js";
import { DimensionalityStrip, NormStrip } from "./strips.js";
import { brief, set, tell } from "./svg.js";
import { fillTable } from "./table.js";
import { addSaves, copied, hashOf, saveAs, savePng, saveSvg, settingsOf } from "./take.js";
import { fittingView } from "./views.js";

const REDUCED_MS = 500;
const TABLE_MS = 500;
// While it plays, all beside the main figure is drawn once in so long: what is painted in
// different corners of a page at the same time makes the browser compose all of it anew.
const PANELS_MS = 250;
const SPEAK_MS = 4000;
// Another model is compiled before its first picture; a wait that is longer is said.
const STARTING_MS = 300;
// Figures beside the main one: their place, what they show, the name of a file of them.
const FIGURES = [
  ["loss", "the loss", "loss"], ["dimensionality", "the dimensionality", "dimensionality"],
  ["map-picture", "the map", "map"], ["poke-curve", "the response", "response"],
  ["poke-contour", "the contour", "contour"], ["quiz-roc-unusual", "the ROC curves against unusual combinations", "roc-unusual"],
  ["quiz-roc-normal", "the ROC curves against normal samples", "roc-normal"],
];
// They show the run as it is; the others were asked about weights of their own.
const OF_THE_RUN = ["loss", "dimensionality"];
// Nothing goes on from here but a new training.
const HALTED = ["diverged", "failed", "ended"];
// No such training any more, and no server that could say so.
const UNANSWERED = [404, 0];
const byId = (id) => document.getElementById(id);
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

const savedData = byId("saved");
const history = new LossHistory();
const charts = {
  loss: new LossChart(byId("loss")),
  dimensionality: new DimensionalityStrip(byId("dimensionality")),
  norms: new NormStrip(byId("norms")),
  heat: new HeatMap(byId("heat"), byId("heat-scale"), byId("heat-low"), byId("heat-high"), byId("heat-text"), (words) => { byId("spoken").textContent = words; }),
};
// The script that is to be seen: to which step it trains, and of which training.
const taken = { step: null, generation: null };
const starting = { waits: 0, shown: false };
const drawn = { frame: null, at: 0, panels: 0, table: 0, spoken: 0 };
let page, run, form, view, newest, past, writtenHash;
let rooms = [];

// --- frames ---------------------------------------------------------------------------

function take(frame) {
  const wasOther = newest && newest.generation !== frame.generation;
  const wasPlaying = newest?.status === "playing";
  const wasFailed = newest?.status === "failed";
  newest = frame;
  if (wasOther) toNow();
  history.take(frame);
  if (drawn.missed || (frame.status !== "playing" && wasPlaying)) refill();
  if (wasFailed !== (frame.status === "failed")) notice("");
  schedule();
}

/** The server kept more losses than frames that came through. */
async function refill() {
  drawn.missed = false;
  const kept = await attempt(() => run.history());
  if (kept?.generation === newest.generation) history.fill(kept);
  drawAll();
}

let scheduled = false;

function schedule() {
  if (scheduled) return;
  scheduled = true;
  const left = reducedMotion.matches && newest?.status === "playing" ? REDUCED_MS - (performance.now() - drawn.at) : 0;
  setTimeout(() => requestAnimationFrame(draw), Math.max(left, 0));
}

function shownFrame() {
  if (!past) return newest;
  const { settings, generation, status } = newest;
  return { ...past, settings, generation, status: HALTED.includes(status) ? "paused" : status };
}

// Numbers that are no longer numbers have no place; the last picture stays.
const hasNumbers = (frame) => frame.norms.every((value) => value !== null);

function draw() {
  scheduled = false;
  if (!newest) return;
  const frame = shownFrame();
  drawn.at = performance.now();
  view = fittingView(byId("stage"), view, frame.W.length, schedule);
  tell(byId("stage-help"), view.help);
  const plays = newest.status === "playing";
  if (hasNumbers(frame)) view.draw(frame, { moving: plays && !past && !reducedMotion.matches });
  tell(byId("scrub-text"), stepWords(frame));
  if (byId("numbers-details").open) tableSoon();
  const { status, generation } = newest;
  const turned = status !== drawn.status || generation !== drawn.generation || past !== drawn.past;
  Object.assign(drawn, { frame, status, generation, past });
  clearTimeout(drawn.later);
  const wait = plays && !turned ? PANELS_MS - (performance.now() - drawn.panels) : 0;
  if (wait <= 0) drawPanels();
  // A newer frame that is about to be drawn sees to them itself.
  else drawn.later = setTimeout(() => { if (!scheduled) drawPanels(); }, wait);
}

/** Everything, as soon as it can be. */
function drawAll() {
  drawn.panels = -Infinity;
  schedule();
}

/** All that is beside the main figure. */
function drawPanels() {
  const { frame } = drawn;
  Object.assign(drawn, { panels: performance.now(), beside: frame });
  charts.loss.draw(history, frame, Math.max(newest.step, frame.step), byId("log-steps").checked);
  if (hasNumbers(frame)) for (const name of ["dimensionality", "norms", "heat"]) charts[name].draw(frame);
  showWords(frame);
  showTransport(frame);
  form.show(newest.settings);
  keepHash();
  for (const room of rooms) room.show(frame);
}

/** A table of a hundred rows is made twice a second at most, and never left behind. */
function tableSoon() {
  if (drawn.waiting) return;
  drawn.waiting = setTimeout(() => {
    drawn.waiting = null;
    showTable(drawn.frame);
  }, Math.max(TABLE_MS - (performance.now() - drawn.table), 0));
}

function showTable(frame) {
  drawn.table = performance.now();
  fillTable(byId("table"), frame);
}

function showWords(frame) {
  const title = shapeTitle(frame);
  const detail = shapeDetail(frame);
  const stored = frame.represented.filter(Boolean).length;
  tell(byId("shape-name"), title);
  tell(byId("shape-detail"), frame.status === "diverged" ? "" : detail);
  tell(byId("story"), story(frame));
  byId("began").hidden = !frame.start;
  tell(byId("began-text"), frame.start ? `Began with the weights of ${frame.start}.` : "");
  tell(byId("loss-number"), brief(frame.loss));
  tell(byId("loss-text"), frame.theory.length ? `Dashed${frame.since ? `, from step ${brief(frame.since)} on, where these settings begin` : ""}: ${frame.theory.map((line) => `“${line.name}”, ${line.meaning}`).join("; ")}.` : "");
  const total = frame.dimensionality.reduce((sum, value) => sum + (value ?? 0), 0);
  const counted = hasNumbers(frame);
  const many = counted ? `${stored} of ${frame.norms.length}` : "–";
  tell(byId("dimensionality-number"), counted ? `sum ${brief(total)} of ${frame.W.length}` : "–");
  tell(byId("norm-number"), counted ? `${many} stored` : "–");
  tell(byId("heat-number"), `${frame.norms.length} × ${frame.norms.length}`);
  const holds = counted ? `${many} features stored in ${frame.W.length} dimensions` : "No numbers any more: the picture is the last one that had them";
  set(view.svg, { "aria-label": `${title}${detail ? `, ${detail}` : ""}. ${holds}, step ${brief(frame.step)}.` });
  const resting = frame.status !== "playing";
  if (resting !== drawn.resting || performance.now() - drawn.spoken > SPEAK_MS) {
    const words = `${frame.status}: ${title}${detail ? `, ${detail}` : ""}`;
    tell(byId("spoken"), words);
    Object.assign(drawn, { resting, spoken: performance.now() });
  }
}

/** Where the picture is in the training. */
function stepWords(frame) {
  return past ? `step ${brief(frame.step)} of ${brief(newest.step)}` : `step ${brief(newest.step)}`;
}

function showTransport(frame) {
  const playing = newest.status === "playing";
  const halted = HALTED.includes(newest.status) && !run.saved;
  const gone = run.ended || drawn.lost;
  const status = drawn.lost ? "not connected" : starting.shown ? "starting" : newest.status;
  tell(byId("play-mark"), playing ? "❚❚" : "▶");
  tell(byId("play-word"), playing ? "Pause" : "Play");
  for (const id of ["play", "step-one", "step-many"]) byId(id).disabled = halted || gone;
  byId("restart").disabled = gone;
  const speed = status === "playing" && newest.steps_per_second ? `, ${brief(newest.steps_per_second)} steps/s` : "";
  tell(byId("status"), status === "starting" ? "starting…" : status + speed);
  byId("status").dataset.status = status;
  if (document.activeElement !== byId("pace")) byId("pace").value = newest.pace ?? "";
  const scrub = byId("scrub");
  scrub.max = run.saved ? run.data.frames[run.data.frames.length - 1].step : newest.step;
  if (!past) scrub.value = newest.step;
  scrub.disabled = Number(scrub.max) === 0;
  scrub.setAttribute("aria-valuetext", stepWords(frame));
  byId("to-now").hidden = !past;
  showLinks();
  showScriptWords();
}

/** Where the weights and the page of the frame that is shown are to be had. */
function showLinks() {
  if (run.saved) return;
  for (const [id, name] of [["weights", "weights"], ["save-page", "page"]]) byId(id).href = run.address(name, drawn.frame.step);
}

// --- commands -------------------------------------------------------------------------

function notice(text, again = false) {
  const words = text || failure();
  byId("notice").hidden = !words;
  // What is said already is not said again.
  tell(byId("notice-text"), words);
  byId("begin-again").hidden = !again && !run?.ended;
}

/** Why the training cannot go on; empty while it can. */
function failure() {
  if (run?.ended) return "This training has ended. Its settings are kept.";
  if (newest?.status !== "failed") return "";
  return `The training has failed: ${newest.failure}. Restart begins it anew.`;
}

function lose(lost) {
  drawn.lost = lost;
  notice(lost ? "The connection is lost; trying again." : "", lost);
  drawAll();
}

/** Nothing comes any more: what was said to play does so no longer. */
function onEnded() {
  drawn.lost = false;
  if (newest) newest = { ...newest, status: "ended" };
  notice("");
  drawAll();
}

/** Do something, and say what went wrong where it belongs. */
async function attempt(work) {
  try {
    const found = await work();
    notice("");
    return found;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (!(error.field && form.refuse(error.field, error.message))) notice(capital(error.message), UNANSWERED.includes(error.status));
    return null;
  }
}

/** Do something that may begin another training, and say so where that takes its time. */
async function begins(work) {
  starting.waits += 1;
  const timer = setTimeout(() => showStarting(true), STARTING_MS);
  try {
    return await attempt(work);
  } finally {
    clearTimeout(timer);
    starting.waits -= 1;
    if (!starting.waits) showStarting(false);
  }
}

function showStarting(shown) {
  if (shown === starting.shown) return;
  starting.shown = shown;
  set(byId("stage"), { "aria-busy": shown });
  drawAll();
}

/**
 * Send what changed; the rest stays as the server has it. What is refused of it does not
 * hold up `latest`, the field that was edited last.
 */
async function changeSettings(changes, latest) {
  form.clearErrors(latest === undefined ? undefined : [latest]);
  const send = (settings) => begins(() => run.command("settings", { settings }));
  let sent = changes;
  let done = await send(sent);
  const others = latest in changes && Object.keys(changes).length > 1;
  if (!done && others && form.hasErrors && !form.isRefused(latest)) {
    sent = { [latest]: changes[latest] };
    done = await send(sent);
  }
  if (!done) return;
  form.accept(sent);
  if (done.restarted) toNow();
}

/** Take other settings, as if somebody had typed them into the form. */
async function change(values) {
  form.replace(values);
  toNow();
  await changeSettings(values);
}

function keepHash() {
  if (run.saved) return;
  const hash = hashOf(newest.settings, page);
  if (hash === writtenHash) return;
  writtenHash = hash;
  window.history.replaceState(null, "", hash || location.pathname);
}

const scrub = { wanted: null, busy: false };

/** Ask for one frame at a time; of those wanted meanwhile only the last one. */
async function scrubTo(step) {
  scrub.wanted = step;
  if (scrub.busy) return;
  scrub.busy = true;
  try {
    while (scrub.wanted !== null) {
      const wanted = scrub.wanted;
      const frame = await attempt(() => run.frameAt(wanted));
      // Back to now while it was on its way.
      if (scrub.wanted === null) return;
      if (frame) past = frame.step === newest.step ? null : frame;
      if (!frame || scrub.wanted === wanted) scrub.wanted = null;
      schedule();
    }
  } finally {
    scrub.busy = false;
  }
}

function toNow() {
  scrub.wanted = null;
  past = null;
  schedule();
}

async function command(name, data) {
  toNow();
  await (name === "restart" ? begins : attempt)(() => run.command(name, data));
}

// --- buttons --------------------------------------------------------------------------

function listen() {
  byId("play").addEventListener("click", () => command(newest?.status === "playing" ? "pause" : "play"));
  byId("step-one").addEventListener("click", () => command("step", { count: 1 }));
  byId("step-many").addEventListener("click", () => command("step", { count: 100 }));
  byId("restart").addEventListener("click", () => command("restart"));
  byId("pace").addEventListener("change", (event) => attempt(() =>
    run.command("pace", { pace: event.target.value ? Number(event.target.value) : null })));
  byId("scrub").addEventListener("input", (event) => scrubTo(Number(event.target.value)));
  byId("to-now").addEventListener("click", () => { toNow(); byId("scrub").focus(); });
  byId("log-steps").addEventListener("change", drawAll);
  byId("numbers-details").addEventListener("toggle", () => { if (drawn.frame) showTable(drawn.frame); });
  byId("begin-random").addEventListener("click", () => command("restart", { fresh: true }));
  byId("begin-again").addEventListener("click", () => connect(form.values, true));
  byId("copy-link").addEventListener("click", copyLink);
  byId("show-script").addEventListener("click", showScript);
  byId("copy-script").addEventListener("click", async () => say(await copied(byId("script").textContent) ? "Copied." : "The browser does not allow copying here; select the text."));
  byId("save-script").addEventListener("click", () => saveAs(byId("script").textContent, `toymodels-run-step-${taken.step}.py`, "text/x-python"));
  for (const id of ["weights", "save-page"]) byId(id).addEventListener("click", showLinks);
  byId("save-svg").addEventListener("click", () => saveSvg(view.svg, fileName()));
  byId("save-png").addEventListener("click", () => savePng(view.svg, fileName()));
  for (const [place, title, name] of FIGURES) {
    addSaves(byId(place), title, () => `toymodels-${name}${OF_THE_RUN.includes(name) ? `-step-${drawn.beside.step}` : ""}`);
  }
  onScheme(drawAll);
  window.addEventListener("hashchange", () => {
    if (run.saved || location.hash === writtenHash) return;
    change(settingsOf(location.hash, page));
  });
  document.addEventListener("keydown", (event) => {
    const busy = event.target.closest?.("input, select, button, a, summary, textarea, [tabindex]");
    if (event.key !== " " || busy || event.repeat) return;
    event.preventDefault();
    byId("play").click();
  });
}

function fileName() {
  return `toymodels-${drawn.frame.shape.replace(/[^a-z0-9]+/gi, "-").replace(/^-|-$/g, "")}-step-${drawn.frame.step}`;
}

function say(text) {
  byId("take-text").textContent = text;
  byId("spoken").textContent = text;
}

async function copyLink() {
  const done = await copied(location.href);
  const less = drawn.frame.start ? " It does not hold the weights that this run began with; the script does." : "";
  say((done ? "The link is copied: it restores all settings." : `Copy this address: ${location.href}`) + less);
}

async function showScript() {
  if (drawn.frame.step === 0) {
    say("There is nothing to make again yet: at least one step of training comes first.");
    return;
  }
  const { generation } = newest;
  const made = await attempt(() => run.script(drawn.frame.step));
  if (made === null) return;
  Object.assign(taken, { step: made.step, generation });
  byId("script").textContent = made.text;
  byId("script-panel").hidden = false;
  showScriptWords();
  byId("script-panel").scrollIntoView({ block: "nearest" });
}

/** To which step the script below trains, and whether that is what the picture shows. */
function showScriptWords() {
  if (taken.step === null) return;
  const { step, generation } = drawn.frame;
  const where = `step ${brief(taken.step)}`;
  const trains = run.saved ? `The script of a saved page trains to its last frame, ${where}.` : `This script trains to ${where}.`;
  const again = run.saved ? "." : ": press “As Python” again for that one.";
  let other = "";
  if (generation !== taken.generation) other = " The picture is of another training: press “As Python” again for that one.";
  else if (step !== taken.step) other = ` The picture shows step ${brief(step)}${again}`;
  tell(byId("script-text"), trains + other);
}

function showExamples() {
  for (const example of page.examples) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "example", textContent: example.name });
    button.setAttribute("aria-describedby", "example-text");
    button.addEventListener("click", async () => {
      byId("example-text").textContent = example.text;
      await change(example.controls);
      await begins(() => run.command("restart"));
      await attempt(() => run.command("play"));
    });
    byId("examples").append(button);
  }
  byId("example-text").textContent = "Each begins a training and plays it. Then change something while it runs.";
}

// --- beginning ------------------------------------------------------------------------

async function connect(settings, fresh = false) {
  // Asked now: the first frame that is drawn writes a hash of its own.
  const linked = location.hash !== "";
  let resumed = await begins(() => run.begin(settings, fresh));
  // Settings of a link that the server refuses: say so, and begin with others.
  const refused = resumed === null && form.hasErrors;
  if (refused) resumed = await attempt(() => run.begin({}, true));
  if (resumed === null) return;
  toNow();
  const kept = await attempt(() => run.history());
  if (kept) history.fill(kept);
  drawAll();
  if (resumed && linked) await changeSettings(settings);
  else if (!refused) form.accept(settings);
}

async function beginLive() {
  page = await asked("/api/page");
  run = new LiveRun({
    onFrame: take,
    onFound: () => { if (drawn.lost) lose(false); },
    onShown: () => { drawn.missed = true; },
    onLost: () => { drawn.missed = true; lose(true); },
    onEnded,
  });
  form = new SettingsForm(byId("controls"), page, changeSettings);
  showExamples();
  listen();
  rooms = beginRooms({ run, page, attempt, change, frame: () => drawn.frame });
  const settings = settingsOf(location.hash, page);
  form.replace(settings);
  await connect(settings);
}

async function beginSaved() {
  const data = JSON.parse(savedData.textContent);
  page = data.page;
  run = new SavedRun(data, { onFrame: take });
  form = new SettingsForm(byId("controls"), page, () => {});
  form.disable();
  document.body.classList.add("saved");
  for (const id of ["step-one", "step-many", "restart", "pace-label", "examples", "example-text", "weights", "save-page", "copy-link", "begin-random"]) byId(id).hidden = true;
  byId("take-text").textContent = data.about;
  // Nothing can be played that is one picture.
  if (data.frames.length === 1) for (const id of ["play", "scrub-row", "status"]) byId(id).hidden = true;
  listen();
  await run.begin();
  history.fill(await run.history());
  drawAll();
}

(savedData ? beginSaved() : beginLive()).catch((error) => notice(`The page could not begin: ${error.message}`));
