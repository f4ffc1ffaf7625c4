// What the detectors said: of this activation, of all so far, and of every sample drawn.

import { RocChart, rocStroke } from "./quiz_roc.js";
import { add, brief } from "./svg.js";
import { filled } from "./table.js";

const ENOUGH = 10;
// Far enough below one half that it is not chance, with 300 samples of each.
const WRONG_WAY = 0.4;
const KINDS = ["normal", "unusual", "backdoor"];
const resultPart = (name) => document.getElementById(`quiz-${name}`);

/** An AUROC in two digits; what is not quite 1 is not called so. */
function area(value) {
  if (value >= 0.995 && value < 1) return ">.99";
  return value.toFixed(2).replace(/^0\./, ".");
}

/** The line by which a detector is known in the charts. */
function swatch(k) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 30 8");
  svg.setAttribute("class", "roc-swatch");
  svg.setAttribute("aria-hidden", "true");
  add(svg, "line", { x1: 0, x2: 30, y1: 4, y2: 4, ...rocStroke(k) });
  return svg;
}

export class QuizResults {
  constructor() {
    this.charts = {
      unusual: new RocChart(resultPart("roc-unusual"), "unusual combinations"),
      normal: new RocChart(resultPart("roc-normal"), "normal samples"),
    };
  }

  /** Another quiz: the numbers of the one before stay for comparison. */
  begin(state) {
    if (this.about && this.quiz !== state.quiz) this.before = this.about;
    Object.assign(this, { about: state.about, quiz: state.quiz });
  }

  hide() {
    resultPart("results").hidden = true;
    Object.assign(this, { about: null, before: null });
  }

  /** What each detector says of the activation that was asked about. */
  showSaid(about, last) {
    const rows = about.detectors.map((one, k) => [
      one.title, brief(last.scores[k]), brief(one.threshold),
      { textContent: last.alarms[k] ? "● alarm" : "quiet", className: last.alarms[k] ? "is-alarm" : "faint" },
    ]);
    filled(resultPart("said"), "What the detectors say of it", ["detector", "score", "threshold", "says"], rows);
  }

  show(state) {
    const { about, tally } = state;
    const begun = tally.answered > 0;
    resultPart("results").hidden = !begun;
    if (!begun) return;
    this.showPerson(tally);
    this.showDetectors(about, tally);
    this.showRates(about);
    const you = this.rates(tally);
    for (const [name, chart] of Object.entries(this.charts)) chart.draw(about, name, you[name]);
    const many = about.reference.toLocaleString("en");
    resultPart("fitted").textContent = `Detectors are fitted on ${many} trusted activations; an alarm is a score above all but ${brief(100 * about.false_alarms)} % of those of ${many} other normal ones.`;
    resultPart("doubts").textContent = about.doubts.join(" ");
    resultPart("doubts").hidden = !about.doubts.length;
    resultPart("point").replaceChildren(...this.words(state).map((text) => Object.assign(document.createElement("p"), { textContent: text })));
  }

  showPerson({ person }) {
    const rows = KINDS.map((kind, i) => [kind, ...person[i].map((count, j) => ({ textContent: count, className: i === j ? "is-right" : "" }))]);
    filled(resultPart("person"), "You: what you said, by what it was", ["it was", ...KINDS.map((kind) => `you: ${kind}`)], rows);
  }

  showDetectors(about, { person, alarms }) {
    const asked = person.map((row) => row[0] + row[1] + row[2]);
    const before = this.before ? [`unusual, quiz before (share ${brief(100 * this.before.rate)} %)`] : [];
    const words = `Alarms in the questions so far. AUROC of ${about.samples} backdoors against ${about.samples} unusual combinations of ${about.combined === 2 ? "two" : `two to ${about.combined}`} features, and against ${about.reference.toLocaleString("en")} normal samples, of which ${brief(100 * about.empty)} % have nothing on`;
    const heads = ["detector", "may see", ...KINDS.map((kind) => `alarms: ${kind}`), "AUROC: normal", "AUROC: unusual", ...before];
    const rows = about.detectors.map((one, k) => {
      const bound = { upper: " (upper bound)", lower: " (lower bound)" }[one.bound] ?? "";
      const asks = Object.assign(document.createElement("span"), { className: "asks faint", textContent: `It asks: ${one.asks}` });
      return [
        [swatch(k), ` ${one.title}`, asks],
        { textContent: one.sees + bound, className: "words" },
        ...KINDS.map((_, i) => (asked[i] ? `${alarms[k][i]} of ${asked[i]}` : "–")),
        area(one.auroc.normal),
        { textContent: area(one.auroc.unusual), className: !one.bound && one.auroc.unusual < WRONG_WAY ? "is-low" : "" },
        ...(this.before ? [area(this.before.detectors[k].auroc.unusual)] : []),
      ];
    });
    filled(resultPart("detectors"), words, heads, rows);
  }

  /** The confusion of each detector, of all samples and not only those asked about. */
  showRates(about) {
    const percent = (share) => `${brief(Number((100 * share).toFixed(1)))} %`;
    const words = `Confusion of the detectors: of all ${about.reference.toLocaleString("en")} normal samples, ${about.samples} unusual combinations and ${about.samples} backdoors, how many raise an alarm, and how many backdoors do not`;
    const rows = about.detectors.map((one) => [one.title, ...[...one.rates, 1 - one.rates[KINDS.indexOf("backdoor")]].map(percent)]);
    filled(resultPart("rates"), words, ["detector", ...KINDS.map((kind) => `${kind}: alarm`), "backdoor: missed"], rows);
  }

  /** The person as a point of the curves: how often "backdoor" was said. */
  rates({ person }) {
    const [normal, unusual, backdoor] = person.map((row) => {
      const all = row[0] + row[1] + row[2];
      return all ? row[2] / all : null;
    });
    return { normal: [normal, backdoor], unusual: [unusual, backdoor] };
  }

  words({ about, tally: { answered, person }, origin }) {
    const right = person[0][0] + person[1][1] + person[2][2];
    const score = `You were right in ${right} of ${answered}; by lot it would be a third.`;
    if (answered < ENOUGH) return [score, `After ${ENOUGH} answers: what there is to learn from it.`];
    const real = about.detectors.filter((one) => !one.bound);
    const best = (kind) => real.reduce((a, b) => (b.auroc[kind] > a.auroc[kind] ? b : a));
    const [easy, hard] = [best("normal"), best("unusual")];
    const oracle = about.detectors.find((one) => one.bound === "upper");
    const found = [score];
    const same = easy === hard;
    found.push(`Against normal samples ${easy.title} does best of those without the true features, with an AUROC of ${area(easy.auroc.normal)}. Against unusual combinations of ordinary features ${same ? "it does best again, with" : `it has ${area(easy.auroc.unusual)}, and the best, ${hard.title},`} ${area(hard.auroc.unusual)}.`);
    if (hard.auroc.unusual < 0.9 && easy.auroc.normal > 0.9) found.push("So these detectors see that something is unusual, not that it is the backdoor: a coincidence of as long an activation raises the same alarm.");
    else if (hard.auroc.unusual >= 0.9) found.push("In this model one of them tells both apart. That happens where there is little to confuse; try Forty in twelve.");
    found.push(`${oracle.title}, which is given the features' directions and the planted one, reaches ${area(oracle.auroc.unusual)}: ${oracle.auroc.unusual > hard.auroc.unusual + 0.05 ? "the difference is in h, but to see it so one has to know both." : "knowing both does not help much here."}`);
    const wrong = real.filter((one) => one.auroc.unusual < WRONG_WAY).map((one) => one.title);
    if (wrong.length) found.push(`Below one half the order is the wrong way round: ${wrong.join(", ")} ${wrong.length > 1 ? "find" : "finds"} the backdoor more ordinary than a coincidence.`);
    if (origin.seen === false) found.push("The control: this model was never shown the point, so nothing here is memory of it. Raise the share, train on, and take a new quiz: the table then has both.");
    else if (about.rate === 0) found.push("The share is 0 now, but this model was shown the point before. Restart with share 0 for a control.");
    return found;
  }
}
