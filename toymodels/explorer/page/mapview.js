// A map as a picture: one cell for each point and feature, or for each point of a grid.

import { add, brief, pointsOf, pool, set } from "./svg.js";

const MAP = { left: 62, right: 14, top: 34, bottom: 46 };
const MAP_TALL = 400;
// In pixels of the page, so that words keep their size on a phone.
const [MAP_NARROWEST, MAP_WIDEST] = [260, 900];
const MAP_DOT = 4;
const MOST_CELL = 60;
const LEAST_CELL = 3.4;
// Smaller cells have no room for a mark; the table says what they are.
const MARKED_CELL = 8;
const COLUMN_TICK_WIDTH = 64;
const MOST_ROW_TICKS = 12;

/** Even in what the cells are even in. */
function straight(name, value) {
  return name === "sparsity" ? -Math.log(1 - value) : Math.log(value);
}

/** Where a value lies between the cells of an axis, from 0; null beyond its ends. */
export function placeOn(axis, value) {
  const places = axis.values.map((one) => straight(axis.name, one));
  const wanted = straight(axis.name, value);
  const last = places.length - 1;
  const slack = last ? (places[last] - places[0]) / last / 2 : 0;
  if (!(wanted >= places[0] - slack && wanted <= places[last] + slack)) return null;
  let k = 0;
  while (k < last - 1 && wanted > places[k + 1]) k++;
  const step = places[k + 1] - places[k];
  return k + (step ? (wanted - places[k]) / step : 0);
}

function everySome(count, most) {
  return Math.max(1, Math.ceil(count / most));
}

export class MapPicture {
  constructor(place, { onPoint, onTake }) {
    Object.assign(this, { place, onPoint, onTake, active: -1 });
    place.replaceChildren();
    this.svg = add(place, "svg", { class: "map", tabindex: 0, role: "listbox" });
    this.labels = add(this.svg, "g", { role: "none", "aria-hidden": "true" });
    this.cells = add(this.svg, "g", { role: "none" });
    this.theory = add(this.svg, "g", { class: "map-theory", role: "none" });
    this.frame = add(this.svg, "rect", { class: "map-active", role: "none" });
    this.here = add(this.svg, "g", { class: "map-here", role: "none", "aria-hidden": "true" });
    this.listen();
    new ResizeObserver(() => {
      if (this.map && this.fittingWidth() !== this.width) this.draw();
    }).observe(place);
  }

  fittingWidth() {
    return Math.round(Math.min(Math.max(this.place.clientWidth, MAP_NARROWEST), MAP_WIDEST));
  }

  /** A map as the server describes it; it begins with the point nearest to settings. */
  fill(map, settings) {
    Object.assign(this, { map, active: -1 });
    this.draw();
    this.point(this.nearest(settings));
  }

  draw() {
    const map = this.map;
    this.width = this.fittingWidth();
    [this.across, this.up] = map.axes;
    this.columns = this.across.values.length;
    this.rows = this.up ? this.up.values.length : map.points[0].phases.length;
    const wide = (this.width - MAP.left - MAP.right) / this.columns;
    const tall = Math.min(Math.max(MAP_TALL / this.rows, LEAST_CELL), MOST_CELL);
    Object.assign(this, { wide, tall, height: MAP.top + MAP.bottom + tall * this.rows });
    set(this.svg, { viewBox: `0 0 ${this.width} ${this.height}`, "aria-label": `${map.title}. Arrow keys go from point to point, Enter trains on from one.` });
    this.drawCells();
    this.drawLabels();
    this.drawTheory();
    this.showRun(this.run);
    if (map.points[this.active]) this.mark(this.active);
  }

  x(column) {
    return MAP.left + this.wide * column;
  }

  /** Features from the top, importance from below. */
  y(row) {
    return MAP.top + this.tall * (this.up ? this.rows - 1 - row : row);
  }

  drawCells() {
    this.cells.replaceChildren();
    const gap = Math.min(this.wide, this.tall) > MARKED_CELL ? 1.5 : 0.3;
    const marked = Math.min(this.wide, this.tall) >= MARKED_CELL;
    this.map.points.forEach((point, k) => {
      const group = add(this.cells, "g", { id: `map-point-${k}`, role: "option", "aria-selected": "false", "aria-label": this.words(k) });
      // Of a grid the feature whose importance differs, else every feature.
      const left = this.x(k % this.columns);
      // Between the cells one points at them too.
      add(group, "rect", { x: left, width: this.wide, class: "map-ground", y: this.up ? this.y(Math.floor(k / this.columns)) : MAP.top, height: this.up ? this.tall : this.tall * this.rows });
      const shown = this.up ? point.phases.slice(-1) : point.phases;
      shown.forEach((phase, feature) => {
        const [x, y] = [left, this.y(this.up ? Math.floor(k / this.columns) : feature)];
        add(group, "rect", { x: x + gap / 2, y: y + gap / 2, width: this.wide - gap, height: this.tall - gap, rx: marked ? 2 : 0, class: `phase-${phase ?? "none"}` });
        if (marked && phase === 2) add(group, "circle", { cx: x + this.wide / 2, cy: y + this.tall / 2, r: Math.min(Math.min(this.wide, this.tall) / 6, MAP_DOT), class: "phase-dot" });
        if (marked && phase === null) add(group, "text", { x: x + this.wide / 2, y: y + this.tall / 2 + 4, class: "tick middle" }, "×");
      });
      group.dataset.point = k;
    });
  }

  words(k) {
    const { controls, shape } = this.map.points[k];
    const ratio = this.up ? `, relative importance ${brief(controls.importance_decay)}` : "";
    return `S = ${brief(controls.sparsity)}${ratio}: ${shape}`;
  }

  drawLabels() {
    this.labels.replaceChildren();
    const below = MAP.top + this.tall * this.rows;
    const everyColumn = everySome(this.columns, (this.width - MAP.left - MAP.right) / COLUMN_TICK_WIDTH);
    this.across.values.forEach((value, k) => {
      if (k % everyColumn && k !== this.columns - 1) return;
      if (k !== this.columns - 1 && this.columns - 1 - k < everyColumn) return;
      add(this.labels, "text", { x: this.x(k + 0.5), y: below + 17, class: "tick middle" }, brief(Number(value.toPrecision(3))));
    });
    add(this.labels, "text", { x: MAP.left + (this.width - MAP.left - MAP.right) / 2, y: below + 38, class: "middle" }, this.across.label);
    const everyRow = everySome(this.rows, MOST_ROW_TICKS);
    for (let row = 0; row < this.rows; row += everyRow) {
      const text = this.up ? brief(Number(this.up.values[row].toPrecision(2))) : row + 1;
      add(this.labels, "text", { x: MAP.left - 8, y: this.y(row) + this.tall / 2 + 4, class: "tick end" }, text);
    }
    const middle = MAP.top + (this.tall * this.rows) / 2;
    add(this.labels, "text", { transform: `translate(16 ${middle}) rotate(-90)`, class: "middle" }, this.up ? "relative importance" : "feature");
  }

  /** Middle of the cells at S and, of a grid, r; null off the map. */
  placeOf(sparsity, ratio) {
    const column = placeOn(this.across, sparsity);
    const row = this.up ? placeOn(this.up, ratio) : 0;
    if (column === null || row === null) return null;
    return [this.x(column + 0.5), this.y(row) + this.tall / 2];
  }

  drawTheory() {
    const lines = this.map.boundary ?? [];
    const nodes = [];
    // Twice: a pale line below a dark one can be seen on every colour.
    for (const kind of ["halo", "line"]) for (const line of lines) nodes.push([kind, line]);
    const drawn = pool(this.theory, "polyline", nodes.length);
    nodes.forEach(([kind, line], k) => {
      const places = line.map(([S, r]) => this.placeOf(Math.max(S, 0), r)).filter(Boolean);
      set(drawn[k], { class: kind, points: pointsOf(places) });
    });
  }

  /** Where the run is; nowhere when null. */
  showRun(settings) {
    this.run = settings;
    const place = settings && this.placeOf(settings.sparsity, settings.importance_decay);
    this.here.replaceChildren();
    if (!place) return false;
    const [x, y] = place;
    const bottom = MAP.top + this.tall * this.rows;
    if (this.up) {
      add(this.here, "circle", { cx: x, cy: y, r: 9, class: "halo" });
      add(this.here, "circle", { cx: x, cy: y, r: 9 });
    } else {
      add(this.here, "path", { d: `M${x} ${bottom + 3}l-5 7h10z` });
    }
    add(this.here, "path", { d: `M${x} ${MAP.top - 3}l-6 -9h12z` });
    const side = x < 80 ? "start" : x > this.width - 60 ? "end" : "middle";
    add(this.here, "text", { x: side === "start" ? x - 6 : side === "end" ? x + 6 : x, y: MAP.top - 17, class: side }, "this run");
    return true;
  }

  /** Make a point the one that is looked at. */
  point(k) {
    this.cells.children[this.active]?.setAttribute("aria-selected", "false");
    this.mark(k);
    this.onPoint(k);
  }

  /** The point nearest to settings; one in the middle where they are off the map. */
  nearest(settings) {
    const column = settings && placeOn(this.across, settings.sparsity);
    const row = this.up && settings ? placeOn(this.up, settings.importance_decay) : 0;
    const on = typeof column === "number" && typeof row === "number";
    const [c, r] = on ? [column, row] : [(this.columns - 1) / 2, this.up ? (this.rows - 1) / 2 : 0];
    return Math.round(r) * this.columns + Math.round(c);
  }

  mark(k) {
    this.active = k;
    this.cells.children[k].setAttribute("aria-selected", "true");
    this.svg.setAttribute("aria-activedescendant", `map-point-${k}`);
    const row = Math.floor(k / this.columns);
    set(this.frame, {
      x: this.x(k % this.columns) - 1, width: this.wide + 2, y: (this.up ? this.y(row) : MAP.top) - 1,
      height: (this.up ? this.tall : this.tall * this.rows) + 2, rx: 3,
    });
  }

  listen() {
    const at = (event) => {
      const found = event.target.closest?.("[data-point]");
      return found ? Number(found.dataset.point) : -1;
    };
    let touched = null;
    this.svg.addEventListener("pointerdown", (event) => {
      touched = event.pointerType === "touch" ? { wasActive: at(event) === this.active } : null;
    });
    this.svg.addEventListener("pointermove", (event) => {
      const k = at(event);
      if (k >= 0 && k !== this.active) this.point(k);
    });
    this.svg.addEventListener("click", (event) => {
      const k = at(event);
      if (k < 0) return;
      const looks = touched && !touched.wasActive;
      if (k !== this.active) this.point(k);
      // A finger cannot point without touching: its first touch only looks.
      if (!looks) this.onTake(k);
    });
    this.svg.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        this.onTake(this.active);
        return;
      }
      const last = this.map.points.length - 1;
      const along = this.columns;
      const by = {
        ArrowLeft: -1, ArrowRight: 1, ArrowUp: this.up ? along : 0, ArrowDown: this.up ? -along : 0,
        Home: -(this.active % along), End: along - 1 - (this.active % along),
      }[event.key];
      if (by === undefined) return;
      event.preventDefault();
      const next = this.active + by;
      if (next >= 0 && next <= last && next !== this.active) this.point(next);
    });
  }
}
