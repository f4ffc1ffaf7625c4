// Poke it: push an activation of the weights at one step, and see what the output does.
//
// Whatever depends on the length is fetched once for all lengths, so that dragging it
// asks nobody.

import { onScheme } from "./colours.js";
import { answered } from "./live.js";
import { PokeContour } from "./poke-contour.js";
import { PokeCurve, PokeOutputs } from "./poke-curve.js";
import { PokeFields } from "./poke-fields.js";
import { PokePlaces, pokedFeatures } from "./poke-places.js";
import { fillPokeQuarters, fillPokeTable } from "./poke-table.js";
import { pokeAngles, pokeContourStory, pokeCrossedCount, pokeCrossings, pokeLengthText, pokeName, pokeSecondName, pokeStory } from "./poke-words.js";
import { capital } from "./story.js";
import { brief, tell } from "./svg.js";

const POKE_SPEAK_MS = 700;
const POKE_START = 0.25;

/** The part of the page named `poke-…`. */
function pokePart(name) {
  return document.getElementById(`poke-${name}`);
}

class PokeRoom {
  constructor(offered) {
    Object.assign(this, offered, { taken: null, answer: null, found: null, draws: 0, pushes: 0, planes: 0, busy: 0, last: Promise.resolve() });
    this.places = new PokePlaces(pokePart("places"), (base) => this.fields.choose("base", base));
    this.curve = new PokeCurve(pokePart("curve"), (share) => this.moveTo(Math.round(100 * share)));
    this.outputs = new PokeOutputs(pokePart("outputs"));
    this.contour = new PokeContour(pokePart("contour"));
    this.fields = new PokeFields(pokePart("fields"), pokePart("contour-fields"), {
      onPush: () => this.poke(), onSecond: () => this.askContour(), onLevel: () => this.showContour(),
    });
    this.slider = pokePart("length");
    this.slider.value = 100 * POKE_START;
    this.slider.addEventListener("input", () => this.point());
    pokePart("take").addEventListener("click", () => { this.draws = 0; this.take(); });
    pokePart("draw").addEventListener("click", () => { this.draws += 1; this.take(this.taken.step); });
    pokePart("details").addEventListener("toggle", () => this.fillTable());
    onScheme(() => { if (this.answer) this.draw(); });
  }

  /** Called with a frame that the page draws, some times a second. */
  show(frame) {
    this.shown = frame;
    const taken = this.taken
      ? `Taken at step ${brief(this.taken.step)}${this.isOther(frame) ? " of an earlier training" : ""}.`
      : "";
    const words = this.busy && !this.answer ? `${taken} Computing…` : taken;
    tell(pokePart("when"), words);
    const title = this.taken ? "Poke the present weights" : "Poke these weights";
    tell(pokePart("take"), title);
    pokePart("take").disabled = false;
  }

  isOther(frame) {
    return this.taken.session !== this.run.session || frame.generation !== this.taken.generation;
  }

  // --- questions ----------------------------------------------------------------------

  /**
   * Ask the server, one question at a time: what is late by then is not asked at all.
   * What the server refuses is said here. Null where it did, or where it is late.
   */
  async ask(name, data, isLate) {
    const before = this.last;
    let done;
    this.last = new Promise((resolve) => { done = resolve; });
    this.setBusy(1);
    try {
      await before;
      if (isLate()) return null;
      const found = await answered(() => this.run.command(name, data), this.attempt, (error) => {
        if (isLate()) return;
        const lost = error.field === "taken" ? "These weights are no longer kept: poke the present ones." : capital(error.message);
        if (!this.fields.refuse(error.field, lost)) this.refuse(lost);
      });
      return isLate() ? null : found;
    } finally {
      done();
      this.setBusy(-1);
    }
  }

  setBusy(by) {
    this.busy += by;
    const section = document.getElementById("poke");
    section.setAttribute("aria-busy", String(this.busy > 0));
    section.classList.toggle("is-busy", this.busy > 0);
    if (this.shown) this.show(this.shown);
  }

  refuse(text) {
    pokePart("error").textContent = text;
    pokePart("error").hidden = !text;
  }

  async take(step = this.frame().step) {
    const push = ++this.pushes;
    const { session } = this.run;
    this.refuse("");
    const taken = await this.ask("poke-take", { step, draw: this.draws }, () => push !== this.pushes);
    if (!taken) {
      // A push that this one overtook is still to be answered.
      if (push === this.pushes && this.pending) await this.push();
      return;
    }
    const same = this.taken?.n === taken.n && this.taken?.d === taken.d;
    this.taken = { ...taken, session };
    this.answer = this.found = null;
    pokePart("body").hidden = false;
    pokePart("draw").hidden = false;
    pokePart("count").textContent = `${taken.activations.length} real ones, d̄ = ${brief(taken.unit)}`;
    this.places.take(taken);
    this.fields.take(taken, same, (one, k) => `${k + 1}: ${pokedFeatures(one.features)}`);
    this.show(this.shown);
    await this.poke();
  }

  /** The push changed: its curve first, its contour after. */
  async poke() {
    this.fields.clearErrors();
    this.refuse("");
    await this.push();
  }

  async push() {
    const push = ++this.pushes;
    this.planes += 1;
    const question = this.fields.question();
    this.pending = true;
    // Until the answer is there, the one before stays, with its own question.
    this.slider.disabled = true;
    this.places.draw(question.base, null, 0);
    let answer = null;
    try {
      answer = await this.ask("poke-push", { taken: this.taken.taken, ...question }, () => push !== this.pushes);
    } finally {
      if (push === this.pushes) this.pending = false;
    }
    if (push !== this.pushes) return;
    Object.assign(this, { answer, question, found: null });
    this.draw();
    await this.askContour();
  }

  async askContour() {
    // The push that is on its way asks for its contour itself.
    if (this.pending) return;
    this.fields.clearErrors("second");
    this.found = null;
    if (!this.answer || this.taken.d === 1) {
      this.showContour();
      return;
    }
    const plane = ++this.planes;
    this.second = this.fields.second();
    const data = { taken: this.taken.taken, ...this.question, second: this.second };
    const asked = this.ask("poke-contour", data, () => plane !== this.planes);
    this.showContour();
    const found = await asked;
    if (plane !== this.planes) return;
    this.found = found;
    this.showContour();
  }

  // --- what is shown ------------------------------------------------------------------

  draw() {
    const { answer } = this;
    pokePart("body").classList.toggle("is-empty", !answer);
    this.slider.disabled = !answer || this.pending;
    if (!answer) {
      for (const name of ["response", "story", "length-text", "crossings", "crossed"]) pokePart(name).textContent = "";
      pokePart("table").replaceChildren();
      return;
    }
    this.curve.take(answer);
    this.outputs.take(answer);
    pokePart("response").textContent = answer.r10 === null ? "" : `r10 = ${brief(answer.r10)} d̄`;
    pokePart("story").textContent = pokeStory(answer, this.taken);
    pokePart("places-text").textContent = `${this.places.words()} ${pokeAngles(answer, this.question)} Lengths are in d̄ = ${brief(this.taken.unit)}, the mean distance between two real activations.`;
    this.point();
    this.showContour();
    this.speak(pokePart("story").textContent);
  }

  speak(words) {
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => { pokePart("spoken").textContent = words; }, POKE_SPEAK_MS);
  }

  moveTo(k) {
    if (this.slider.disabled) return;
    this.slider.value = k;
    this.point();
  }

  /** Everything that depends on the length. */
  point() {
    const { answer } = this;
    if (!answer) return;
    const k = Number(this.slider.value);
    this.curve.point(k);
    this.outputs.point(k);
    this.contour.point(answer.lengths[k]);
    this.places.draw(this.question.base, answer, answer.lengths[k]);
    const words = pokeLengthText(answer, k);
    pokePart("length-text").textContent = words;
    this.slider.setAttribute("aria-valuetext", words);
    const crossed = pokeCrossings(answer, k);
    pokePart("crossings").textContent = crossed;
    pokePart("crossed").textContent = pokeCrossedCount(answer, k);
    this.speak(`${words}. ${crossed}`);
    this.fillTable();
  }

  showContour() {
    const flat = this.taken?.d === 1;
    const story = pokePart("contour-story");
    const table = pokePart("quarters");
    this.contour.svg.style.display = flat ? "none" : "";
    for (const name of ["contour-key", "contour-fields", "contour-saves"]) pokePart(name).hidden = flat;
    pokePart("contour-saves").classList.toggle("is-off", !this.found);
    if (flat || !this.found) {
      pokePart("exponent").textContent = "";
      table.replaceChildren();
      this.contour.clear();
      story.textContent = flat
        ? "One hidden dimension is a line: two directions at a right angle, which a contour needs, do not exist. Train with d = 2 or more."
        : this.busy && this.answer ? "Computing…" : "";
      return;
    }
    const level = this.found.levels[this.fields.level()];
    const reach = this.question.reach;
    const names = { u: pokeName(this.question), v: pokeSecondName(this.second) };
    this.contour.take(this.found, level, reach, names);
    this.contour.point(this.answer.lengths[Number(this.slider.value)]);
    const p = level.quarters[0].p;
    pokePart("exponent").textContent = p === null ? "no p" : `p = ${brief(p)}`;
    story.textContent = pokeContourStory(level, reach, this.taken, this.found.angle, names);
    this.speak(`${pokePart("story").textContent} ${story.textContent}`);
    fillPokeQuarters(table, level);
  }

  fillTable() {
    if (!pokePart("details").open || !this.answer) return;
    fillPokeTable(pokePart("table"), this.answer, Number(this.slider.value), this.question);
  }
}

export function beginPoke(offered) {
  return new PokeRoom(offered);
}
