"""Maps from the store: trainings that `toymodels reproduce` has left there.

Which of them are maps is read from what they contain: a tied autoencoder whose members
differ in sparsity alone, or in sparsity and the importance of the second of two
features, with all else as the explorer can set it. So every sweep that somebody stores
is found, whichever experiment or version of the code has trained it.

Axis letters: `points` members of a training, `seeds` restarts; n features, d hidden
dimensions.
"""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from toymodels.config import SettingsError, from_json
from toymodels.explorer.controls import MOST_FEATURES, Controls
from toymodels.explorer.map import Axis, Map, best_of, map_title
from toymodels.features import IndependentFeatures
from toymodels.models import Autoencoder
from toymodels.store import Store
from toymodels.training import Objective, Run, TrainSpec
from toymodels.training.spec import VARIED

LEAST_POINTS = 5
# Of a training that is read whole: parameters of all runs and snapshots.
MOST_STORED_NUMBERS = 30_000_000
MOST_POINTS = 1000
# Sent to the page.
MOST_SENT_NUMBERS = 200_000
MOST_KEPT = 8
# Sparsity and decay are single precision in a store.
DIGITS = 6


@dataclasses.dataclass(frozen=True)
class StoredMap:
    """A training in the store that is a map, not read yet."""

    key: str
    title: str
    n: int
    d: int
    activation: str
    source: str

    @property
    def id(self) -> str:
        """Its name in requests."""
        return self.key[:16]


def stored_maps(store: Store) -> list[StoredMap]:
    """The maps in a store; of those that show the same, the newest.

    Args:
        store: may be absent; then there are none.
    """
    newest: dict[str, tuple[float, StoredMap]] = {}
    for age, key, spec in _candidates(store):
        found = sweep_of(spec)
        if found is None:
            continue
        first, seeds = found.controls[0], len(spec.seeds)
        runs = "one training" if seeds == 1 else f"the best of {seeds} restarts"
        one = StoredMap(
            key=key,
            title=map_title(first, found.axes),
            n=first.n,
            d=first.d,
            activation=first.activation,
            source=(
                f"From the store: {runs} of {spec.steps:,} steps at each point, "
                f"training {key[:8]}."
            ),
        )
        if one.title not in newest or newest[one.title][0] < age:
            newest[one.title] = (age, one)
    ordered = (one for _, one in newest.values())
    return sorted(ordered, key=lambda m: (m.activation != "relu", m.n, m.d, m.title))


def load_map(store: Store, key: str) -> Map:
    """Read a map.

    Raises:
        SettingsError: it is gone, or no longer what it was.
        StoreError: it cannot be read.
    """
    result = store.load(key)
    found = None
    if result is not None:
        run = Run.from_result(result)
        found = sweep_of(run.spec)
    if result is None or found is None:
        raise SettingsError("map", key[:16], "a map of the store", "another one")
    params = {
        name: np.swapaxes(run.by_seed(value), 0, 1)[found.members]
        for name, value in run.params.items()
    }
    kept, loss = best_of(run.spec.model, params, found.controls)
    source = next((m.source for m in stored_maps(store) if m.key == key), "")
    return Map(key[:16], source, found.axes, found.controls, kept["W"], kept["b"], loss)


@dataclasses.dataclass(frozen=True, eq=False)
class Sweep:
    """A training as a map: where its members lie."""

    axes: tuple[Axis, ...]
    controls: tuple[Controls, ...]
    """Of each point, row by row."""
    members: Int[np.ndarray, " points"]
    """Which member of the training is at each point."""


def sweep_of(spec: TrainSpec) -> Sweep | None:
    """The axes and the points of a training, or None if it is no map."""
    if not (_is_ours(spec) and _is_small(spec)):
        return None
    p = np.asarray(spec.features.probability, np.float64)
    decay = _decay(spec)
    rates = [np.unique(value) for value in (spec.learning_rate, spec.weight_decay)]
    if p.ndim != 2 or not (p == p[:, :1]).all() or decay is None:
        return None
    if len(p) != spec.members or any(len(rate) > 1 for rate in rates):
        return None
    adam = spec.optimiser.name == "adam"
    try:
        controls = [
            Controls(
                n=spec.model.n,
                d=spec.model.d,
                sparsity=_rounded(1 - one),
                importance_decay=_rounded(r),
                learning_rate=_rounded(rates[0][0]),
                weight_decay=0.0 if adam else _rounded(rates[1][0]),
                activation=spec.model.activation,
                batch=spec.batch,
                seed=spec.seed,
            )
            for one, r in zip(p[:, 0], decay, strict=True)
        ]
    except SettingsError:  # more than the explorer can set
        return None
    return arranged(controls)


def arranged(controls: Sequence[Controls]) -> Sweep | None:
    """Points in the order of a map, or None where they are no line and no grid."""
    S = np.array([one.sparsity for one in controls])
    r = np.array([one.importance_decay for one in controls])
    levels, ratios = np.unique(S), np.unique(r)
    members = np.lexsort((S, r))  # row by row: importance first
    axes = [Axis("sparsity", tuple(levels.tolist()))]
    if len(ratios) > 1:
        axes.append(Axis("importance_decay", tuple(ratios.tolist())))
        if controls[0].n != 2:
            return None
    if len(levels) < LEAST_POINTS or len(levels) * len(ratios) != len(S):
        return None
    if not (S[members].reshape(len(ratios), -1) == levels).all():
        return None
    return Sweep(tuple(axes), tuple(controls[k] for k in members), members)


def _candidates(store: Store) -> Iterator[tuple[float, str, TrainSpec]]:
    """When it was written, key and settings of every training of an autoencoder."""
    for manifest in store.manifests():
        data: Any = manifest.get("settings")
        if not (isinstance(data, dict) and data.get("type") == "TrainSpec"):
            continue
        kinds = [(data.get(part) or {}).get("type") for part in ("model", "features")]
        if kinds != ["Autoencoder", "IndependentFeatures"]:
            continue
        try:
            spec = from_json(data)
            age = (store.root / f"{manifest['key']}.json").stat().st_mtime
        except (ValueError, TypeError, KeyError, OSError):
            continue  # of another version, or just removed
        yield age, manifest["key"], spec


def _is_ours(spec: TrainSpec) -> bool:
    """Whether the explorer could train one of its members on."""
    model, features = spec.model, spec.features
    return (
        isinstance(model, Autoencoder)
        and isinstance(features, IndependentFeatures)
        and features.values == "uniform"
        and (model.tied, model.bias) == (True, True)
        and model.hidden_activation == "identity"
        and spec.objective == Objective()
        and all(getattr(spec, name) is None for name in VARIED)
        and spec.optimiser.name in ("adam", "adamw")
    )


def _is_small(spec: TrainSpec) -> bool:
    numbers = spec.runs * spec.model.n * spec.model.d * (1 + len(spec.snapshots))
    sent = spec.members * spec.model.n * spec.model.d
    return (
        LEAST_POINTS <= spec.members <= MOST_POINTS
        and spec.model.n <= MOST_FEATURES
        and numbers <= MOST_STORED_NUMBERS
        and sent <= MOST_SENT_NUMBERS
    )


def _decay(spec: TrainSpec) -> Float[np.ndarray, " members"] | None:
    """The base of which the importances are powers, or None if they are none."""
    rank = min(spec.importance.ndim, 1)
    importance = spec.over_runs(spec.importance, rank).reshape(spec.runs, -1)
    # All seeds have those of the members, unless they were given over the runs.
    by_seed = importance.reshape(len(spec.seeds), spec.members, -1)
    if not (by_seed == by_seed[:1]).all() or not (by_seed > 0).all():
        return None
    shape = (spec.members, spec.model.n)
    importance = np.broadcast_to(by_seed[0], shape).astype(np.float64)
    base = importance[:, 1] / importance[:, 0]
    powers = base[:, None] ** np.arange(spec.model.n)
    return base if np.allclose(powers, importance, rtol=1e-4) else None


def _rounded(value: Any) -> float:
    return float(f"{float(value):.{DIGITS}g}")


@functools.lru_cache(maxsize=MOST_KEPT)
def kept_map(store: Store, key: str) -> Map:
    """As `load_map`; those asked for last are kept, for all sessions together."""
    return load_map(store, key)
