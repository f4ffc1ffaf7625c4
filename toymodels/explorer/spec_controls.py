"""Settings of a training as those of the explorer, where it has the same.

What the explorer cannot set (another target, signed values, weights that are not tied)
is refused by name, so that what the page says of a run is true of it.

Axis letters: n features, d hidden dimensions.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from jaxtyping import Float

from toymodels.config import SettingsError
from toymodels.explorer.controls import Controls
from toymodels.features import (
    AnticorrelatedGroup,
    Concatenated,
    CorrelatedGroup,
    FeatureDistribution,
    IndependentFeatures,
    RepeatedPoint,
)
from toymodels.models import Autoencoder
from toymodels.training import Objective, TrainSpec

# Settings of a training are in single precision.
DIGITS = 6
HINT = "a training that the explorer could have made"


def controls_of(spec: TrainSpec, runs: Iterable[int]) -> tuple[Controls, ...]:
    """The explorer's settings for some runs of a training.

    Args:
        spec: the training; its optimiser may be another one than the explorer's.
        runs: places in its ensemble.

    Raises:
        SettingsError: the explorer does not have such settings; `field` names which.
    """
    _check_model(spec)
    exponent = spec.objective.exponent if spec.exponent is None else spec.exponent
    importance = spec.over_runs(spec.importance, min(spec.importance.ndim, 1))
    importance = importance.reshape(spec.runs, -1)
    scalars = {
        "learning_rate": spec.over_runs(spec.learning_rate, 0),
        "weight_decay": spec.over_runs(spec.weight_decay, 0),
        "exponent": spec.over_runs(np.asarray(exponent), 0),
    }
    if spec.optimiser.name != "adamw":
        scalars["weight_decay"] = np.zeros(spec.runs)
    found = []
    for run in runs:
        values = {name: rounded(value[run]) for name, value in scalars.items()}
        controls = Controls(
            n=spec.model.n,
            d=spec.model.d,  # pyright: ignore (an autoencoder)
            activation=spec.model.activation,  # pyright: ignore
            importance_decay=_decay(importance[run], spec.model.n),
            batch=spec.batch,
            seed=spec.seed,
            **values,
            **_world(spec, run),
        )
        found.append(controls)
    return tuple(found)


def rounded(value: Any) -> float:
    """A setting without the digits that single precision does not have."""
    return float(f"{float(value):.{DIGITS}g}")


def _check_model(spec: TrainSpec) -> None:
    model, objective = spec.model, spec.objective
    if not isinstance(model, Autoencoder):
        raise SettingsError("model", type(model).__name__, "an Autoencoder", HINT)
    for name, wanted in (("tied", True), ("bias", True)):
        if getattr(model, name) != wanted:
            raise SettingsError(f"model.{name}", not wanted, str(wanted), HINT)
    if model.hidden_activation != "identity":
        raise SettingsError(
            "model.hidden_activation", model.hidden_activation, "identity", HINT
        )
    for name in ("kind", "target", "measure"):
        wanted = getattr(Objective(), name)
        if getattr(objective, name) != wanted:
            raise SettingsError(
                f"objective.{name}", getattr(objective, name), wanted, HINT
            )
    for name in ("noise", "mixing"):
        if getattr(spec, name) is not None:
            raise SettingsError(name, "given", "none", HINT)


def _decay(importance: Float[np.ndarray, " k"], n: int) -> float:
    """The base of which the importances are powers."""
    importance = np.broadcast_to(importance, n).astype(np.float64)
    if (importance > 0).all():
        base = importance[1] / importance[0]
        if np.allclose(base ** np.arange(n), importance, rtol=1e-4):
            return rounded(base)
    raise SettingsError("importance", importance, "powers of one number", HINT)


def _world(spec: TrainSpec, run: int) -> dict[str, Any]:
    """Settings of the samples."""
    features = spec.features
    leading = features.members or 1
    one: Any = features.member(run % leading)
    found: dict[str, Any] = {}
    if isinstance(one, RepeatedPoint):
        size = int(np.count_nonzero(one.point))
        found = {"backdoor_size": size, "backdoor_rate": rounded(one.rate)}
        drawn = Controls(n=one.n, d=1, seed=spec.seed, backdoor_size=size).point()
        if not np.allclose(one.point, drawn, atol=1e-6):
            found["backdoor_point"] = " ".join(
                f"{place + 1}:{rounded(one.point[place])}"
                for place in np.flatnonzero(one.point)
            )
        one = one.base
    return found | _groups(one)


def _groups(one: FeatureDistribution) -> dict[str, Any]:
    """Sparsity, and whether the features come in groups."""
    parts = one.parts if isinstance(one, Concatenated) else (one,)
    kinds = {
        IndependentFeatures: "independent",
        CorrelatedGroup: "correlated",
        AnticorrelatedGroup: "anticorrelated",
    }
    kind = kinds.get(type(parts[0]))
    alike = len({(type(part), part.n) for part in parts}) == 1
    uniform = all(getattr(part, "values", None) == "uniform" for part in parts)
    if kind is None or not alike or not uniform:
        raise SettingsError(
            "features", type(one).__name__, "independent features or groups", HINT
        )
    if kind == "independent" and len(parts) > 1:
        raise SettingsError("features", "several parts", "one", HINT)
    p = np.concatenate([np.ravel(part.probability) for part in parts])  # pyright: ignore
    if not (p == p[0]).all():
        raise SettingsError("features.probability", p, "one for all features", HINT)
    found: dict[str, Any] = {"sparsity": rounded(1 - float(p[0])), "groups": kind}
    return found if kind == "independent" else found | {"group_size": parts[0].n}
