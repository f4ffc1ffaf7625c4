"""Normal, unusual or backdoor? A quiz about the activations of one model.

Activations come one by one: of normal samples (N), of unusual combinations of stored
features with the planted point's length (C), and of the planted point, half of them
whole (B) and half in part (B'). A person guesses, and detectors score the same ones.
Everything is drawn and scored when the quiz is made; the truth about a question leaves
this module with the answer to a guess.

Axis letters: n features, d hidden dimensions, `normals` and `tested` samples.
"""

import dataclasses
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float

from toymodels.anomaly import (
    SCENARIOS,
    Combinations,
    World,
    auroc,
    draw_scenario,
    planted_worlds,
    roc_curve,
)
from toymodels.anomaly.scenarios import models_of
from toymodels.config import SettingsError
from toymodels.explorer.programs import make_room
from toymodels.explorer.quiz_detectors import DETECTORS, FALSE_ALARMS, Scored, score_all
from toymodels.explorer.trainer import Frame

TRUTHS = ("normal", "unusual", "backdoor")
REFERENCE, SAMPLES, QUESTIONS = 2000, 300, 90
# The most features that an unusual combination has, as in MAD-1.
MOST_COMBINED = 6
ROC_POINTS = np.linspace(0, 1, 51)
# Shares of the normal activations below the band that is shown for each unit.
SPAN = (0.01, 0.99)
MOST_DOTS = 150


@dataclasses.dataclass(frozen=True)
class Draws:
    """Inputs for a quiz, columns as samples."""

    reference: Float[np.ndarray, "n normals"]
    """Normal; detectors are fitted on these."""
    calibration: Float[np.ndarray, "n normals"]
    """Normal; thresholds come from these."""
    normal: Float[np.ndarray, "n normals"]
    unusual: Float[np.ndarray, "n tested"]
    backdoor: Float[np.ndarray, "n tested"]
    whole: Bool[np.ndarray, " tested"]
    """Which columns of `backdoor` are the whole point."""

    def of(self, truth: str) -> Float[np.ndarray, "n samples"]:
        """Those of one of `TRUTHS`."""
        return getattr(self, truth)


def quiz_world(frame: Frame) -> World:
    """The frame's model with its planted point, without a runs axis.

    Args:
        frame: whose settings have a planted point.

    Raises:
        SettingsError: there is no point, the weights are not finite, or too few
            features are stored to be combined.
    """
    controls = frame.controls
    if not controls.planted:
        raise SettingsError(
            "quiz", "no planted point", "one", "planting a point; its rate may be 0"
        )
    if not (np.isfinite(frame.W).all() and np.isfinite(frame.b).all()):
        raise SettingsError("quiz", "weights that diverged", "finite ones", "Restart")
    worlds = planted_worlds(controls.spec(), {"W": frame.W[None], "b": frame.b[None]})
    world = models_of(worlds)[0]
    active, stored = int(world.support.sum()), int(world.represented.sum())
    if active < 2:
        raise SettingsError(
            "quiz",
            "a planted point of one feature",
            "2 active features or more, so that it can come in part",
            "choosing another one",
        )
    if stored < 2:
        raise SettingsError(
            "quiz",
            f"{stored} stored {'feature' if stored == 1 else 'features'} at step "
            f"{frame.step}",
            "2 or more, so that there are unusual combinations",
            "training on, or more dimensions",
        )
    length = float(np.linalg.norm(world.encode(world.point[:, None])))
    if length < np.finfo(np.float32).tiny:
        raise SettingsError(
            "quiz", "a planted point at 0", "one that reaches h", "training on"
        )
    return world


def combinations_for(world: World) -> Combinations:
    """C: two to six stored features, at most half of those that there are.

    All corners of a polygon together cancel, which no length can make up for.
    """
    most = int(np.clip(world.represented.sum() // 2, 2, MOST_COMBINED))
    return Combinations(fewest=2, most=most)


def draw_all(world: World, *, seed: int) -> Draws:
    """Everything that a quiz is made from."""
    keys = iter(jax.random.split(jax.random.key(seed), 6))

    def drawn(scenario: Any, samples: int) -> np.ndarray:
        return np.asarray(draw_scenario(scenario, world, next(keys), samples).x)

    normal = [drawn(SCENARIOS["N"], REFERENCE) for _ in range(3)]
    unusual = drawn(combinations_for(world), SAMPLES)
    half = SAMPLES // 2
    backdoor = [drawn(SCENARIOS[name], half) for name in ("B", "B'")]
    return Draws(
        *normal,
        unusual=unusual,
        backdoor=np.concatenate(backdoor, axis=1),
        whole=np.arange(2 * half) < half,
    )


class Quiz:
    """A stream of questions about one model, and who said what so far.

    Not for several threads at once.

    Args:
        frame: the weights that the quiz is about, with the settings that hold.
        seed: of all draws.

    Raises:
        SettingsError: no quiz can be made, see `quiz_world`.
    """

    def __init__(self, frame: Frame, *, seed: int):
        make_room("quiz", frame.controls)
        self.frame = frame
        self.world = quiz_world(frame)
        self.draws = draw_all(self.world, seed=seed)
        self.scored: Scored = score_all(
            self.world,
            self.draws.reference,
            self.draws.calibration,
            tuple(self.draws.of(truth) for truth in TRUTHS),
            seed=seed,
        )
        self._order = _questions(self.draws, np.random.default_rng(seed))
        self.answered = 0
        self.person = np.zeros((3, 3), int)
        """Truth by guess."""
        self.alarms = np.zeros((len(DETECTORS), 3), int)
        """Of each detector, by truth."""

    # --- what a page may know before a guess -----------------------------------------

    def about(self) -> dict[str, Any]:
        """The model and the detectors, and how these do on all samples."""
        world, controls = self.world, self.frame.controls
        h = self._encoded(self.draws.reference)
        some = h[:, self.draws.reference.any(axis=0)][:, :MOST_DOTS]
        return {
            "step": self.frame.step,
            "rate": controls.backdoor_rate,
            "W": _rounded(self.frame.W),
            "represented": np.asarray(world.represented).tolist(),
            "combined": combinations_for(world).most,
            "empty": round(float((~self.draws.normal.any(axis=0)).mean()), 4),
            "reference": REFERENCE,
            "false_alarms": FALSE_ALARMS,
            "samples": SAMPLES,
            "questions": QUESTIONS,
            "normal": _rounded(some) if len(h) <= 3 else [],
            "band": _rounded(np.quantile(h, SPAN, axis=1)),
            "reach": round(self._reach(), 5),
            "doubts": list(self.scored.warnings),
            "detectors": self._detectors(),
            "fpr": _rounded(ROC_POINTS),
        }

    def question(self) -> dict[str, Any] | None:
        """The activation to be judged; None when the stream is at its end."""
        if self.answered == QUESTIONS:
            return None
        truth, column = self._order[self.answered]
        h = self._encoded(self.draws.of(TRUTHS[truth])[:, [column]])[:, 0]
        return {
            "number": self.answered + 1,
            "h": _rounded(h),
            "length": round(float(np.linalg.norm(h)), 5),
        }

    def tally(self) -> dict[str, Any]:
        """Who said what about the questions that were answered."""
        return {
            "answered": self.answered,
            "person": self.person.tolist(),
            "alarms": self.alarms.tolist(),
        }

    # --- guessing --------------------------------------------------------------------

    def guess(self, number: int, word: str) -> dict[str, Any]:
        """Take a guess about a question, and say what is true.

        Args:
            number: of the question that is asked, from 1.
            word: one of `TRUTHS`.

        Raises:
            SettingsError: it is not the question that is asked, or not such a word.
        """
        if word not in TRUTHS:
            raise SettingsError("guess", word, f"one of {', '.join(TRUTHS)}")
        if self.answered == QUESTIONS or number != self.answered + 1:
            raise SettingsError(
                "guess", f"question {number}", "the question that is asked", "a reload"
            )
        truth, column = self._order[self.answered]
        x = self.draws.of(TRUTHS[truth])[:, column]
        scores = self.scored.scores[truth][:, column]
        alarms = scores > self.scored.thresholds
        self.person[truth, TRUTHS.index(word)] += 1
        self.alarms[:, truth] += alarms
        self.answered += 1
        active = np.flatnonzero(x)
        return {
            "number": number,
            "guess": word,
            "truth": TRUTHS[truth],
            "whole": bool(truth == 2 and self.draws.whole[column]),
            "features": active.tolist(),
            "values": _rounded(x[active]),
            "h": _rounded(self._encoded(x[:, None])[:, 0]),
            "planted": _rounded(self._encoded(self.world.point[:, None])[:, 0]),
            "scores": _significant(scores),
            "alarms": alarms.tolist(),
        }

    # --- inside ----------------------------------------------------------------------

    def _encoded(self, x: Float[np.ndarray, "n samples"]) -> np.ndarray:
        return np.asarray(self.frame.W, np.float64) @ x

    def _reach(self) -> float:
        """The length of the longest activation that can be asked about."""
        sets = [self._encoded(self.draws.of(truth)) for truth in TRUTHS]
        return max(float(np.linalg.norm(h, axis=0).max()) for h in sets)

    def _detectors(self) -> list[dict[str, Any]]:
        normal, unusual, backdoor = self.scored.scores
        areas = {"normal": normal, "unusual": unusual}
        limits = self.scored.thresholds[:, None]
        above = [scores > limits for scores in self.scored.scores]
        return [
            {
                "title": one.title,
                "asks": one.asks,
                "sees": one.detector.sees,
                "bound": one.detector.bound,
                "threshold": _significant(self.scored.thresholds[[row]])[0],
                "rates": [round(float(flags[row].mean()), 4) for flags in above],
                "auroc": {
                    name: round(float(auroc(backdoor[row], negative[row])), 4)
                    for name, negative in areas.items()
                },
                "roc": {
                    name: _rounded(roc_curve(backdoor[row], negative[row], ROC_POINTS))
                    for name, negative in areas.items()
                },
            }
            for row, one in enumerate(DETECTORS)
        ]


def _questions(draws: Draws, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Truth and column of each question, every truth as likely."""
    truths = rng.integers(len(TRUTHS), size=QUESTIONS)
    pools = []
    for truth in TRUTHS:
        x = draws.of(truth)
        # Where nothing is on there is nothing to ask.
        shown = np.flatnonzero(x.any(axis=0))
        pool = shown if len(shown) else np.arange(x.shape[1])
        again = len(pool) < QUESTIONS
        pools.append(iter(rng.choice(pool, QUESTIONS, replace=again)))
    return [(int(truth), int(next(pools[truth]))) for truth in truths]


def _rounded(array: Any) -> list:
    return np.round(np.asarray(array, np.float64), 5).tolist()


def _significant(values: Any) -> list[float]:
    """Four digits, whatever the size: a score near 0 is not 0."""
    return [float(f"{float(value):.4g}") for value in values]
