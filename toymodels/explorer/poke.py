"""What can be poked: real activations of a live model's weights at one step.

They are those of `toymodels.probes`: of samples with an active feature, and d̄, the
unit of every length, is the mean distance between two of them.

Axis letters: n features, d hidden dimensions, `real` activations.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from toymodels.config import SettingsError
from toymodels.explorer.controls import Controls
from toymodels.explorer.description import plain
from toymodels.explorer.programs import make_room
from toymodels.explorer.trainer import Frame
from toymodels.features import FeatureDistribution
from toymodels.probes import Bases, Subject, unit_lengths
from toymodels.probes.bases import check_spread
from toymodels.probes.real_bases import labelled_bases

LAYER = "hidden"
# Activations that d̄ and Σ are estimated from, and those of them that are shown.
REAL, SHOWN = 512, 60


@dataclasses.dataclass(frozen=True)
class Taken:
    """A model at one step and a draw of its real activations: what pokes belong to."""

    step: int
    generation: int
    """Of the training, which other settings begin anew."""
    controls: Controls
    seed: int
    subject: Subject
    bases: Bases
    """All of `real`, those with an active feature first."""
    units: dict[str, float]
    """d̄ of "hidden" and of "output"."""
    shown: int
    """How many can be poked: the first, each with an active feature."""

    @property
    def key(self) -> Key[Array, ""]:
        """Of every further draw."""
        return jax.random.key(self.seed)

    def base(self, place: int) -> Bases:
        """One starting point, 0 to `shown` − 1, among the same real activations."""
        bases, one = self.bases, slice(place, place + 1)
        return dataclasses.replace(
            bases, x=bases.x[:, one], active=bases.active[:, one], h=bases.h[:, one]
        )


def take(frame: Frame, *, seed: int, generation: int = 0) -> Taken:
    """The real activations of a frame's weights.

    Args:
        frame: whose weights and settings; it may be older than the newest.
        seed: of the draw.
        generation: of the training, to be told.

    Raises:
        SettingsError: weights that are not finite; no sample with an active feature;
            activations, or outputs, that are all the same.
    """
    if not (np.isfinite(frame.W).all() and np.isfinite(frame.b).all()):
        raise SettingsError(
            "weights",
            "numbers that are not finite",
            "weights of a training that has not diverged",
            "an earlier step, or a restart with a lower learning rate",
        )
    params = {"W": jnp.asarray(frame.W), "b": jnp.asarray(frame.b)}
    subject = Subject(frame.controls.model(), params, LAYER)
    features = jax.tree.map(jnp.asarray, frame.controls.features())
    make_room("poke", frame.controls)
    bases, units = _drawn(subject, features, jax.random.key(seed))
    with_feature = int(np.asarray(bases.active).any(axis=0).sum())
    if not with_feature:
        raise SettingsError(
            "sparsity",
            frame.controls.sparsity,
            "a world in which some sample has an active feature",
            "a lower sparsity, or other draws",
        )
    try:
        check_spread(bases.real)
    except SettingsError:
        raise SettingsError(
            "weights",
            "activations that are all the same",
            "activations that differ, so that there is a distance to measure by",
            "a later step",
        ) from None
    found = {name: float(units[name]) for name in (LAYER, "output")}
    if not 0 < found["output"] < np.inf:
        raise SettingsError(
            "weights",
            "a model that answers all real samples alike, or beyond all bounds",
            "outputs that differ, so that there is a distance to measure by",
            "a later step",
        )
    return Taken(
        step=frame.step,
        generation=generation,
        controls=frame.controls,
        seed=seed,
        subject=subject,
        bases=bases,
        units=found,
        shown=min(with_feature, SHOWN),
    )


@jax.jit
def _drawn(
    subject: Subject, features: FeatureDistribution, key: Key[Array, ""]
) -> tuple[Bases, dict[str, Array]]:
    drawn = labelled_bases(subject, features, key, bases=REAL)
    bases = Bases(
        subject=subject,
        x=drawn.x,
        active=drawn.active,
        h=drawn.real,
        real=drawn.real,
        real_x=drawn.x,
    )
    return bases, unit_lengths(bases)


def picture(taken: Taken) -> dict[str, Any]:
    """Where the activations lie: on a line, in the plane, in the two widest directions.

    Returns:
        Plain data: `activations`, each with its active `features` (counted from 1) and
        its place `at`; the places of the `columns` of W and of the `origin`; the share
        of the variance that is `explained`; d̄ of both layers.
    """
    centre, axes, explained = projection(taken)
    bases = taken.bases
    h, active = (np.asarray(a)[:, : taken.shown] for a in (bases.h, bases.active))
    columns = np.asarray(taken.subject.params["W"])
    at = plain(axes @ (h - centre[:, None]))
    return {
        "step": taken.step,
        "generation": taken.generation,
        "seed": taken.seed,
        "n": taken.controls.n,
        "d": taken.controls.d,
        "activation": taken.controls.activation,
        "unit": taken.units[LAYER],
        "unit_output": taken.units["output"],
        "activations": [
            {"features": (np.flatnonzero(on) + 1).tolist(), "at": list(place)}
            for on, place in zip(active.T, zip(*at, strict=True), strict=True)
        ],
        "columns": plain((axes @ (columns - centre[:, None])).T),
        "suggested": suggestion(taken),
        "origin": plain(-axes @ centre),
        "explained": explained,
    }


def suggestion(taken: Taken) -> dict[str, int]:
    """A poke to begin with, in numbers from 1.

    The `base` with fewest active features; of those that are off in it the longest
    column as `feature`; and as `second` the one that overlaps least with it.
    """
    active = np.asarray(taken.bases.active)[:, : taken.shown]
    W = np.asarray(taken.subject.params["W"], float)
    base = int(np.argmin(active.sum(axis=0)))
    sizes = np.linalg.norm(W, axis=0)
    # Off before on, long before short.
    rank = np.where(active[:, base], sizes - sizes.max() - 1, sizes)
    feature = int(np.argmax(rank))
    cosine = np.abs(W[:, feature] @ W) / np.where(sizes > 0, sizes, 1.0)
    cosine[sizes < sizes.max() / 10] = np.inf
    cosine[feature] = np.inf
    second = int(np.argmin(cosine))
    return {"base": base + 1, "feature": feature + 1, "second": second + 1}


def projection(
    taken: Taken,
) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, "two d"], float]:
    """Centre, axes and share of the variance of the plane that the page draws.

    A line or a plane is drawn as it is; of more dimensions the first two principal
    components of the real activations.
    """
    real = np.asarray(taken.bases.real, float)
    d = len(real)
    if d <= 2:
        return np.zeros(d), np.eye(2)[:, :d], 1.0
    centre = real.mean(axis=1)
    vectors, sizes, _ = np.linalg.svd(real - centre[:, None], full_matrices=False)
    return centre, vectors[:, :2].T, float((sizes[:2] ** 2).sum() / (sizes**2).sum())
