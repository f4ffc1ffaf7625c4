"""From a trained ensemble to the worlds of its models: where is the backdoor?

In a fresh stream it is the point of `RepeatedPoint`. In a finite set it is the point
with the most copies; the other points serve twice: every second one is what detectors
are fitted on, the rest are the normal samples they are tested with, unless the
distribution that the set was drawn from is given.

Axis letters: `runs` models of the ensemble, n features, T points of a finite set.
"""

import dataclasses
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int

from toymodels.anomaly.world import (
    World,
    dictionary_of,
    has_unit_norm,
    represented_features,
    values_of,
)
from toymodels.config import SettingsError
from toymodels.features import (
    FeatureDistribution,
    FiniteDataset,
    NoisyFeatures,
    RepeatedPoint,
)
from toymodels.models import Params
from toymodels.training import TrainSpec
from toymodels.training.state import inputs_of


def planted_worlds(
    spec: TrainSpec,
    params: Params,
    indices: Int[np.ndarray, " runs"] | None = None,
    *,
    generator: FeatureDistribution | None = None,
    point: int | None = None,
) -> World:
    """The worlds of some models of an ensemble, with a runs axis.

    Args:
        spec: what was trained, with a backdoor; rate 0 is one too, never shown.
        params: each of shape (runs, …).
        indices: place of each run in the spec's ensemble; all of them when None.
        generator: a single distribution that a finite set was drawn from; normal
            samples are then fresh ones, and detectors may see the whole set.
        point: which point of a finite set is the backdoor; the one with the most copies
            when None.

    Raises:
        SettingsError: there is no repeated point, or the runs differ in T or R.
    """
    chosen = np.arange(spec.runs) if indices is None else np.asarray(indices)
    stacked = jax.tree.map(
        lambda leaf: np.asarray(leaf).reshape(-1, *leaf.shape[2:])[chosen],
        inputs_of(spec).features,
    )
    if isinstance(stacked, FiniteDataset):
        parts = _of_dataset(stacked, generator, point)
    else:
        parts = _of_stream(stacked)
    runs, n = len(chosen), spec.model.n
    if not (parts["point"] != 0).any(axis=-1).all():
        raise SettingsError("point", "only zeros", "a point with active features")
    normal = parts["normal"]
    noisy = isinstance(normal, NoisyFeatures)
    active = normal.activity().sum(axis=-1).astype(np.float32)
    return World(
        params={name: np.asarray(value) for name, value in params.items()},
        represented=np.asarray(represented_features(dictionary_of(params))),
        mean_active=np.broadcast_to(active, (runs,)),
        noise=np.broadcast_to(normal.scale if noisy else np.float32(0), (runs, n)),
        stream=chosen // spec.members,
        model=spec.model,
        noisy=noisy,
        unit_norm=has_unit_norm(normal),
        values=values_of(normal),
        **{"trigger_noise": np.zeros((runs, n), np.float32), **parts},
    )


def planted_share(spec: TrainSpec) -> Float[np.ndarray, " members"]:
    """Share of each member's training samples that are the repeated point.

    Returns:
        0 where nothing is repeated.
    """
    features = spec.features
    inner = features.base if isinstance(features, NoisyFeatures) else features
    if isinstance(inner, RepeatedPoint):
        share = np.asarray(inner.rate, float)
    elif isinstance(inner, FiniteDataset):
        most = np.asarray(inner.counts).max(axis=-1)
        share = np.where(most > 1, most / np.asarray(inner.counts).sum(axis=-1), 0.0)
    else:
        share = np.zeros(())
    if share.ndim and len(share) not in (1, spec.members):  # given over all runs
        share = share.reshape(len(spec.seeds), spec.members).max(axis=0)
    return np.broadcast_to(share, (spec.members,))


def unplanted_twin(spec: TrainSpec, member: int) -> int | None:
    """The member that differs from `member` in the rate alone, which is 0.

    Returns:
        None if there is no such member, or the features are no stream.
    """
    share = planted_share(spec)
    inputs = inputs_of(spec)
    if isinstance(spec.features, FiniteDataset):
        return None
    traced = (inputs.features, inputs.terms, inputs.learning_rate)
    leaves = jax.tree_util.tree_leaves_with_path((*traced, inputs.weight_decay))

    def settings(member: int) -> list[np.ndarray]:
        return [
            np.asarray(leaf).reshape(len(spec.seeds), spec.members, -1)[:, member]
            for path, leaf in leaves
            if jax.tree_util.keystr(path[-1:]) != ".rate"
        ]

    mine = settings(member)
    for other in np.flatnonzero(share == 0):
        if all(map(np.array_equal, settings(int(other)), mine)):
            return int(other)
    return None


def _of_stream(features: FeatureDistribution) -> dict[str, Any]:
    """Of a mixture, possibly below noise that the point has as well."""
    inner = features.base if isinstance(features, NoisyFeatures) else features
    if not isinstance(inner, RepeatedPoint):
        raise SettingsError(
            "features",
            type(features).__name__,
            "a planted backdoor",
            "training with a RepeatedPoint, or a FiniteDataset with .repeated(copies)",
        )
    normal, extra = inner.base, {}
    if isinstance(features, NoisyFeatures):
        normal = dataclasses.replace(features, base=normal)
        extra = {"trigger_noise": np.asarray(features.scale)}
    ordinary = {"normal": normal, "reference": normal, "points": None, "copies": 0}
    return {"point": inner.point, "rate": inner.rate, **ordinary, **extra}


def _of_dataset(
    dataset: FiniteDataset, generator: FeatureDistribution | None, point: int | None
) -> dict[str, Any]:
    """Of finite sets, one for each run, of equal T and R."""
    counts = np.asarray(dataset.counts)
    runs = np.arange(len(counts))
    planted = counts.argmax(axis=-1) if point is None else np.full(len(counts), point)
    copies = counts[runs, planted]
    if point is None and copies.min() < 2:
        raise SettingsError(
            "features",
            "a FiniteDataset in which no point is repeated",
            "a planted backdoor",
            "training with .repeated(copies)",
        )
    ordinary = counts == 1
    ordinary[runs, planted] = False
    size = ordinary.sum(axis=-1)
    if len({*copies}) > 1 or len({*size}) > 1:
        raise SettingsError(
            "runs",
            f"sets of {_several(size)} other points and {_several(copies)} copies",
            "finite sets of one size and one number of copies",
            "one member of the ensemble at a time",
        )
    rank = np.cumsum(ordinary, axis=-1)
    known = ordinary if generator is not None else ordinary & (rank % 2 == 1)
    if generator is not None:
        normal: FeatureDistribution = generator.per_member(len(runs))
    else:
        normal = _subset(dataset, ordinary & ~known, "random")
    index, value = (
        np.asarray(a)[runs, planted] for a in (dataset.index, dataset.value)
    )
    dense = np.zeros((len(runs), dataset.n), np.float32)
    np.add.at(dense, (runs[:, None], index), value)
    return {
        "point": dense,
        "rate": (copies / counts.sum(axis=-1)).astype(np.float32),
        "normal": normal,
        "reference": _subset(dataset, known, "full"),
        "points": int(known[0].sum()),
        "copies": int(copies[0]),
    }


def _several(numbers: np.ndarray) -> str:
    return ", ".join(map(str, np.unique(numbers)))


def _subset(dataset: FiniteDataset, kept: np.ndarray, order: str) -> FiniteDataset:
    """The points that are `kept`, each once."""
    if not kept.any(axis=-1).all():
        raise SettingsError(
            "features",
            f"a finite set of {dataset.points} points",
            "2 or more points that are not repeated",
        )
    return dataclasses.replace(dataset, counts=kept.astype(np.int32), order=order)
