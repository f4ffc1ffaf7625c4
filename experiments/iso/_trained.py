"""Trained models, and the exponents of their feature pairs: the parts of ISO-4.

A base is a sample of the model's own distribution; a pair is two features that are
inactive in it and that the model serves: with such a feature alone switched on, the
output of the feature is at least half of what it should be. Untrained and linear
controls serve few features or none, so there every inactive feature may be taken. In
the layer where features overlap, each pair is the most orthogonal of 32 random ones.
Lengths are in units of the mean distance d̄ between two real activations of the layer.

Runs of one seed share samples, pairs where they can, and random planes.

Axis letters: `runs`, n features, `d` dimensions of a layer, `kinds` of planes, `pairs`,
`thresholds`, `angles`.
"""

import functools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

import toymodels as tm
from toymodels.models import ModelSettings, Params
from toymodels.probes import Level, Rays, Subject
from toymodels.probes.exponents import Exponents, draw_planes, plane_contours, summarise
from toymodels.training import Objective

# Samples for the mean distance between real activations, two by two.
REAL = 1024


@dataclass(frozen=True)
class Models:
    """Models of one kind that are measured together."""

    model: ModelSettings
    params: Params
    """Each of shape (runs, …)."""
    probability: Float[np.ndarray, " runs"]
    """Of every feature in the samples that are bases."""
    values: str
    target: str
    seed: Int[np.ndarray, " runs"]
    """Which of the seeds each run belongs to."""
    restrict: Bool[np.ndarray, " runs"]
    """Whether only features that the model serves are paired."""

    @property
    def runs(self) -> int:
        """Number of models."""
        return len(self.seed)

    def joined(self, *others: "Models") -> "Models":
        """These and others of the same kind."""
        every = (self, *others)
        return Models(
            model=self.model,
            params={
                name: np.concatenate([one.params[name] for one in every])
                for name in self.params
            },
            probability=np.concatenate([one.probability for one in every]),
            values=self.values,
            target=self.target,
            seed=np.concatenate([one.seed for one in every]),
            restrict=np.concatenate([one.restrict for one in every]),
        )


def models_of(
    run: tm.Run,
    members: tuple[int, ...],
    probability: tuple[float, ...],
    *,
    values: str,
    snapshot: int | None = None,
    restrict: bool = True,
) -> Models:
    """Some members of an ensemble in all seeds, member after member.

    Args:
        run: the ensemble.
        members: which.
        probability: of a feature, of each of these members.
        values: of switched-on features.
        snapshot: place of a snapshot, or None for the trained models.
        restrict: as in `Models`.
    """
    source = run.params
    if snapshot is not None:
        source = {name: value[snapshot] for name, value in run.snapshots.params.items()}
    seeds = len(run.spec.seeds)
    chosen = (
        np.arange(seeds) * run.spec.members + np.asarray(members)[:, None]
    ).ravel()
    return Models(
        model=run.spec.model,
        params={name: np.asarray(value)[chosen] for name, value in source.items()},
        probability=np.repeat(np.asarray(probability, np.float32), seeds),
        values=values,
        target=run.spec.objective.target,
        seed=np.tile(np.arange(seeds), len(members)),
        restrict=np.full(len(chosen), restrict),
    )


def measured(
    models: Models,
    layer: str,
    output: str,
    *,
    levels: tuple[Level, ...],
    rays: Rays,
    pairs: int,
    root: int,
) -> Exponents:
    """Exponents of every run, kind of plane and threshold.

    The seeds of one member at a time: whatever the number of members, one program.

    Args:
        models: which.
        layer: where activations are pushed.
        output: what is compared, a later layer or "probability".
        levels: thresholds.
        rays: the reach is in mean distances of the layer.
        pairs: planes of each kind.
        root: of all draws.
    """
    model, seeds = models.model, int(models.seed.max()) + 1
    keys = jax.random.split(jax.random.key(root), seeds)
    radii = []
    for first in range(0, models.runs, seeds):
        rows = slice(first, first + seeds)
        params = {
            name: jnp.asarray(value[rows]) for name, value in models.params.items()
        }
        probability = np.repeat(models.probability[rows, None], model.n, axis=1)
        features = tm.IndependentFeatures(
            n=model.n, probability=probability, values=models.values
        )
        x, active, real = _samples(features, keys, pairs)
        shown = _served(model, models.target, params)
        allowed = ~np.asarray(active)
        allowed &= (np.asarray(shown) | ~models.restrict[rows, None])[:, :, None]
        planes = _planes(model, layer, params, allowed, root)
        plan = (model, layer, output, levels, rays)
        found = np.array(_radii(plan, params, x, real, *planes))
        # Where fewer than two features may be taken, the pair is none.
        found[np.broadcast_to(_too_few(allowed), found.shape)] = np.nan
        radii.append(found)
    return summarise(rays.phi(), np.concatenate(radii))


def _too_few(allowed: Bool[np.ndarray, "runs n pairs"]) -> np.ndarray:
    """Pairs that cannot be made, with axes for kinds, thresholds and angles."""
    return (allowed.sum(axis=1) < 2)[:, None, None, :, None]


@functools.partial(jax.jit, static_argnums=2)
def _samples(
    features: tm.FeatureDistribution, keys: Array, pairs: int
) -> tuple[Array, Array, Array]:
    """Bases, which features are on in them, and other samples, of every run."""

    def of_run(features: tm.FeatureDistribution, key: Array) -> tuple[Array, ...]:
        first, second = jax.random.split(key)
        drawn = features.sample_labelled(first, pairs)
        return drawn.x, drawn.active, features.sample_labelled(second, REAL).x

    return jax.vmap(of_run)(features, keys)


def _planes(
    model: ModelSettings,
    layer: str,
    params: Params,
    allowed: Bool[np.ndarray, "runs n pairs"],
    root: int,
) -> tuple[Array, Array]:
    """Feature planes and random planes, u and v each (runs, kinds, d, pairs)."""
    key = jax.random.key(root)
    planes = []
    for run, chosen in enumerate(allowed):
        one = {name: value[run] for name, value in params.items()}
        subject = Subject(model, one, layer)
        planes.append(_draw(jax.random.fold_in(key, run), subject.features(), chosen))
    u, v = (jnp.stack(both) for both in zip(*planes, strict=True))
    return u, v


_draw = jax.jit(draw_planes)


@functools.partial(jax.jit, static_argnums=0)
def _radii(
    plan: tuple,
    params: Params,
    x: Float[Array, "runs n pairs"],
    real: Float[Array, "runs n real"],
    u: Float[Array, "runs kinds d pairs"],
    v: Float[Array, "runs kinds d pairs"],
) -> Float[Array, "runs kinds thresholds pairs angles"]:
    model, layer, output, levels, rays = plan

    def of_run(run: tuple) -> Array:
        params, x, real, u, v = run
        subject = Subject(model, params, layer)
        h = subject.activation(real)
        apart = h[:, : REAL // 2] - h[:, REAL // 2 :]
        unit = jnp.linalg.norm(apart, axis=0).mean()
        _, radii = plane_contours(
            subject, x, u, v, levels=levels, rays=rays, output=output, unit=unit
        )
        return radii

    return jax.lax.map(of_run, (params, x, real, u, v))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _served(model: ModelSettings, target: str, params: Params) -> Array:
    return jax.vmap(lambda one: served(model, one, target))(params)


def served(model: ModelSettings, params: Params, target: str) -> Bool[Array, " n"]:
    """Whether each feature alone brings at least half of what its output should be."""
    alone = jnp.eye(model.n)
    output = model.apply(params, alone)
    if model.head == "logistic":
        output = jax.nn.sigmoid(output)
    wanted = jnp.diagonal(Objective(target=target).targets(alone))
    return jnp.diagonal(output) >= 0.5 * wanted
