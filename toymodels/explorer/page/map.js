// The map: models over their settings, from the store or made here, to go on from.

import { onScheme } from "./colours.js";
import { answered } from "./live.js";
import { MapPicture } from "./mapview.js";
import { capital, shapeDetail, shapeTitle } from "./story.js";
import { brief } from "./svg.js";
import { filled } from "./table.js";
import { fittingView } from "./views.js";

const MAP_POLL_MS = 400;
const inMap = (id) => document.getElementById(`map-${id}`);

function mapNode(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

class MapRoom {
  constructor({ run, attempt }) {
    Object.assign(this, { run, attempt, session: null, map: null, maps: [], settings: null });
    this.picture = new MapPicture(inMap("picture"), {
      onPoint: (k) => this.showPoint(k), onTake: (k) => this.take(k),
    });
    inMap("select").addEventListener("change", () => this.load(inMap("select").value));
    inMap("make").addEventListener("click", () => this.make());
    inMap("give-up").addEventListener("click", () => this.ask(() => this.run.command("give-up-map")));
    inMap("load").addEventListener("click", () => this.take(this.picture.active));
    inMap("details").addEventListener("toggle", () => this.fillTable());
    onScheme(() => { if (this.view && !inMap("stage").hidden) this.drawPoint(this.map.points[this.picture.active]); });
    // Reading the store takes a moment, which only those pay who come here.
    new IntersectionObserver((seen) => {
      this.near = seen.some((one) => one.isIntersecting);
      this.list();
    }, { rootMargin: "400px" }).observe(document.getElementById("map"));
  }

  show(frame) {
    this.list();
    const { settings } = frame;
    const text = JSON.stringify(settings);
    if (text === this.settingsText) return;
    this.settingsText = text;
    this.settings = settings;
    this.showRun();
  }

  // --- which maps there are -------------------------------------------------------

  /** Ask for the list where it is not known yet, or again for one that was made. */
  async list(chosen = null) {
    if (!this.near || !this.run.session || (this.session === this.run.session && !chosen)) return;
    this.session = this.run.session;
    const found = await this.ask(() => this.run.look("maps"));
    if (!found) return;
    this.maps = found.maps;
    inMap("select").replaceChildren(...this.maps.map(({ id, title }) => mapNode("option", { value: id, textContent: title })));
    inMap("select-label").hidden = !this.maps.length;
    if (!this.maps.length) {
      this.say("There is no map in the store yet: “make figures” leaves some. One of this run takes some seconds.");
    } else {
      await this.load(chosen ?? this.fitting());
    }
    if (found.making.state === "training") this.follow();
  }

  /** The map of the run's model, or the first. */
  fitting() {
    const same = this.maps.find((one) => this.settings && ["n", "d", "activation"].every((name) => one[name] === this.settings[name]));
    return (same ?? this.maps[0]).id;
  }

  async load(id) {
    inMap("select").value = id;
    inMap("body").setAttribute("aria-busy", "true");
    if (!this.map) this.say("Reading the map…");
    const map = await this.ask(() => this.run.look("map", { id }));
    inMap("body").setAttribute("aria-busy", "false");
    if (!map) return;
    this.map = map;
    inMap("body").hidden = inMap("details").hidden = false;
    this.showLegend();
    this.picture.fill(map, this.isOfRun() ? this.settings : null);
    this.showRun();
    this.fillTable();
  }

  /** Do something; what went wrong is said here, where one looks. */
  ask(work) {
    return answered(work, this.attempt, (error) => this.say(capital(error.message)));
  }

  say(text) {
    if (inMap("status").textContent !== text) inMap("status").textContent = text;
  }

  // --- one that is made here -----------------------------------------------------

  async make() {
    const begun = await this.ask(() => this.run.command("make-map"));
    if (!begun) return;
    this.say("A map of this run's model is being trained; the run goes on.");
    this.follow();
  }

  async follow() {
    const isOurs = (this.following = {});
    inMap("progress").hidden = false;
    inMap("make").disabled = true;
    let now;
    do {
      await new Promise((done) => setTimeout(done, MAP_POLL_MS));
      now = await this.ask(() => this.run.look("map-making"));
      if (this.following !== isOurs) return;
      if (now?.state === "training") {
        inMap("bar").value = now.step / now.steps;
        inMap("progress-text").textContent = now.step ? `${brief(now.step)} of ${brief(now.steps)} steps` : "compiling…";
      }
    } while (now?.state === "training");
    inMap("progress").hidden = true;
    inMap("make").disabled = false;
    if (now?.state === "done") await this.list(now.map);
    else this.say({ "given up": "The map was given up.", failed: `The map could not be made: ${now?.message}` }[now?.state] ?? "");
  }

  // --- what is drawn -------------------------------------------------------------

  showLegend() {
    const grid = this.map.axes.length > 1;
    const entries = this.map.phases.map((name, k) => mapNode("li", {}, mapNode("span", { className: `swatch phase-${k}` }), name));
    if (this.map.boundary) entries.push(mapNode("li", {}, mapNode("span", { className: "swatch phase-line" }), "closed form"));
    inMap("legend").replaceChildren(...entries);
    const what = grid
      ? "The colour says what became of feature 2, whose importance changes from row to row."
      : "One column for each model, one row for each of its features.";
    const edge = this.map.boundary ? " Dashed: where the closed form changes from one solution to another." : "";
    inMap("text").textContent = `${what} Stored features have ‖W‖² of at least a half; those in superposition share directions with others (Elhage et al. 2022).${edge} What this does not show: other restarts, which may end in other shapes. Restarts of a training share their initial weights over all points, so where they fail they fail together.`;
  }

  /** Whether the run is of the models of the map. */
  isOfRun() {
    const first = this.map.points[0].controls;
    return ["n", "d", "activation"].every((name) => this.settings?.[name] === first[name]);
  }

  showRun() {
    if (!this.map || !this.settings) return;
    const [now, first] = [this.settings, this.map.points[0].controls];
    const same = this.isOfRun();
    const placed = this.picture.showRun(same ? now : null);
    this.here = placed ? "" : same
      ? `This run, S = ${brief(now.sparsity)}, is beyond the map's edge.`
      : `This run has n = ${now.n}, d = ${now.d}${now.activation === first.activation ? "" : ", another output"}: it is not on this map.`;
    const differ = placed && ["importance_decay", "exponent", "groups", "backdoor_size"]
      .filter((name) => now[name] !== first[name] && !(name === "importance_decay" && this.map.axes.length > 1));
    if (differ?.length) this.here = `This run has another ${differ.map((name) => name.replace("_", " ")).join(", ")} than the map.`;
    this.writeStatus();
  }

  writeStatus() {
    this.say([this.map.source, this.here].filter(Boolean).join(" "));
  }

  showPoint(k) {
    const point = this.map.points[k];
    inMap("shape").textContent = shapeTitle({ ...point, step: 1 });
    inMap("distance").textContent = shapeDetail({ ...point, step: 1 });
    const finite = point.norms.every((value) => value !== null);
    inMap("load").disabled = !finite;
    inMap("stage").hidden = !finite;
    if (finite) this.drawPoint(point);
    else inMap("shape").textContent = "Diverged";
    const count = (phase) => point.phases.filter((one) => one === phase).length;
    const n = point.phases.length;
    const numbers = [
      ["Sparsity S", brief(point.controls.sparsity)],
      ...(this.map.axes.length > 1 ? [["Relative importance", brief(point.controls.importance_decay)]] : []),
      ["Loss", brief(point.loss)],
      ["Stored", `${count(1) + count(2)} of ${n}: ${count(1)} with a dimension of their own, ${count(2)} in superposition`],
      ["Dimensionality", this.dimensionality(point)],
    ];
    inMap("numbers").replaceChildren(...numbers.flatMap(([name, text]) => [mapNode("dt", { textContent: name }), mapNode("dd", { textContent: text })]));
  }

  dimensionality(point) {
    const kept = point.dimensionality.filter((value, i) => point.represented[i] && value !== null);
    if (!kept.length) return "–";
    const [low, high] = [Math.min(...kept), Math.max(...kept)].map((value) => brief(Number(value.toFixed(2))));
    return low === high ? `${low} for each stored feature` : `${low} to ${high} for stored features`;
  }

  drawPoint(point) {
    this.view = fittingView(inMap("stage"), this.view, point.W.length, () => this.drawPoint(this.map.points[this.picture.active]));
    this.view.draw(point, { moving: false });
    this.view.svg.setAttribute("aria-label", `Geometry of the point: ${shapeTitle({ ...point, step: 1 })}`);
  }

  fillTable() {
    if (!inMap("details").open || !this.map) return;
    const grid = this.map.axes.length > 1;
    const heads = ["S", ...(grid ? ["relative importance"] : []), "loss", "stored", "own dimension", "in superposition", "shape"];
    const rows = this.map.points.map((point) => {
      const count = (phase) => point.phases.filter((one) => one === phase).length;
      return [brief(point.controls.sparsity), ...(grid ? [brief(point.controls.importance_decay)] : []), brief(point.loss), count(1) + count(2), count(1), count(2), point.shape];
    });
    filled(inMap("table"), this.map.title, heads, rows);
  }

  // --- going on from a point -------------------------------------------------------

  async take(k) {
    const done = await this.ask(() => this.run.command("begin-from", { map: this.map.id, point: k }));
    if (!done) return;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    document.getElementById("picture").scrollIntoView({ behavior: calm ? "auto" : "smooth" });
    document.getElementById("play").focus({ preventScroll: true });
  }
}

export function beginMap(offered) {
  return new MapRoom(offered);
}
