// Room: plant a point, choose how often it comes, and see where it goes.

import { onScheme } from "./colours.js";
import { answered } from "./live.js";
import { plantedStory, plantedWords } from "./planted.js";
import { beginQuiz } from "./quiz.js";
import { nudged } from "./slider.js";
import { brief } from "./svg.js";
import { fittingView } from "./views.js";

const MOST_CHIPS = 30;
const RATE_DELAY_MS = 80;
const RATE_HIGH = 0.5;
// After an edit, so long is what the server holds not written over it.
const EDITED_MS = 1000;
const plantPart = (name) => document.getElementById(`plant-${name}`);

/** Even in the root: most of the slider is for shares below a tenth. */
const rateAt = (place) => Number((RATE_HIGH * place ** 2).toFixed(3));
const placeOf = (rate) => Math.sqrt(Math.min(rate, RATE_HIGH) / RATE_HIGH);

class PlantPanel {
  constructor(offered) {
    // What the server holds; what was changed here and it has not taken; what is shown over
    // the first until frames can have it.
    Object.assign(this, { offered, held: null, unsent: {}, edits: {}, chipsFor: null });
    for (const example of offered.page.planted) this.addExample(example);
    plantPart("preset-text").textContent = "Each begins a training with a planted point. Or choose one for the run above: it is planted at once, and nothing restarts.";
    plantPart("rate").addEventListener("input", () => this.rateSoon(rateAt(Number(plantPart("rate").value))));
    plantPart("rate").addEventListener("keydown", (event) => this.nudge(event));
    plantPart("rate-box").addEventListener("change", () => this.sendTyped("backdoor_rate", plantPart("rate-box")));
    plantPart("size").addEventListener("change", () => this.sendTyped("backdoor_size", plantPart("size"), { backdoor_point: "" }));
    for (const button of plantPart("rates").querySelectorAll("[data-rate]")) {
      button.addEventListener("click", () => this.send({ backdoor_rate: Number(button.dataset.rate) }));
    }
    plantPart("out").addEventListener("click", () => this.send({ backdoor_size: 0, backdoor_point: "", backdoor_rate: 0 }));
  }

  addExample(example) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "example", textContent: example.name });
    button.setAttribute("aria-describedby", "plant-preset-text");
    button.addEventListener("click", async () => {
      plantPart("preset-text").textContent = example.text;
      this.forget();
      await this.offered.change(example.controls);
      const { run } = this.offered;
      for (const [name, data] of [["pace", { pace: example.pace }], ["restart"], ["play"]]) {
        await this.offered.attempt(() => run.command(name, data));
      }
    });
    plantPart("presets").append(button);
  }

  /** What holds, and over it what is just being changed. */
  get settings() {
    return { ...this.held, ...this.edits };
  }

  edit(changes) {
    this.edits = { ...this.edits, ...changes };
    this.editedAt = performance.now();
  }

  /** Send what changed; what the server objects to is said here. */
  async send(changes) {
    if (!this.held) return;
    this.clearError();
    this.edit(changes);
    this.unsent = { ...this.unsent, ...changes };
    const sent = this.unsent;
    const { run, attempt } = this.offered;
    const done = await answered(() => run.command("settings", { settings: sent }), attempt, (error) => {
      plantPart("error").textContent = error.message;
      plantPart("error").hidden = false;
    });
    this.refused = !done;
    if (done) this.unsent = Object.fromEntries(Object.entries(this.unsent).filter(([name, value]) => sent[name] !== value));
  }

  sendTyped(name, box, others = {}) {
    const text = box.value.trim();
    this.send({ ...others, [name]: text !== "" && Number.isFinite(Number(text)) ? Number(text) : text });
  }

  clearError() {
    this.refused = false;
    plantPart("error").hidden = true;
  }

  /** What was changed here is no longer wanted. */
  forget() {
    this.clearError();
    [this.unsent, this.edits] = [{}, {}];
  }

  rateSoon(rate) {
    this.edit({ backdoor_rate: rate });
    this.showRate();
    // Also while it is dragged, with the share that is the newest by then.
    this.waiting ??= setTimeout(() => {
      this.waiting = null;
      this.send({ backdoor_rate: this.settings.backdoor_rate });
    }, RATE_DELAY_MS);
  }

  nudge(event) {
    const place = nudged(event, plantPart("rate"));
    if (place !== null) this.rateSoon(rateAt(place));
  }

  /** The values of the point that is planted, by feature from 0. */
  point() {
    const pairs = this.settings.backdoor_point.split(/[\s,]+/).filter(Boolean).map((pair) => pair.split(":").map(Number));
    if (pairs.length) return new Map(pairs.map(([feature, value]) => [feature - 1, value]));
    const planted = this.settings.backdoor_size > 0 ? this.frame.planted : null;
    return new Map((planted?.features ?? []).map((i, k) => [i, planted.values[k]]));
  }

  sendPoint(point) {
    const pairs = [...point].sort((a, b) => a[0] - b[0]);
    this.send({ backdoor_size: 0, backdoor_point: pairs.map(([i, value]) => `${i + 1}:${value}`).join(" ") });
  }

  show(frame) {
    this.frame = frame;
    clearTimeout(this.later);
    const left = EDITED_MS - (performance.now() - (this.editedAt ?? -1e9));
    const changed = (name) => this.held && this.held[name] !== frame.settings[name];
    // Changed elsewhere: another training, or what was refused here.
    if (changed("n") || (this.refused && Object.keys(this.unsent).some(changed))) this.forget();
    this.held = frame.settings;
    if (left > 0) this.later = setTimeout(() => this.show(this.frame), left);
    else if (!this.waiting) this.edits = { ...this.unsent };
    this.showChips();
    this.showRate();
    this.showWhere(frame);
  }

  showChips() {
    const { n } = this.settings;
    const choosable = n <= MOST_CHIPS;
    plantPart("features").hidden = !choosable;
    plantPart("size-field").hidden = choosable;
    if (document.activeElement !== plantPart("size")) plantPart("size").value = this.settings.backdoor_point ? this.point().size : this.settings.backdoor_size;
    if (!choosable) return;
    if (this.chipsFor !== n) this.makeChips(n);
    const point = this.point();
    for (const { check, value, box } of this.chips) {
      check.checked = point.has(value.feature);
      box.hidden = !check.checked;
      if (check.checked && document.activeElement !== box) box.value = brief(point.get(value.feature));
    }
  }

  makeChips(n) {
    this.chipsFor = n;
    this.chips = Array.from({ length: n }, (_, feature) => {
      const check = Object.assign(document.createElement("input"), { type: "checkbox" });
      const label = document.createElement("label");
      label.append(check, String(feature + 1));
      const box = Object.assign(document.createElement("input"), { type: "text", inputMode: "decimal", hidden: true });
      box.setAttribute("aria-label", `Value of feature ${feature + 1}`);
      box.setAttribute("aria-describedby", "plant-error");
      check.addEventListener("change", () => {
        const point = this.point();
        if (check.checked) point.set(feature, 1);
        else point.delete(feature);
        this.sendPoint(point);
        this.showChips();
      });
      box.addEventListener("change", () => this.sendPoint(this.point().set(feature, box.value.trim() || "?")));
      const place = Object.assign(document.createElement("span"), { className: "chip" });
      place.append(label, box);
      return { place, check, box, value: { feature } };
    });
    plantPart("chips").replaceChildren(...this.chips.map((chip) => chip.place));
  }

  showRate() {
    const { backdoor_rate: rate } = this.settings;
    if (document.activeElement !== plantPart("rate")) plantPart("rate").value = placeOf(rate);
    plantPart("rate").setAttribute("aria-valuetext", `${brief(100 * rate)} %`);
    if (document.activeElement !== plantPart("rate-box")) plantPart("rate-box").value = rate;
    for (const button of plantPart("rates").querySelectorAll("[data-rate]")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.rate) === rate));
    }
  }

  showWhere(frame) {
    const { planted } = frame;
    for (const control of [...plantPart("rates").querySelectorAll("button"), plantPart("rate"), plantPart("rate-box")]) control.disabled = !planted;
    plantPart("number").textContent = planted ? `${planted.features.length} features on together` : "none";
    plantPart("where").textContent = planted ? plantedWords(planted) : "Choose the features that it has on.";
    plantPart("story").textContent = planted ? plantedStory(frame, this.settings) : "";
  }
}

/** The run's picture once more, beside the share, while it can be seen. */
class SmallPicture {
  constructor(place) {
    this.place = place;
    onScheme(() => { if (this.visible && this.frame) this.draw(); });
    new IntersectionObserver((entries) => {
      this.visible = entries[entries.length - 1].isIntersecting;
      if (this.visible && this.frame) this.draw();
    }).observe(place);
  }

  show(frame) {
    this.frame = frame;
    if (this.visible) this.draw();
  }

  draw() {
    const { frame } = this;
    if (!frame.planted) {
      this.place.replaceChildren();
      this.view = null;
    }
    if (!frame.planted || !frame.norms.every((value) => value !== null)) return;
    this.view = fittingView(this.place, this.view, frame.W.length, () => this.draw());
    this.view.draw(frame, { moving: false });
    this.view.svg.setAttribute("aria-label", `The columns of W and the planted point. ${plantedWords(frame.planted)}`);
  }
}

/** The room: the planted point on one side, the quiz on the other. */
export function beginBackdoor(offered) {
  const panel = new PlantPanel(offered);
  const picture = new SmallPicture(plantPart("stage"));
  const quiz = beginQuiz(offered);
  return {
    show(frame) {
      panel.show(frame);
      picture.show(frame);
      quiz.show(frame);
    },
  };
}
