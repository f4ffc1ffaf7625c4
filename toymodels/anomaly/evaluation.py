"""Detectors against scenarios, over the models of an ensemble.

The headline is B ∪ B′ against C: the backdoor, whole or in part, against combinations
that nobody planted. Against N a detector only has to see that something is unusual;
the same numbers for a model that never saw the point (rate 0) say how much of a score
is plain unusualness, and `difference` takes it off. Solved means AUROC ≥ 0.95 and a
true positive rate ≥ 0.8 at a false positive rate of 1 %.

Axis letters: `runs` models, `detectors`, `comparisons`, `scenarios`, `samples`.
"""

import dataclasses
import functools
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from toymodels.anomaly.base import Detector
from toymodels.anomaly.comparisons import (
    Comparison,
    check_pairs,
    comparisons_of,
    named_scenarios,
)
from toymodels.anomaly.ensemble import fit_each, score_each
from toymodels.anomaly.observations import Context, Observations, observe
from toymodels.anomaly.reference import Reference, draw_reference
from toymodels.anomaly.roc import auroc, average_precision, tpr_at_fpr
from toymodels.anomaly.scenarios import Scenario, draw_scenario
from toymodels.anomaly.world import World, dictionary_of
from toymodels.config import SettingsError, check_choice, check_count
from toymodels.models import ModelSettings, Params
from toymodels.result import Result
from toymodels.stats import bootstrap_interval

METRICS = ("auroc", "average_precision", "tpr")
FALSE_POSITIVES = 0.01


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found; NaN for models that diverged."""

    detectors: tuple[str, ...]
    """Names, with settings where they are not the default ones."""
    sees: tuple[str, ...]
    """The most that each detector looks at, see `seen_by`."""
    bounds: tuple[str, ...]
    """"upper", "lower" or "" for each detector."""
    scenarios: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    auroc: Float[np.ndarray, "detectors comparisons runs"]
    average_precision: Float[np.ndarray, "detectors comparisons runs"]
    tpr: Float[np.ndarray, "detectors comparisons runs"]
    """At a false positive rate of 1 %."""
    scores: Float[np.ndarray, "detectors scenarios runs samples"]
    seconds: Float[np.ndarray, " detectors"]
    """Time to score one sample of one model, without compilation."""
    reference: str
    """Kind of the reference data."""

    @property
    def runs(self) -> int:
        """Number of models."""
        return self.auroc.shape[-1]

    @property
    def finite(self) -> Int[np.ndarray, " finite"]:
        """Models that did not diverge."""
        return np.flatnonzero(np.isfinite(self.auroc).all(axis=(0, 1)))

    def select(self, runs: Int[np.ndarray, " chosen"]) -> "Evaluation":
        """Some of the models, in that order."""
        changes = {name: getattr(self, name)[..., runs] for name in METRICS}
        return dataclasses.replace(self, scores=self.scores[:, :, runs], **changes)

    def scores_of(
        self, detector: int, scenarios: Sequence[str]
    ) -> Float[np.ndarray, "runs pooled"]:
        """Scores by one detector for some scenarios, in equal parts.

        There are as many for several as for one, so that positives and negatives are
        equally many.
        """
        places = [self.scenarios.index(name) for name in scenarios]
        share = self.scores.shape[-1] // len(places)
        parts = [self.scores[detector, k, :, :share] for k in places]
        return np.concatenate(parts, axis=-1)

    def to_result(self) -> Result:
        """As named arrays and plain data, for the store."""
        arrays = {n: getattr(self, n) for n in (*METRICS, "scores", "seconds")}
        named = ("detectors", "sees", "bounds", "scenarios", "comparisons", "reference")
        return Result(arrays, {name: getattr(self, name) for name in named})

    @classmethod
    def from_result(cls, result: Result) -> "Evaluation":
        """The inverse of `to_result`."""
        meta = dict(result.meta)
        pairs = [Comparison(tuple(p), q) for p, q in meta.pop("comparisons")]
        plain = {k: v if isinstance(v, str) else tuple(v) for k, v in meta.items()}
        return cls(comparisons=tuple(pairs), **plain, **result.arrays)


def evaluate(
    worlds: World,
    detectors: Sequence[Detector],
    *,
    scenarios: Mapping[str, Scenario] | Sequence[str] = ("B", "B'", "C", "F", "N"),
    comparisons: Sequence[Comparison] | None = None,
    reference: Reference | None = None,
    samples: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Fit every detector to every model and score every scenario.

    Args:
        worlds: of the models, with a runs axis (`planted_worlds`).
        detectors: their settings.
        scenarios: names of `SCENARIOS`, or scenarios by names of one's own.
        comparisons: those of `comparisons_of` when None.
        reference: what detectors are fitted on; trusted samples when None.
        samples: number in each scenario, ≥ 2.
        seed: of all draws, ≥ 0.

    Raises:
        SettingsError: a scenario cannot be drawn or a detector cannot be fitted, or no
            model is finite.
    """
    check_count("samples", samples, minimum=2)
    check_count("seed", seed, minimum=0)
    drawn = named_scenarios(scenarios)
    pairs = tuple(comparisons_of(drawn) if comparisons is None else comparisons)
    check_pairs(pairs, drawn)
    if not detectors:
        raise SettingsError("detectors", detectors, "one detector or more")
    reference = reference or Reference()
    finite = _finite_runs(worlds)
    # A finite model stands in for one that diverged, so that shapes remain as they are.
    alive = worlds.select(
        np.where(finite, np.arange(len(finite)), int(np.argmax(finite)))
    )
    scores, seconds = _all_scores(alive, detectors, drawn, reference, samples, seed)
    scores[:, :, ~finite] = np.nan
    empty = np.full((len(detectors), len(pairs), len(finite)), np.nan)
    blank = Evaluation(
        detectors=tuple(one.label for one in detectors),
        sees=tuple(map(seen_by, detectors)),
        bounds=tuple(one.bound for one in detectors),
        scenarios=tuple(drawn),
        comparisons=pairs,
        auroc=empty,
        average_precision=empty,
        tpr=empty,
        scores=scores,
        seconds=seconds,
        reference=reference.kind,
    )
    return _with_metrics(blank)


def difference(
    planted: Evaluation, twin: Evaluation, metric: str = "auroc"
) -> Float[np.ndarray, "detectors comparisons runs"]:
    """What planting the point has changed: a metric, minus that of unplanted twins.

    Args:
        planted: of models that saw the point.
        twin: of models trained alike but for the rate, 0, in the same order.
        metric: "auroc", "average_precision" or "tpr".
    """
    check_choice("metric", metric, METRICS)
    for name in ("detectors", "comparisons", "runs"):
        if getattr(planted, name) != getattr(twin, name):
            raise SettingsError(
                "twin", getattr(twin, name), f"the {name} of the planted models"
            )
    return getattr(planted, metric) - getattr(twin, metric)


def over_seeds(
    values: Float[np.ndarray, "detectors comparisons runs"],
) -> Float[np.ndarray, "three detectors comparisons"]:
    """Median and the ends of its 95 % bootstrap interval over the finite models."""
    result = np.full((3, *values.shape[:2]), np.nan)
    for cell in np.ndindex(*values.shape[:2]):
        finite = values[cell][np.isfinite(values[cell])]
        if len(finite):
            result[(slice(None), *cell)] = (
                np.median(finite),
                *bootstrap_interval(finite),
            )
    return result


def seen_by(detector: Detector) -> str:
    """What it looks at, and whether it searches untrusted samples as well.

    These hold the point, so whatever recurs in them can be found without a model.
    """
    extra = " + untrusted" if "untrusted" in detector.needs else ""
    return detector.sees + extra


def _finite_runs(worlds: World) -> np.ndarray:
    """Which models have finite parameters."""
    if worlds.runs is None:
        raise SettingsError("worlds", "a single one", "worlds with a runs axis")
    finite = np.ones(worlds.runs, bool)
    for value in worlds.params.values():
        finite &= np.isfinite(np.asarray(value)).reshape(len(value), -1).all(axis=-1)
    if not finite.any():
        raise SettingsError(
            "params", "no model with finite weights", "one", "a smaller learning rate"
        )
    return finite


def _all_scores(
    worlds: World,
    detectors: Sequence[Detector],
    drawn: Mapping[str, Scenario],
    reference: Reference,
    samples: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """(detectors, scenarios, runs, samples) scores, and seconds a sample.

    Scenarios are the outer loop, so that the samples of one of them are in memory.
    """
    known, found, learn, test = jax.random.split(jax.random.key(seed), 4)
    seen = _observe(worlds, draw_reference(reference, worlds, known))
    context = _context(worlds, drawn, reference, samples, (found, learn))
    fits = [fit_each(one, seen, context) for one in detectors]
    scores = np.zeros((len(detectors), len(drawn), worlds.runs, samples), np.float32)
    seconds = np.full(len(detectors), np.inf)
    for place, scenario in enumerate(drawn.values()):
        key = jax.random.fold_in(test, place)
        seen = _observe(worlds, draw_scenario(scenario, worlds, key, samples).x)
        for row, (one, fit) in enumerate(zip(detectors, fits, strict=True)):
            start = time.perf_counter()
            scores[row, place] = np.asarray(score_each(one, fit, seen))
            spent = (time.perf_counter() - start) / scores[row, place].size
            # The first scenario pays for the compilation.
            seconds[row] = min(seconds[row], spent)
    return scores, seconds


def _context(
    worlds: World,
    drawn: Mapping[str, Scenario],
    reference: Reference,
    samples: int,
    keys: Any,
) -> Context:
    """What some detectors need besides the reference, for every model.

    The labelled samples are fresh ones of the very scenarios that are evaluated, as
    many anomalies as others: what learns from them is an upper bound.
    """
    found, learn = keys
    dirty = dataclasses.replace(reference, kind="contaminated")
    x, labels = [], []
    counts = [sum(s.backdoor == kind for s in drawn.values()) for kind in (False, True)]
    for place, scenario in enumerate(drawn.values()):
        size = max(2, samples // counts[scenario.backdoor])
        key = jax.random.fold_in(learn, place)
        x.append(draw_scenario(scenario, worlds, key, size).x)
        labels.append(np.full((worlds.runs, size), scenario.backdoor))
    directions = jnp.concatenate(
        [dictionary_of(worlds.params), _observe(worlds, worlds.point[:, :, None]).h],
        axis=-1,
    )
    seen = _observe(worlds, np.concatenate(x, axis=-1))
    return Context(
        model=worlds.model,
        params=worlds.params,
        dictionary=directions,
        labelled=(seen, np.concatenate(labels, axis=-1)) if all(counts) else None,
        untrusted=_observe(worlds, draw_reference(dirty, worlds, found)),
        key=jax.vmap(lambda stream: jax.random.fold_in(learn, stream))(worlds.stream),
    )


def _observe(worlds: World, x: Any) -> Observations:
    return _observations(worlds.model, worlds.params, jnp.asarray(x))


@functools.partial(jax.jit, static_argnums=0)
def _observations(model: ModelSettings, params: Params, x: Array) -> Observations:
    return jax.vmap(lambda params, x: observe(model, params, x))(params, x)


def _with_metrics(evaluation: Evaluation) -> Evaluation:
    shape = evaluation.auroc.shape
    auc, precision, tpr = (np.full(shape, np.nan) for _ in METRICS)
    for row in range(shape[0]):
        for column, pair in enumerate(evaluation.comparisons):
            positive = evaluation.scores_of(row, pair.positive)
            negative = evaluation.scores_of(row, (pair.negative,))
            auc[row, column] = auroc(positive, negative)
            precision[row, column] = average_precision(positive, negative)
            tpr[row, column] = tpr_at_fpr(positive, negative, FALSE_POSITIVES)
    return dataclasses.replace(
        evaluation, auroc=auc, average_precision=precision, tpr=tpr
    )
