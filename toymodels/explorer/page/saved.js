// A run inside a saved page: the same frames, played again without a server.

const REPLAY_MS = 50;

export class SavedRun {
  constructor(data, { onFrame }) {
    Object.assign(this, { data, onFrame, saved: true, place: data.frames.length - 1, timer: null });
  }

  async begin() {
    this.show("paused");
    return true;
  }

  show(status) {
    const last = this.place === this.data.frames.length - 1;
    const shown = last && this.data.status === "diverged" ? "diverged" : status;
    this.onFrame({
      ...this.data.frames[this.place], generation: 1, status: shown, pace: null,
      steps_per_second: 0, settings: this.data.frames[this.place].controls,
    });
  }

  async command(name) {
    clearInterval(this.timer);
    if (this.data.frames.length === 1) return {};
    if (name === "pause") this.show("paused");
    if (name !== "play") return {};
    if (this.place === this.data.frames.length - 1) this.place = 0;
    this.timer = setInterval(() => {
      this.place += 1;
      const ends = this.place >= this.data.frames.length - 1;
      if (ends) clearInterval(this.timer);
      this.show(ends ? "paused" : "playing");
    }, REPLAY_MS);
    this.show("playing");
    return {};
  }

  async history() {
    const frames = this.data.frames;
    if (this.data.history) return { generation: 1, ...this.data.history };
    return { generation: 1, steps: frames.map((frame) => frame.step), losses: frames.map((frame) => frame.loss) };
  }

  async frameAt(step) {
    return this.data.frames.reduce((near, frame) =>
      (Math.abs(frame.step - step) < Math.abs(near.step - step) ? frame : near));
  }

  async script() {
    return { text: this.data.script, step: this.data.frames[this.data.frames.length - 1].step };
  }
}
