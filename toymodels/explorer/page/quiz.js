// The quiz: activations come one by one; a person guesses, then the detectors speak.

import { onScheme } from "./colours.js";
import { answered, asked } from "./live.js";
import { featureList } from "./planted.js";
import { StripView } from "./quiz_strip.js";
import { QuizResults } from "./quiz_results.js";
import { capital } from "./story.js";
import { brief, tell } from "./svg.js";
import { fittingView } from "./views.js";

const GUESSES = ["normal", "unusual", "backdoor"];
const TRUTH_WORDS = {
  normal: "a normal sample", unusual: "an unusual combination of ordinary features", backdoor: "the backdoor",
};
const quizPart = (name) => document.getElementById(`quiz-${name}`);

class QuizFlow {
  constructor(offered) {
    this.offered = offered;
    this.results = new QuizResults();
    this.state = null;
    quizPart("begin").addEventListener("click", () => this.begin());
    quizPart("next").addEventListener("click", () => this.next());
    for (const button of quizPart("guesses").querySelectorAll("[data-guess]")) {
      button.addEventListener("click", () => this.guess(button.dataset.guess));
    }
    document.addEventListener("keydown", (event) => this.key(event));
    onScheme(() => { if (this.state) this.redraw?.(); });
  }

  key(event) {
    const word = GUESSES[["1", "2", "3"].indexOf(event.key)];
    // Elsewhere on the page a bare digit may mean something else (WCAG 2.1.4).
    if (!word || !event.target.closest?.("#quiz") || event.ctrlKey || event.metaKey || event.altKey || event.repeat || !this.isAsking()) return;
    event.preventDefault();
    this.guess(word);
  }

  isAsking() {
    return Boolean(this.state?.question) && !this.revealed && !this.busy;
  }

  /** Ask the server; what it objects to is said in the room. */
  async ask(work) {
    if (this.busy) return null;
    this.busy = true;
    quizPart("error").hidden = true;
    document.getElementById("quiz").setAttribute("aria-busy", "true");
    try {
      return await answered(work, this.offered.attempt, (error) => {
        this.refusedFor = this.situation();
        quizPart("error").textContent = capital(error.message);
        quizPart("error").hidden = false;
      });
    } finally {
      this.busy = false;
      document.getElementById("quiz").removeAttribute("aria-busy");
      this.showBegin();
    }
  }

  async begin() {
    const step = this.offered.frame()?.step;
    quizPart("begin").textContent = "Drawing samples and fitting the detectors…";
    quizPart("begin").disabled = true;
    const made = await this.ask(() => this.offered.run.command("quiz", { step }));
    if (made) {
      this.take(made);
      this.speak(`A new quiz about step ${made.about.step}. Question 1 of ${made.about.questions}.`);
      this.focusGuess();
    }
  }

  async resume(session) {
    this.session = session;
    const found = await this.ask(() => asked(`${this.offered.run.base}/quiz`));
    if (found?.quiz) this.take(found);
    else if (found) this.drop();
  }

  drop() {
    this.state = null;
    quizPart("body").hidden = true;
    this.results.hide();
    this.showBegin();
  }

  take(state) {
    this.results.begin(state);
    this.state = state;
    this.revealed = null;
    quizPart("body").hidden = false;
    this.results.show(state);
    this.showQuestion();
    this.showBegin();
  }

  async guess(word) {
    if (!this.isAsking()) return;
    const { quiz, question } = this.state;
    const said = await this.ask(() => this.offered.run.command("guess", { quiz, number: question.number, guess: word }));
    if (!said) return;
    this.revealed = said.last;
    Object.assign(this.state, said);
    this.showReveal();
    this.results.show(this.state);
    quizPart("next").focus({ preventScroll: true });
  }

  next() {
    this.revealed = null;
    this.showQuestion();
    this.focusGuess();
  }

  focusGuess() {
    quizPart("guesses").querySelector("button:not(:disabled)")?.focus({ preventScroll: true });
  }

  // --- showing ------------------------------------------------------------------------

  show(frame) {
    this.frame = frame;
    // What was wrong with another training or another point is no longer wrong.
    if (this.refusedFor !== this.situation()) quizPart("error").hidden = true;
    if (this.session !== this.offered.run.session) this.resume(this.offered.run.session);
    this.showBegin();
  }

  situation() {
    const { generation, settings } = this.frame ?? {};
    return [generation, settings?.backdoor_point, settings?.backdoor_size].join();
  }

  showBegin() {
    if (this.busy || !this.frame) return;
    const about = this.state?.about;
    const same = about && this.state.origin.generation === this.frame.generation;
    const elsewhere = same ? `; the run is at ${brief(this.frame.step)}` : ", of an earlier training";
    const button = quizPart("begin");
    const hindrance = this.hindrance();
    button.disabled = Boolean(hindrance);
    button.textContent = about ? "New quiz from the present weights" : "Begin the quiz";
    button.classList.toggle("primary", !about);
    tell(quizPart("hindrance"), hindrance);
    quizPart("number").textContent = about ? `weights of step ${brief(about.step)}${same && this.frame.step === about.step ? "" : elsewhere}` : "";
  }

  /** Why there can be no quiz about the point that is planted; empty where there can. */
  hindrance() {
    return this.frame.planted?.features.length === 1
      ? "A quiz asks about parts of the point too: give it a second feature." : "";
  }

  showQuestion() {
    const { question, about, tally } = this.state;
    quizPart("reveal").hidden = true;
    quizPart("guesses").hidden = !question;
    for (const button of quizPart("guesses").querySelectorAll("button")) button.disabled = false;
    if (!question) {
      quizPart("asked").textContent = `All ${tally.answered} questions are answered. A new quiz draws others.`;
      return;
    }
    quizPart("asked").textContent = `Question ${question.number} of ${about.questions}: which kind of sample made this activation?`;
    this.draw(question.h);
    const numbers = question.h.map((v) => brief(Number(v.toFixed(2)))).join(", ");
    quizPart("numbers").textContent = `h = (${numbers}), of length ${brief(Number(question.length.toFixed(2)))}`;
    this.speak(`Question ${question.number}. ${quizPart("numbers").textContent}`);
  }

  showReveal() {
    const last = this.revealed;
    const right = last.guess === last.truth;
    for (const button of quizPart("guesses").querySelectorAll("button")) button.disabled = true;
    const part = last.truth === "backdoor" ? (last.whole ? ", whole" : ", in part") : "";
    quizPart("verdict").textContent = `${right ? "Right" : "Wrong"}: it was ${TRUTH_WORDS[last.truth]}${part}.`;
    quizPart("verdict").className = right ? "is-right" : "is-wrong";
    const values = last.features.length > 12 ? "" : ` (${last.values.map((v) => brief(Number(v.toFixed(2)))).join(", ")})`;
    const one = last.features.length === 1;
    quizPart("truth").textContent = last.features.length
      ? `Active: ${one ? "feature " : last.features.length > 12 ? "" : "features "}${featureList(last.features)}${values}. The diamond is the whole planted point.`
      : "No feature was active.";
    quizPart("reveal").hidden = false;
    quizPart("next").textContent = this.state.question ? "Next" : "Finish";
    this.draw(last.h, last.planted);
    this.results.showSaid(this.state.about, last);
    const alarms = this.state.about.detectors.filter((_, k) => last.alarms[k]).map((one) => one.title);
    this.speak(`${quizPart("verdict").textContent} ${alarms.length ? `Alarm by ${alarms.join(", ")}.` : "No detector raises an alarm."}`);
  }

  speak(text) {
    quizPart("spoken").textContent = text;
  }

  draw(h, planted = null) {
    const { about } = this.state;
    this.view = fittingView(quizPart("stage"), this.view, h.length, () => this.redraw?.(), StripView);
    const norms = about.W[0].map((_, i) => Math.hypot(...about.W.map((row) => row[i])));
    const frame = {
      W: about.W, norms, represented: about.represented, shapes: [], step: about.step, band: about.band,
      cloud: about.normal, reach: about.reach, seen: h, planted: planted && { h: planted, length: Math.hypot(...planted) },
    };
    this.redraw = () => this.view.draw(frame, { moving: false });
    this.redraw();
    this.view.svg.setAttribute("aria-label", `The activation that is asked about, marked with a question mark${planted ? ", and the planted point, a diamond" : ""}.`);
    quizPart("help").textContent = h.length > 3
      ? "One bar for each hidden unit; the pale band holds 98 % of normal activations."
      : `The ring with “?” is the activation; small dots are normal ones; arms are the columns of W.${h.length === 3 ? " Drag to turn." : ""}`;
  }
}

export function beginQuiz(offered) {
  return new QuizFlow(offered);
}
