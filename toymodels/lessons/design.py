"""An experiment of one's own: a claim, a control, and a verdict that nobody types.

A `Design` says what is trained, what is measured and what would count. Its verdict is
that of `toymodels.claims.judge`, as for every claim of this package.

Axis letters: `runs` = samples × restarts, n features, d hidden dimensions.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from toymodels.claims import (
    FEWEST_SEEDS,
    INCONCLUSIVE,
    NOT_SUPPORTED,
    SUPPORTED,
    Claim,
    Test,
    control,
    judge,
    shown_with_interval,
)
from toymodels.config import SettingsError, canonical, check_count, shorten
from toymodels.lessons.exercise import Exercise, Mistake
from toymodels.lessons.note import Note
from toymodels.training import Run, TrainSpec, train

SAME = "the control is the treatment"
SEVERAL = "treatment and control differ in more than one setting"
FEW = "there are too few samples"
ANYTHING = "no result could speak against it"
NO_NUMBER = "the statistic is not one number for a model"
NO_CLAIM = "nothing is claimed"

FAULTS = {
    NO_CLAIM: "Write one sentence that could turn out to be wrong.",
    SAME: "A control has to lack the very thing that you claim makes the difference. "
    "This one is trained exactly as the treatment.",
    SEVERAL: "If two things differ, you cannot say which of them made the difference. "
    "Change one and keep everything else.",
    FEW: f"With fewer than {FEWEST_SEEDS} independent samples the interval says too "
    "little, and the verdict can never be better than inconclusive.",
    ANYTHING: "The test accepts every number. Fix a border beforehand that a result "
    "can miss.",
    NO_NUMBER: "It gets the weights W of one model, of shape (d, n), and should return "
    "a single number.",
}
MEANING = {
    SUPPORTED: "The whole interval lies in the accepted region, and the control fails "
    "the same test.",
    NOT_SUPPORTED: "The whole interval lies outside the accepted region. That is a "
    "result, too: keep it.",
    INCONCLUSIVE: "This does not decide it.",
}


@dataclasses.dataclass(frozen=True)
class Design:
    """Everything that is decided before the data are seen.

    Attributes:
        statement: one sentence that can be wrong.
        treatment: what is trained; its `seeds` are replaced.
        control: the same without what the claim says makes the difference.
        statistic: takes W (d, n) of one model and gives a number.
        test: which numbers support the claim.
        samples: independent models, each the best of its restarts.
        restarts: trainings of which the lowest training loss counts.
        aggregate: "median" or "mean" over samples.
    """

    statement: str
    treatment: TrainSpec
    control: TrainSpec
    statistic: Callable[[np.ndarray], Any]
    test: Test
    samples: int = 8
    restarts: int = 1
    aggregate: str = "median"

    def __post_init__(self):
        check_count("samples", self.samples)
        check_count("restarts", self.restarts)

    def fault(self) -> str:
        """Name of the first of `FAULTS` that it has, or an empty text."""
        low, high = self.test.low, self.test.high
        differing = differences(self.treatment, self.control)
        found = {
            NO_CLAIM: not self.statement.strip(),
            SAME: not differing,
            SEVERAL: len(differing) > 1,
            FEW: self.samples < FEWEST_SEEDS,
            ANYTHING: not (np.isfinite(low) or np.isfinite(high)),
            NO_NUMBER: not self._gives_number(),
        }
        return next((name for name, there in found.items() if there), "")

    def _gives_number(self) -> bool:
        shape = self.treatment.parameter_shapes()["W"][1:]
        W = np.random.default_rng(0).normal(size=shape)
        value = np.asarray(self.statistic(W))
        return value.shape == () and value.dtype.kind in "biuf"


def differences(one: TrainSpec, other: TrainSpec) -> tuple[str, ...]:
    """Settings in which two trainings differ, such as "steps" or "model.d".

    Another number of features changes the model, the features and the length of
    whatever has one value for each; that is one difference, "n". Settings of another
    kind, such as another distribution of features, are one as well.
    """
    sizes = (one.model.n, other.model.n)
    names = _differing(_resolved(one), _resolved(other), "", sizes)
    if sizes[0] == sizes[1]:
        return tuple(names)
    others = (name for name in names if name.rpartition(".")[2] != "n")
    return ("n", *others)


def _resolved(spec: TrainSpec) -> dict[str, Any]:
    """The fields that count, without those of a part that the spec itself overrides."""
    fields = {
        field.name: getattr(spec, field.name)
        for field in dataclasses.fields(spec)
        if field.name != "seeds"
    }
    optimiser, objective = (_fields(fields[k]) for k in ("optimiser", "objective"))
    del optimiser["learning_rate"], optimiser["weight_decay"]
    own = objective.pop("exponent")
    exponent = own if spec.exponent is None else spec.exponent
    return {
        **fields,
        "exponent": exponent,
        "optimiser": optimiser,
        "objective": objective,
    }


def _fields(settings: Any) -> dict[str, Any]:
    return {f.name: getattr(settings, f.name) for f in dataclasses.fields(settings)}


def _differing(
    one: Any, other: Any, name: str, sizes: tuple[int, int]
) -> Iterator[str]:
    """Names of the single settings that differ, each with what it is a part of.

    Args:
        one: a setting, or several in a dict, a dataclass or a tuple of these.
        other: its counterpart.
        name: of both.
        sizes: n of the two trainings.
    """
    if type(one) is type(other) and dataclasses.is_dataclass(one):
        one, other = _fields(one), _fields(other)
    if _are_parts(one) and _are_parts(other):
        one, other = (dict(enumerate(parts)) for parts in (one, other))
        if len(one) != len(other) and sizes[0] == sizes[1]:
            yield name
            return
    if isinstance(one, dict) and isinstance(other, dict):
        for key in (key for key in one if key in other):
            inner = f"{name}.{key}" if name else str(key)
            yield from _differing(one[key], other[key], inner, sizes)
    elif not _same(one, other, sizes):
        yield name


def _are_parts(value: Any) -> bool:
    return isinstance(value, tuple) and any(map(dataclasses.is_dataclass, value))


def _same(one: Any, other: Any, sizes: tuple[int, int]) -> bool:
    """Whether two settings say the same; one number may stand for all of an array."""
    if canonical(one) == canonical(other):
        return True
    arrays = [np.asarray(v) if _is_numeric(v) else None for v in (one, other)]
    if arrays[0] is None or arrays[1] is None:
        return False
    one, other = arrays
    if one.ndim == other.ndim:
        # An axis over features is compared as far as both have it.
        both = tuple(
            slice(min(sizes) if lengths == sizes else None)
            for lengths in zip(one.shape, other.shape, strict=True)
        )
        one, other = one[both], other[both]
    try:
        one, other = np.broadcast_arrays(one, other)
    except ValueError:
        return False
    return bool(np.array_equal(one, other))


def _is_numeric(value: Any) -> bool:
    return isinstance(value, int | float) or hasattr(value, "__array__")


def best_of_restarts(spec: TrainSpec, samples: int, restarts: int) -> np.ndarray:
    """Weights of independent models, (samples, d, n), each the best of its restarts.

    The best is that of the lowest mean loss over the last tenth of its own training. On
    one common test sample, models that are equally good would be told apart by that
    sample, in the same way for all, and would no longer be independent.

    Raises:
        SettingsError: the spec has several members.
    """
    if spec.members != 1:
        raise SettingsError("members", spec.members, "1: one setting at a time")
    run = train(dataclasses.replace(spec, seeds=samples * restarts))
    lowest = _late_loss(run).reshape(samples, restarts).argmin(axis=1)
    return run.params["W"][np.arange(samples) * restarts + lowest]


def _late_loss(run: Run) -> Float[np.ndarray, " runs"]:
    windows = max(len(run.history.step) // 10, 1)
    loss = run.history.loss[-windows:].mean(axis=0)
    return np.where(np.isfinite(loss), loss, np.inf)


def carry_out(design: Design) -> Claim:
    """Train treatment and control, measure both, and judge."""
    values = {
        name: np.array(
            [
                float(design.statistic(W))
                for W in best_of_restarts(spec, design.samples, design.restarts)
            ]
        )
        for name, spec in (
            ("treatment", design.treatment),
            ("control", design.control),
        )
    }
    differing = ", ".join(differences(design.treatment, design.control))
    return judge(
        id="yours",
        experiment="yours",
        statement=design.statement,
        source="you",
        statistic="your statistic",
        expected=str(design.test),
        samples=values["treatment"],
        test=design.test,
        aggregate=design.aggregate,
        controls=[
            control(
                f"control ({differing} differs)",
                values["control"],
                design.test,
                aggregate=design.aggregate,
            )
        ],
    )


def told(claim: Claim) -> str:
    """A claim and its verdict as Markdown."""
    lines = [
        f"**{claim.verdict.capitalize()}**: {claim.statement}",
        "",
        "| | measured, with 95 % interval | |",
        "| --- | --- | --- |",
        f"| claim | {shown_with_interval(claim)} | accepted: {claim.tolerance} |",
    ]
    for item in claim.controls:
        word = "fails, as it must" if item.failed_as_it_must else "does **not** fail"
        lines.append(f"| {item.name} | {shown_with_interval(item)} | {word} |")
    remark = claim.note
    if claim.verdict == INCONCLUSIVE and not remark:
        remark = "the interval crosses the border of the accepted region"
    why = f" Remark: {remark}." if remark else ""
    return "\n".join([*lines, "", MEANING[claim.verdict] + why])


class DesignExercise(Exercise):
    """An exercise whose blank is a function that returns a `Design`.

    Every sound design passes, whatever its verdict.
    """

    @classmethod
    def of(
        cls,
        blank: str,
        answer: Callable[[], Design],
        wrong: Mapping[str, Callable[[], Design]],
        **others: Any,
    ) -> "DesignExercise":
        """One whose mistakes are some of `FAULTS`, each with a design that has it."""
        mistakes = [Mistake(name, FAULTS[name], made) for name, made in wrong.items()]
        return cls(blank=blank, answer=answer, mistakes=mistakes, **others)

    def check(self, given: Any) -> Note:
        """Carry out the design, or say what is wrong with it."""
        if given is None or given is ...:
            return self._unanswered()
        try:
            design = given() if callable(given) else given
            if design is None or design is ...:
                return self._unanswered()
            if not isinstance(design, Design):
                return self._wrong(
                    f"`{self.blank}` returned a `{type(design).__name__}`, and should "
                    "return a `Design`."
                )
            fault = design.fault()
            if fault:
                name = fault[:1].upper() + fault[1:]
                return self._wrong(f"*{name}.* {FAULTS[fault]}", fault)
            return Note(told(carry_out(design)), "success", True)
        except Exception as error:
            return self._wrong(
                f"`{self.blank}` raised "
                f"`{type(error).__name__}: {shorten(str(error), 200)}`."
            )
