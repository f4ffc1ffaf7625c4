// The settings: one field for each, with the server's word beside it where it objects.

import { nudged } from "./slider.js";

// A slider that is dragged acts while it moves, this often at most.
const LIVE_MS = 80;
// After an edit, so long is what the server holds not written over it.
const QUIET_MS = 1000;

function element(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

/** Between a slider's place in [0, 1] and the value it stands for. */
function sliderScale(field) {
  const { low, high, scale } = field;
  if (scale === "log") {
    const span = Math.log(high / low);
    return { value: (t) => low * Math.exp(span * t), place: (v) => Math.log(Math.max(v, low) / low) / span };
  }
  if (scale === "sparsity") {
    const span = -Math.log(1 - high);
    return { value: (t) => 1 - Math.exp(-span * t), place: (v) => -Math.log(1 - Math.min(v, high)) / span };
  }
  return { value: (t) => low + (high - low) * t, place: (v) => (v - low) / (high - low) };
}

/** As many digits as the setting deserves. */
function rounded(field, value) {
  if (field.scale === "log") return Number(value.toPrecision(2));
  if (field.scale === "sparsity") return Number(value.toFixed(3));
  return Number((Math.round(value / field.step) * field.step).toFixed(4));
}

export class SettingsForm {
  constructor(form, page, onChange) {
    // `edits` is what was typed here and the server has not taken yet.
    Object.assign(this, { form, onChange, fields: new Map(), values: {}, edits: {}, sentAt: -LIVE_MS });
    const sections = new Map();
    for (const [name, title] of Object.entries(page.sections)) {
      const body = element("fieldset", {}, element("legend", { textContent: title, className: "spoken" }));
      const open = name !== "world" && name !== "run";
      const details = element("details", { open }, element("summary", { textContent: title }), body);
      sections.set(name, body);
      form.append(details);
    }
    for (const field of page.fields) {
      this.values[field.name] = field.default;
      sections.get(field.section).append(this.made(field));
    }
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  made(field) {
    const id = `setting-${field.name}`;
    const error = element("p", { id: `${id}-error`, className: "error", role: "alert", hidden: true });
    const help = element("p", { id: `${id}-help`, className: "faint small", textContent: field.help });
    const note = field.live ? "" : element("span", { className: "faint small", textContent: " restarts" });
    const label = element("label", { htmlFor: id }, field.label, note);
    const entry = { field, error };
    const row = element("div", { className: "inputs" });
    if (field.kind === "choice") {
      entry.box = element("select", { id });
      for (const [value, text] of field.choices) entry.box.append(element("option", { value, textContent: text }));
      entry.box.addEventListener("change", () => this.edit(field, entry.box.value));
    } else {
      // No limits in the page: what is wrong, the server says.
      entry.box = element("input", { id, type: "text", inputMode: { count: "numeric", number: "decimal" }[field.kind] ?? "text" });
      entry.box.addEventListener("change", () => this.edit(field, this.typed(entry)));
      if (field.kind === "number") {
        const scale = sliderScale(field);
        entry.slider = element("input", { type: "range", min: 0, max: 1, step: "any" });
        entry.slider.setAttribute("aria-label", `${field.label}, slider`);
        entry.slider.addEventListener("input", () => {
          this.edit(field, rounded(field, scale.value(Number(entry.slider.value))), entry.slider);
        });
        entry.slider.addEventListener("keydown", (event) => this.nudge(event, entry, scale));
        entry.place = scale.place;
        row.append(entry.slider);
      }
    }
    entry.box.setAttribute("aria-describedby", `${help.id} ${error.id}`);
    row.append(entry.box);
    this.fields.set(field.name, entry);
    this.write(entry, field.default);
    return element("div", { className: `field is-${field.kind}` }, label, row, error, help);
  }

  nudge(event, entry, scale) {
    const place = nudged(event, entry.slider);
    if (place !== null) this.edit(entry.field, rounded(entry.field, scale.value(place)), entry.slider);
  }

  /** A number where there is one; anything else goes to the server as it is. */
  typed(entry) {
    if (entry.field.kind === "text") return entry.box.value.trim();
    const text = entry.box.value.trim().replace("−", "-");
    return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
  }

  write(entry, value, source = null) {
    if (entry.box !== document.activeElement || source === entry.slider) entry.box.value = value;
    if (entry.slider && source !== entry.slider) entry.slider.value = entry.place(Number(value));
    entry.slider?.setAttribute("aria-valuetext", String(value));
  }

  edit(field, value, source = null) {
    const entry = this.fields.get(field.name);
    this.values = { ...this.values, [field.name]: value };
    this.edits = { ...this.edits, [field.name]: value };
    this.write(entry, value, source);
    this.editedAt = performance.now();
    this.latest = field.name;
    // What is on its way is answered first: requests could overtake each other.
    if (this.sending || (this.waiting && source)) return;
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.send(), source ? Math.max(LIVE_MS - (this.editedAt - this.sentAt), 0) : 0);
  }

  async send() {
    const edits = { ...this.edits };
    Object.assign(this, { sending: true, sentAt: performance.now() });
    try {
      await this.onChange(edits, this.latest);
    } finally {
      const newer = Object.entries(this.edits).some(([name, value]) => edits[name] !== value);
      const left = Math.max(LIVE_MS - (performance.now() - this.sentAt), 0);
      Object.assign(this, { sending: false, waiting: newer ? setTimeout(() => this.send(), left) : null });
    }
  }

  /** What was sent has been taken; what was edited meanwhile, or refused, has not. */
  accept(sent) {
    this.edits = Object.fromEntries(Object.entries(this.edits).filter(([name, value]) => sent[name] !== value));
    // An objection to one field may have been about another one.
    this.clearErrors(Object.keys(this.edits).length ? Object.keys(sent) : undefined);
  }

  /** Show what the server holds, but leave what is just being changed here. */
  show(held) {
    clearTimeout(this.later);
    const values = { ...held, ...this.edits };
    if (this.waiting || this.sending || JSON.stringify(values) === JSON.stringify(this.values)) return;
    const left = QUIET_MS - (performance.now() - (this.editedAt ?? -1e9));
    // While the run rests no other frame would come to show it.
    if (left > 0) this.later = setTimeout(() => this.show(held), left);
    else this.writeAll(values);
  }

  /** Values that are about to be sent; what the server still has does not undo them. */
  replace(values) {
    this.editedAt = performance.now();
    this.edits = { ...values };
    this.clearErrors();
    this.writeAll(values);
  }

  writeAll(values) {
    this.values = { ...values };
    for (const [name, value] of Object.entries(values)) {
      const entry = this.fields.get(name);
      if (entry) this.write(entry, value);
    }
  }

  clearErrors(names = [...this.fields.keys()]) {
    for (const { error, box } of names.map((name) => this.fields.get(name)).filter(Boolean)) {
      error.hidden = true;
      box.removeAttribute("aria-invalid");
    }
  }

  get hasErrors() {
    return [...this.fields.keys()].some((name) => this.isRefused(name));
  }

  /** Whether the server objected to a field. */
  isRefused(name) {
    return this.fields.get(name)?.error.hidden === false;
  }

  /** The server's message beside its field; false where there is no such field. */
  refuse(field, message) {
    const entry = this.fields.get(field);
    if (!entry) return false;
    entry.error.textContent = message;
    entry.error.hidden = false;
    entry.box.setAttribute("aria-invalid", "true");
    entry.error.closest("details").open = true;
    return true;
  }

  disable() {
    for (const set of this.form.querySelectorAll("fieldset")) set.disabled = true;
  }
}
