"""Maps from the store: trainings that `toymodels reproduce` has left there.

Which of them are maps is read from what they contain: a tied autoencoder whose members
differ in sparsity alone, or in sparsity and the importance of the second of two
features, with all else as the explorer can set it. So every sweep that somebody stores
is found, whichever experiment or version of the code has trained it.

Axis letters: `points` members of a training, `seeds` restarts; n features, d hidden
dimensions.
"""

import collections
import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from toymodels.config import SettingsError, from_json
from toymodels.disk import StoreError
from toymodels.explorer.controls import Controls
from toymodels.explorer.map import Axis, Map, best_of, map_title
from toymodels.explorer.spec_controls import controls_of
from toymodels.store import Store
from toymodels.training import Run, TrainSpec

LEAST_POINTS = 5
# Of a training that is read whole: parameters of all runs and snapshots.
MOST_STORED_NUMBERS = 30_000_000
MOST_POINTS = 1000
# Sent to the page.
MOST_SENT_NUMBERS = 200_000
MOST_KEPT = 8
# Entries of a store of which it is known whether they are maps.
MOST_REMEMBERED = 10_000


@dataclasses.dataclass(frozen=True)
class StoredMap:
    """A training in the store that is a map, not read yet."""

    key: str
    title: str
    n: int
    d: int
    activation: str
    source: str
    shows: tuple[Controls, tuple[Axis, ...]]
    """What all of its points have in common, and where they lie."""

    @property
    def id(self) -> str:
        """Its name in requests."""
        return self.key[:16]


def stored_maps(store: Store) -> list[StoredMap]:
    """The maps in a store; of those that show the same, the newest.

    Maps that differ in what a title does not tell (the learning rate, say) are told
    apart by the training that they are from.

    Args:
        store: may be absent; then there are none.
    """
    newest: dict[Any, tuple[float, StoredMap]] = {}
    for path in store.root.glob("*.json"):
        try:
            age = path.stat().st_mtime
        except OSError:  # just removed
            continue
        one = _stored(store, path.stem, age)
        if one is not None and newest.get(one.shows, (-1.0,))[0] < age:
            newest[one.shows] = (age, one)
    titles = collections.Counter(one.title for _, one in newest.values())
    ordered = (
        one
        if titles[one.title] == 1
        else dataclasses.replace(one, title=f"{one.title}, training {one.key[:8]}")
        for _, one in newest.values()
    )
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

    @property
    def common(self) -> Controls:
        """What all points have in common; what differs between them is blanked."""
        blank: dict[str, Any] = {"sparsity": 0.0}
        if len(self.axes) > 1:
            blank["importance_decay"] = 1.0
        return dataclasses.replace(self.controls[0], **blank)


def sweep_of(spec: TrainSpec) -> Sweep | None:
    """The axes and the points of a training, or None if it is no map."""
    if not _is_small(spec) or spec.features.members not in (None, spec.members):
        return None
    try:
        return arranged(controls_of(spec, range(spec.members)))
    except SettingsError:  # more than the explorer can set
        return None


def arranged(controls: Sequence[Controls]) -> Sweep | None:
    """Points in the order of a map, or None where they are no line and no grid."""
    common = {
        dataclasses.replace(c, sparsity=0.0, importance_decay=1.0) for c in controls
    }
    if len(common) > 1:
        return None
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


@functools.lru_cache(maxsize=MOST_REMEMBERED)
def _stored(store: Store, key: str, age: float) -> StoredMap | None:
    """The map that an entry of the store is, if it is one.

    Args:
        store: where it is.
        key: of the entry.
        age: when it was written; the answer is remembered until it is written again.
    """
    try:
        data: Any = (store.manifest(key) or {}).get("settings")
        if not (isinstance(data, dict) and data.get("type") == "TrainSpec"):
            return None
        if (data.get("model") or {}).get("type") != "Autoencoder":
            return None
        spec = from_json(data)
    except (ValueError, TypeError, KeyError, StoreError):
        return None  # damaged, or of another version
    found = sweep_of(spec)
    if found is None:
        return None
    first, seeds = found.controls[0], len(spec.seeds)
    runs = "one training" if seeds == 1 else f"the best of {seeds} restarts"
    return StoredMap(
        key=key,
        title=map_title(first, found.axes),
        n=first.n,
        d=first.d,
        activation=first.activation,
        source=(
            f"From the store: {runs} of {spec.steps:,} steps at each point, "
            f"training {key[:8]}."
        ),
        shows=(found.common, found.axes),
    )


def _is_small(spec: TrainSpec) -> bool:
    """Whether it can be read and sent; sizes alone, before anything is computed."""
    weights = spec.model.n * getattr(spec.model, "d", 1)
    return (
        LEAST_POINTS <= spec.members <= MOST_POINTS
        and spec.runs * weights * (1 + len(spec.snapshots)) <= MOST_STORED_NUMBERS
        and spec.members * weights <= MOST_SENT_NUMBERS
    )


@functools.lru_cache(maxsize=MOST_KEPT)
def kept_map(store: Store, key: str) -> Map:
    """As `load_map`; those asked for last are kept, for all sessions together."""
    return load_map(store, key)
