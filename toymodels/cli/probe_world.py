"""What `toymodels probe` hands to each kind of perturbation, and how rows are said.

Axis letters: `runs` the models that were chosen.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from toymodels.config import SettingsError, check_count, content_hash
from toymodels.features import FeatureDistribution
from toymodels.models import ModelSettings, Params
from toymodels.plotting import caption_line
from toymodels.probes import DIRECTIONS, DirectionFamily, Subject
from toymodels.stats import bootstrap_interval
from toymodels.training import TrainSpec
from toymodels.training.weights import Weights


@dataclasses.dataclass(frozen=True)
class ProbeFlags:
    """Flags that all kinds share.

    Args:
        perturbation: name of the kind.
        directions: families of directions; the kind's own when empty.
        bases: starting points of each model.
        radii: number of radii.
        reach: largest radius, in mean distances between real activations.
        threshold: share of the largest response; the kind's own when None.
        angle: by which directions are turned, in degrees; none are when None.
        k: features of a mixture; the family's own when None.
        seed: of all draws.
    """

    perturbation: str
    directions: tuple[str, ...]
    bases: int
    radii: int
    reach: float
    threshold: float | None
    angle: float | None
    k: int | None
    seed: int

    def families(self, names: tuple[str, ...]) -> dict[str, DirectionFamily]:
        """Families of directions by name: all are turned, mixtures have k features.

        Raises:
            SettingsError: `angle` or `k` changes none of them.
        """
        found = {}
        for name in names:
            family = DIRECTIONS[name]
            changes: dict[str, Any] = {}
            if self.angle is not None and family.kind != "isotropic":
                changes["angle"] = self.angle
            if self.k is not None and family.kind == "mixture":
                changes["k"] = self.k
            found[name] = (dataclasses.replace(family, **changes), set(changes))
        used = set().union(*(changes for _, changes in found.values()))
        for flag, other in (("angle", "feature"), ("k", "mixture")):
            value = getattr(self, flag)
            if value is not None and flag not in used:
                raise SettingsError(
                    flag,
                    value,
                    f"no --{flag}, which changes nothing in {', '.join(names)}",
                    f"--directions {other}",
                )
        return {name: family for name, (family, _) in found.items()}


@dataclasses.dataclass(frozen=True)
class ProbeWorld:
    """Models of one setting and the distribution of their samples."""

    spec: TrainSpec
    model: ModelSettings
    params: Params
    """Each of shape (runs, …)."""
    features: FeatureDistribution
    """Every leaf of shape (runs, …)."""
    keys: Array
    """(runs,) typed keys; runs of different seeds have different ones."""
    layer: str
    member: int
    indices: Int[np.ndarray, " runs"]
    """Place of each run in the spec's ensemble."""
    left_out: int = 0
    """Models of the setting that are not finite."""

    @property
    def runs(self) -> int:
        """Number of models."""
        return len(self.indices)

    def subject(self, run: int) -> Subject:
        """The layer of one model."""
        params = jax.tree.map(lambda value: jnp.asarray(value[run]), self.params)
        return Subject(self.model, params, self.layer)

    def caption(self, **others: Any) -> str:
        """What a reader needs to make a figure again."""
        spec = self.spec
        shown = {
            "model": type(self.model).__name__,
            "layer": self.layer,
            "member": self.member if spec.members > 1 else None,
            "batch": f"{spec.batch:,}",
            "steps": f"{spec.steps:,}",
        }
        shown = {name: value for name, value in (shown | others).items() if value}
        measure = spec.objective.measure
        return caption_line(
            seeds=self.runs,
            loss=spec.objective.kind if measure == "power" else measure,
            exponent=spec.objective.exponent if measure == "power" else None,
            optimiser=spec.optimiser.name,
            fingerprint=content_hash(spec),
            others=shown,
        )


def world_of(
    weights: Weights,
    *,
    layer: str | None,
    member: int,
    runs: Int[np.ndarray, " runs"] | None = None,
    seed: int,
) -> ProbeWorld:
    """The models to look at.

    Args:
        weights: of a run.
        layer: to perturb; the first one after the input when None.
        member: setting of the sweep.
        runs: places in the file to choose from; all when None.
        seed: of the draws.

    Raises:
        SettingsError: no such layer or member.
    """
    spec, params, indices = weights
    model = spec.model
    if check_count("member", member, minimum=0) >= spec.members:
        raise SettingsError("member", member, f"less than {spec.members}", "member=0")
    finite = np.all(
        [np.isfinite(v).reshape(len(v), -1).all(axis=1) for v in params.values()],
        axis=0,
    )
    allowed = np.isin(np.arange(len(indices)), runs) if runs is not None else True
    asked = (indices % spec.members == member) & allowed
    chosen = np.flatnonzero(asked & finite)
    if not len(chosen):
        raise SettingsError("member", member, "one of which the file has finite runs")
    layers = model.layers
    default = layers[1] if layers[0] == "input" else layers[0]
    layer = default if layer is None else layer
    kept = {name: value[chosen] for name, value in params.items()}
    Subject(model, kept, layer)  # says which layers there are
    root = jax.random.key(check_count("seed", seed, minimum=0))
    seeds = indices[chosen] // spec.members
    return ProbeWorld(
        spec=spec,
        model=model,
        params=kept,
        features=_features_of(spec, indices[chosen]),
        keys=jax.vmap(jax.random.fold_in, (None, 0))(root, seeds),
        layer=layer,
        member=member,
        indices=indices[chosen],
        left_out=int((asked & ~finite).sum()),
    )


def _features_of(
    spec: TrainSpec, indices: Int[np.ndarray, " runs"]
) -> FeatureDistribution:
    """Each run's distribution, stacked."""
    members = spec.features.members or 1
    places = indices if members == spec.runs else indices % spec.members
    places = places if members > 1 else np.zeros_like(indices)
    return jax.tree.map(lambda leaf: leaf[places], spec.features.per_member(members))


def summary(values: Any) -> dict[str, float | None]:
    """Median over runs with its 95 % interval, for a row; None where unknown."""
    finite = np.asarray(values, float).ravel()
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return {"median": None, "low": None, "high": None}
    low, high = bootstrap_interval(finite)
    found = {"median": float(np.median(finite)), "low": low, "high": high}
    return {name: round(value, 6) for name, value in found.items()}


def cell(value: Any) -> str:
    """A value of a row as a table shows it: an interval stands below its median."""
    if isinstance(value, dict):
        if value["median"] is None:
            return "–"
        median, low, high = (_short(value[name]) for name in ("median", "low", "high"))
        return median if low == high else f"{median}\n[{low}, {high}]"
    if value is None:
        return "–"
    return _short(value) if isinstance(value, float) else str(value)


def _short(value: float) -> str:
    """Two digits without the zero before the point, as 0.078 → .078."""
    text = f"{value:.2g}" if abs(value) < 1 else f"{value:.3g}"
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text
