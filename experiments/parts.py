"""The parts of one divided training: which are finished, and how far it is.

While a divided training lasts, its folder is a store of its own with the settings of
the whole and one entry for each finished part, under the part's content key. The entry
of a part is written once, whole or not at all, by whoever trained it; nobody else needs
to be told, so it survives the death of any process or machine. When the joined run is
in the store that it belongs to, the folder is removed: nothing would read it any more.
"""

import functools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from experiments.source import training_hash
from toymodels.config import from_json, to_json
from toymodels.disk import StoreError
from toymodels.result import Result
from toymodels.store import Store
from toymodels.training import Run, TrainSpec, join, part
from toymodels.training.blocks import Block

SETTINGS = "settings of all parts"
KIND = f"train with code {training_hash()[:16]}"

# A shared file system may show what another machine wrote only after a while: clients
# of NFS believe for up to a minute that a file they missed is still missing.
VISIBLE_SECONDS = 60.0


@dataclass
class Parts:
    """The parts of a training and their folder.

    Args:
        folder: made if absent.
        spec: of the whole.
        key: of the whole, in the store that it belongs to.
        blocks: where it is divided.
    """

    folder: Path
    spec: TrainSpec
    key: str
    blocks: Sequence[Block]

    def __post_init__(self):
        self.store = Store(self.folder.absolute())
        # Not `key`: a training that is one part shares it with the part.
        self.settings_key = self.store.key(self.spec, SETTINGS)
        if self.store.usable(self.settings_key, SETTINGS) is None:
            settings = Result({}, {"spec": to_json(self.spec)})
            self.store.save(self.settings_key, settings, {"kind": SETTINGS})
        self.keyed = [(self.key_of(block), block) for block in self.blocks]
        # Parts with equal settings have one key and one result: they are trained once.
        self.keys = dict(self.keyed)

    def key_of(self, block: Block) -> str:
        """The content key of a part."""
        return self.store.key(part(self.spec, block), KIND)

    def absent(self) -> dict[str, Block]:
        """Those still to be trained, by key; damaged ones are named in a warning."""
        return {
            key: block
            for key, block in self.keys.items()
            if self.store.usable(key, f"part of {self.key[:12]}") is None
        }

    def joined(self) -> Run:
        """The whole, of parts that are all there.

        Raises:
            StoreError: one is not, or is damaged.
        """
        return join(self.spec, self._runs())

    def _runs(self) -> Iterator[tuple[Block, Run]]:
        for key, block in self.keyed:
            result = appearing(self.store, key)
            if result is None:
                raise StoreError(
                    self.store.root,
                    f"part {key[:12]} was trained and is not there",
                    "a store on a file system that all workers share",
                )
            yield block, Run.from_result(result)


def appearing(store: Store, key: str) -> Result | None:
    """An entry that some other machine has written, None if it stays absent.

    Raises:
        StoreError: it is damaged, or may not be read.
    """
    until = time.monotonic() + VISIBLE_SECONDS
    while (result := store.load(key)) is None and time.monotonic() < until:
        time.sleep(0.5)
    return result


@functools.lru_cache(maxsize=1)
def spec_of(folder: Path, key: str) -> TrainSpec:
    """The settings of the whole, read by a worker once for all of its parts.

    Raises:
        StoreError: the folder is not there.
    """
    result = appearing(Store(folder), key)
    if result is None:
        raise StoreError(
            folder, "a worker does not find it", "a store on a shared file system"
        )
    return from_json(result.meta["spec"])


def keep(store: Store, key: str, run: Run, seconds: float) -> None:
    """Write the entry of a finished part."""
    # Its settings are in the payload; thousands of manifests are to stay small.
    store.save(key, run.to_result(), {"kind": KIND, "seconds": round(seconds, 3)})


@dataclass(frozen=True)
class PartsReport:
    """How far a divided training is."""

    done: int
    total: int
    """Of parts with other settings than all before."""
    workers: int | None
    """None where the parts are trained in this process."""
    rate: float | None
    """Model-steps per second since this process began; None before the first part."""
    seconds_left: float | None


@dataclass
class PartsProgress:
    """Counts finished parts and measures their rate.

    Args:
        total: number of parts.
        done: of them, finished before.
        model_steps: runs × steps of the parts that are still to be trained.
    """

    total: int
    done: int
    model_steps: float
    began: float = field(default_factory=time.monotonic)
    trained: int = field(default=0, init=False)

    def report(self, trained: int, workers: int | None = None) -> PartsReport:
        """After `trained` parts; the time left is that of the parts so far."""
        to_do = self.total - self.done
        elapsed = max(time.monotonic() - self.began, 1e-6)
        rate = self.model_steps * trained / to_do / elapsed if trained else None
        return PartsReport(
            done=self.done + trained,
            total=self.total,
            workers=workers,
            rate=rate,
            seconds_left=elapsed * (to_do - trained) / trained if trained else None,
        )
