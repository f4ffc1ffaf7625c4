"""The map: trained models over their settings, to look at and to go on from.

Every point is one trained model. A map goes along the sparsity S; of two features in
one dimension it may go along their relative importance too. What became of a feature is
one of three things, as in the phase diagrams of the source: it is not represented, it
has a dimension of its own, or it is in superposition.

Axis letters: `points` models of a map, `seeds` restarts of each; n features, d hidden
dimensions.

References:
    Elhage et al. 2022, *Toy Models of Superposition*, "Superposition as a Phase
    Change".
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from toymodels.explorer.controls import Controls
from toymodels.explorer.description import geometry_data, plain, shapes_in
from toymodels.explorer.fields import FIELDS
from toymodels.explorer.programs import make_room
from toymodels.features import FeatureDistribution
from toymodels.geometry import measure
from toymodels.models import ModelSettings, Params
from toymodels.theory import boundary
from toymodels.training import Objective, Optimiser

ABSENT, ALONE, SHARED = range(3)
PHASES = ("not represented", "a dimension of its own", "in superposition")
# Of Σ_{j≠i}(Ŵ_i·W_j)²: about 1 in an antipodal pair, near 0 in a dimension of its own.
LEAST_INTERFERENCE = 0.1
# For the loss of a point and for choosing among its restarts: the same for all.
SAMPLES = 4096
BOUNDARY_POINTS = 200
# Of AdamW in the notebook of the source, whose diagrams the edges are compared with.
USUAL_DECAY = Optimiser().weight_decay

_LABELS = {field.name: field.label for field in FIELDS}


@dataclasses.dataclass(frozen=True)
class Axis:
    """A setting that differs between the points of a map."""

    name: str
    """Of the field of `Controls`."""
    values: tuple[float, ...]

    @property
    def label(self) -> str:
        """As on the page."""
        if self.name == "importance_decay":
            return "Importance of feature 2, relative to feature 1"
        return _LABELS[self.name]


@dataclasses.dataclass(frozen=True, eq=False)
class Map:
    """Trained models and where they lie.

    Attributes:
        id: its name in requests.
        source: where the models are from, in a sentence.
        axes: the first goes along the columns; a second one along the rows.
        controls: of each point, row by row.
        W: (points, d, n) weights.
        b: (points, n) biases.
        loss: (points,) on `SAMPLES` samples of the point's own settings.
    """

    id: str
    source: str
    axes: tuple[Axis, ...]
    controls: tuple[Controls, ...]
    W: Float[np.ndarray, "points d n"]
    b: Float[np.ndarray, "points n"]
    loss: Float[np.ndarray, " points"]

    @property
    def title(self) -> str:
        """Sizes, what is swept, and what is unusual."""
        return map_title(self.controls[0], self.axes)


def map_title(controls: Controls, axes: Sequence[Axis]) -> str:
    """Sizes, what is swept, and what is unusual, for a list of maps."""
    kind = {"relu": "", "identity": ", linear control", "gelu": ", GELU"}
    world = {
        "independent": "",
        "correlated": f", groups of {controls.group_size} on together",
        "anticorrelated": f", one of {controls.group_size} at a time",
    }
    levels = axes[0].values
    swept = f"S from {levels[0]:.3g} to {levels[-1]:.3g}"
    if len(axes) > 1:
        swept += " × relative importance"
    elif controls.importance_decay != 1:
        swept += f", importance {controls.importance_decay:.3g}ⁱ"
    size = " × ".join(str(len(axis.values)) for axis in axes)
    if controls.exponent != 2:
        swept += f", q = {controls.exponent:.3g}"
    if controls.weight_decay > USUAL_DECAY:
        swept += f", weight decay {controls.weight_decay:.3g}"
    if controls.planted:
        active = np.count_nonzero(controls.point())
        noun = "feature" if active == 1 else "features"
        share = 100 * controls.backdoor_rate
        swept += f", planted point of {active} {noun}, share {share:.3g} %"
    return (
        f"n = {controls.n}, d = {controls.d}{kind[controls.activation]}"
        f"{world[controls.groups]}: {swept} ({size} points)"
    )


def phases(W: Float[np.ndarray, "points d n"]) -> Int[np.ndarray, "points n"]:
    """What became of every feature: a place in `PHASES`, −1 where W is not finite."""
    finite = np.asarray(np.isfinite(W).all(axis=(1, 2)))
    geometry = measure(np.where(finite[:, None, None], W, 0))
    shared = np.asarray(geometry.interference) >= LEAST_INTERFERENCE
    found = np.where(shared, SHARED, ALONE)
    found = np.where(np.asarray(geometry.represented), found, ABSENT)
    return np.where(finite[:, None], found, -1)


def best_of(
    model: ModelSettings,
    params: Params,
    controls: Sequence[Controls],
) -> tuple[Params, Float[np.ndarray, " points"]]:
    """The best restart of every point, and its loss.

    Args:
        model: of all of them.
        params: each of shape (points, seeds, …).
        controls: of each point.

    Returns:
        Parameters of shape (points, …), and their losses; a restart that diverged is
        not chosen while there is another.
    """
    make_room("map", controls[0], len(controls), params["W"].shape[1])
    importance = np.stack([one.importance() for one in controls]).astype(np.float32)
    exponent = np.array([one.exponent for one in controls], np.float32)
    key = jax.random.key(0)
    loss = np.asarray(
        _losses(model, params, stacked_features(controls), importance, exponent, key)
    )
    # A ReLU makes 0 of NaN, so the loss of weights that diverged may look finite.
    sound = [np.isfinite(v).all(axis=tuple(range(2, v.ndim))) for v in params.values()]
    loss = np.asarray(np.where(np.all(sound, axis=0), loss, np.nan))
    chosen = np.argmin(np.where(np.isfinite(loss), loss, np.inf), axis=1)
    rows = np.arange(len(chosen))
    kept = {name: np.asarray(value)[rows, chosen] for name, value in params.items()}
    return kept, loss[rows, chosen]


def stacked_features(controls: Sequence[Controls]) -> FeatureDistribution:
    """The distributions of all points as one, each leaf of shape (points, …)."""
    each = [one.features().per_member(1) for one in controls]
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *each)


@functools.partial(jax.jit, static_argnums=0)
def _losses(
    model: ModelSettings,
    params: Params,
    features: FeatureDistribution,
    importance: Float[Array, "points n"],
    exponent: Float[Array, " points"],
    key: PRNGKeyArray,
) -> Float[Array, "points seeds"]:
    """One restart after the other: all at once would take too much memory."""

    def of_point(point: Any) -> Float[Array, " seeds"]:
        params, features, importance, exponent = point
        x = features.sample(key, SAMPLES)

        def of_seed(params: Params) -> Float[Array, ""]:
            out = model.apply(params, x)
            return Objective().loss(x, out, importance, exponent=exponent)

        return jax.lax.map(of_seed, params)

    return jax.lax.map(of_point, (params, features, importance, exponent))


def describe_map(found: Map) -> dict[str, Any]:
    """All that the page draws of a map, in plain data.

    Numbers that are not finite are None; so is what became of their features.
    """
    phase = phases(found.W)
    points = [
        geometry_data(W, b, shapes_in(W))
        | {
            "loss": float(loss) if np.isfinite(loss) else None,
            "phases": [int(k) if k >= 0 else None for k in kinds],
            "controls": dataclasses.asdict(controls),
        }
        for W, b, loss, kinds, controls in zip(
            found.W, found.b, found.loss, phase, found.controls, strict=True
        )
    ]
    return {
        "id": found.id,
        "title": found.title,
        "source": found.source,
        "axes": [
            {"name": axis.name, "label": axis.label, "values": list(axis.values)}
            for axis in found.axes
        ],
        "phases": PHASES,
        "points": points,
        "boundary": _boundary(found),
    }


def _boundary(found: Map) -> list[list[list[float]]] | None:
    """Where the closed form has its edges, as lines of (S, r); None without one."""
    first = found.controls[0]
    plain_world = first.groups == "independent" and not first.planted
    if len(found.axes) < 2 or first.activation != "relu" or not plain_world:
        return None
    if first.exponent != 2 or first.weight_decay > USUAL_DECAY:
        return None
    ratios = found.axes[1].values
    r = np.geomspace(min(ratios), max(ratios), BOUNDARY_POINTS)
    edge = np.stack([1 - boundary(r, bias="optimal"), r], axis=1)
    # Above the point where three regions meet the first or the second is ignored.
    upright = [[0.0, 1.0], [float(1 - boundary(1.0, bias="optimal")), 1.0]]
    return [plain(edge), upright]


def start_words(found: Map, point: int) -> str:
    """Where the weights of a point are from, in a few words."""
    controls = found.controls[point]
    where = f"S = {controls.sparsity:g}"
    if len(found.axes) > 1:
        where += f", relative importance {controls.importance_decay:g}"
    return f"a point of the map, {where}"
