// The questions of a poke as fields: from where, which way, how far, in which plane.

const POKE_KINDS = [
  ["feature", "a feature"], ["mixture", "two features together"], ["real_other", "to another activation"],
  ["isotropic", "random"], ["covariance", "covariance-matched"], ["adversarial", "strongest answer"],
];
const POKE_SECOND = [["feature", "a feature"], ["isotropic", "random"], ["covariance", "covariance-matched"]];
const POKE_LEVELS = ["half the plateau height", "a quarter of the plateau height", "three quarters of the plateau height",
  "a tenth of the peak", "a quarter of the peak", "half of the peak"];
const POKE_REACHES = [[1, "1 d̄"], [2, "2 d̄"], [4, "4 d̄"]];
const POKE_DRAWN = ["isotropic", "covariance", "adversarial"];

export class PokeFields {
  constructor(push, contour, handlers) {
    Object.assign(this, handlers, { boxes: {}, errors: {}, rows: {}, draw: 0, secondDraw: 0 });
    this.made(push, "base", "Activation", [], handlers.onPush);
    this.made(push, "kind", "Direction", POKE_KINDS, handlers.onPush);
    this.made(push, "feature", "Feature", [], handlers.onPush);
    this.made(push, "sign", "Sign", [[1, "+ more of it"], [-1, "− less of it"]], handlers.onPush);
    this.made(push, "with_feature", "And feature", [], handlers.onPush);
    this.made(push, "other", "Towards activation", [], handlers.onPush);
    this.made(push, "reach", "Reach", POKE_REACHES, handlers.onPush, 2);
    this.again = this.button(push, "Another random direction", () => { this.draw += 1; handlers.onPush(); });
    this.made(contour, "second", "Second direction", POKE_SECOND, handlers.onSecond);
    this.made(contour, "second_feature", "Feature", [], handlers.onSecond);
    this.made(contour, "level", "Level τ", POKE_LEVELS.map((text, k) => [k, text]), handlers.onLevel);
    this.secondAgain = this.button(contour, "Another plane", () => { this.secondDraw += 1; handlers.onSecond(); });
  }

  made(place, name, text, choices, onChange, chosen = null) {
    const id = `poke-${name.replace("_", "-")}`;
    const label = Object.assign(document.createElement("label"), { htmlFor: id, textContent: text });
    const box = Object.assign(document.createElement("select"), { id });
    const error = Object.assign(document.createElement("p"), { id: `${id}-error`, className: "error", role: "alert", hidden: true });
    box.setAttribute("aria-describedby", error.id);
    const row = Object.assign(document.createElement("div"), { className: "field" });
    row.append(label, box, error);
    place.append(row);
    Object.assign(this.boxes, { [name]: box });
    Object.assign(this.errors, { [name]: error });
    Object.assign(this.rows, { [name]: row });
    this.fill(name, choices, chosen);
    box.addEventListener("change", () => { this.showFitting(); onChange(); });
  }

  button(place, text, work) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: text });
    button.addEventListener("click", work);
    place.append(button);
    return button;
  }

  fill(name, choices, chosen = null) {
    const box = this.boxes[name];
    const before = chosen ?? box.value;
    box.replaceChildren(...choices.map(([value, textContent]) => Object.assign(document.createElement("option"), { value, textContent })));
    if (choices.some(([value]) => String(value) === String(before))) box.value = before;
  }

  /** New activations; what was chosen stays where it means the same. */
  take(taken, same, name) {
    const features = Array.from({ length: taken.n }, (_, i) => [i + 1, `feature ${i + 1}`]);
    const activations = taken.activations.map((one, k) => [k + 1, name(one, k)]);
    for (const one of ["feature", "with_feature", "second_feature"]) this.fill(one, features);
    for (const one of ["base", "other"]) this.fill(one, activations);
    if (!same) {
      const { base, feature, second } = taken.suggested;
      Object.assign(this.boxes.base, { value: base });
      Object.assign(this.boxes.kind, { value: "feature" });
      Object.assign(this.boxes.feature, { value: feature });
      Object.assign(this.boxes.with_feature, { value: second });
      Object.assign(this.boxes.second_feature, { value: second });
      Object.assign(this.boxes.second, { value: "feature" });
      this.boxes.other.value = base === 1 ? 2 : 1;
    }
    this.showFitting();
  }

  /** Only those fields that the kind of direction asks for. */
  showFitting() {
    const kind = this.boxes.kind.value;
    const ofFeatures = kind === "feature" || kind === "mixture";
    this.rows.feature.hidden = this.rows.sign.hidden = !ofFeatures;
    this.rows.with_feature.hidden = kind !== "mixture";
    this.rows.other.hidden = kind !== "real_other";
    this.again.hidden = !POKE_DRAWN.includes(kind);
    this.rows.second_feature.hidden = this.boxes.second.value !== "feature";
    this.secondAgain.hidden = this.boxes.second.value === "feature";
    this.again.textContent = kind === "adversarial" ? "From another start" : "Another random direction";
  }

  choose(name, value) {
    this.boxes[name].value = value;
    this.onPush();
  }

  /** The push, as the server is asked. */
  question() {
    const number = (name) => Number(this.boxes[name].value);
    return {
      base: number("base"), kind: this.boxes.kind.value, feature: number("feature"), sign: number("sign"),
      with_feature: number("with_feature"), other: number("other"), reach: number("reach"), draw: this.draw,
    };
  }

  second() {
    return { kind: this.boxes.second.value, feature: Number(this.boxes.second_feature.value), draw: this.secondDraw };
  }

  level() {
    return Number(this.boxes.level.value);
  }

  clearErrors(only = "") {
    for (const [name, error] of Object.entries(this.errors)) {
      if (!name.startsWith(only)) continue;
      error.hidden = true;
      this.boxes[name].removeAttribute("aria-invalid");
    }
  }

  /** The server's message beside its field; false where there is no such field. */
  refuse(name, message) {
    const field = name === "second" && !this.rows.second_feature.hidden ? "second_feature" : name;
    const error = this.errors[field];
    if (!error || this.rows[field].hidden) return false;
    error.textContent = message;
    error.hidden = false;
    this.boxes[field].setAttribute("aria-invalid", "true");
    return true;
  }
}
