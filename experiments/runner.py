"""Runs one experiment: settings, result from the store or computed, figures, claims.

Nothing here prints or writes outside the store; `reproduce` shows and `output` writes.
"""

import contextlib
import dataclasses
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from experiments.changes import changed
from experiments.cluster import Cluster
from experiments.imprint import ending, imprint
from experiments.parts import PartsReport
from experiments.registry import Experiment, settings_class
from experiments.source import code_hash
from experiments.trainer import Trainer
from toymodels.claims import Claim
from toymodels.compilation import is_crowded, release_compiled
from toymodels.config import SettingsError, to_json
from toymodels.disk import StoreError
from toymodels.features import DEFAULT_GENERATOR
from toymodels.plotting import png_bytes
from toymodels.result import Result
from toymodels.store import DamagedEntry, Store

SCALES = ("smoke", "laptop", "paper")


@dataclass(frozen=True)
class Prepared:
    """An experiment that can be run: its module, settings and place in the store."""

    experiment: Experiment
    module: ModuleType
    settings: Any
    scale: str
    content: dict[str, Any]
    """What the result depends on: settings, hash of the code, generator."""
    key: str

    @property
    def kind(self) -> str:
        """The store's word for results of this experiment."""
        return f"experiment {self.experiment.id}"

    def stored(self, store: Store) -> bool:
        """Whether the store has a manifest of the result."""
        try:
            return store.manifest(self.key) is not None
        except DamagedEntry:
            return False


@dataclass(frozen=True)
class Outcome:
    """What an experiment left."""

    prepared: Prepared
    figures: dict[str, bytes]
    """File name and content."""
    claims: tuple[Claim, ...]
    seconds: float
    computed: bool
    """False where the result came from the store."""
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Told:
    """What computing a result ahead of its turn has left to say."""

    seconds: float
    warnings: tuple[str, ...]


@dataclass
class Job:
    """What the experiments of one command share."""

    store: Store
    scale: str = "laptop"
    seed: int = 0
    fresh: bool = False
    only_plot: bool = False
    changes: dict[str, Any] = field(default_factory=dict)
    """Settings that differ from the preset of the scale."""
    generator: str = DEFAULT_GENERATOR
    """Draws the samples of all trainings."""
    cluster: Cluster | None = None
    progress: Callable[[int, int], None] = lambda done, total: None
    parts: Callable[[PartsReport], None] = lambda report: None
    stop: Callable[[], bool] = lambda: False
    renewed: set[str] = field(default_factory=set)
    claim_ids: dict[str, str] = field(default_factory=dict)
    """Claim id and the experiment that took it."""

    @property
    def label(self) -> str:
        """The scale, and what says that something else was changed."""
        changed = ["changed"] if self.changes else []
        other = [self.generator] if self.generator != DEFAULT_GENERATOR else []
        return "-".join([self.scale, *changed, *other])


def prepare(experiment: Experiment, job: Job) -> Prepared:
    """Import an experiment and find its place in the store.

    Raises:
        SettingsError: the file lacks a part that an experiment has, or a change does
            not fit its settings.
        Exception: whatever importing it raises.
    """
    module = experiment.load()
    cls = settings_class(module)
    preset = dataclasses.replace(cls.preset(job.scale), seed=job.seed)
    settings = changed(preset, job.changes)
    code = code_hash(experiment.path, experiment.module, ("compute", cls.__name__))
    content = {"settings": settings, "code": code, "generator": job.generator}
    key = job.store.key(content, f"experiment {experiment.id}")
    return Prepared(experiment, module, settings, job.label, content, key)


def run(prepared: Prepared, job: Job, ahead: Told | None = None) -> Outcome:
    """Compute or load the result, draw it, judge it.

    Args:
        prepared: the experiment.
        job: what the experiments share.
        ahead: of its result, if this job has computed it already.

    Raises:
        Stopped: the user asked to stop.
        StoreError: the store cannot be written.
        Exception: whatever the experiment raises.
    """
    start = time.monotonic()
    with _listening() as caught:
        result, computed = _result(prepared, job)
        figures = _figures(prepared, result)
        claims = _claims(prepared, result, job)
    before = Told(0.0, ()) if ahead is None else ahead
    return Outcome(
        prepared=prepared,
        figures=figures,
        claims=claims,
        seconds=before.seconds + time.monotonic() - start,
        computed=computed or ahead is not None,
        warnings=tuple(dict.fromkeys((*before.warnings, *_texts(caught)))),
    )


def compute(prepared: Prepared, job: Job) -> Told:
    """Compute a result into the store, unless it is there; raises what `run` does."""
    start = time.monotonic()
    with _listening() as caught:
        _result(prepared, job)
    return Told(time.monotonic() - start, _texts(caught))


@contextlib.contextmanager
def _listening() -> Iterator[list[warnings.WarningMessage]]:
    """Collects the warnings that are meant for who runs an experiment."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for silent in (DeprecationWarning, PendingDeprecationWarning):
            warnings.simplefilter("ignore", silent)
        # Two processes may write a compiled program, and one read the half of it.
        warnings.filterwarnings("ignore", "Error .* persistent compilation cache")
        yield caught


def _texts(caught: Iterable[warnings.WarningMessage]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(w.message) for w in caught))


def _result(prepared: Prepared, job: Job) -> tuple[Result, bool]:
    if is_crowded():
        release_compiled()
    if job.only_plot:
        found = job.store.load(prepared.key)
    else:
        found = None if job.fresh else job.store.usable(prepared.key, prepared.kind)
    if found is not None:
        return found, False
    if job.only_plot:
        raise StoreError(job.store.root, f"has no result of {prepared.experiment.id}")
    train = Trainer(
        job.store,
        job.progress,
        job.stop,
        job.fresh,
        job.renewed,
        generator=job.generator,
        cluster=job.cluster,
        parts=job.parts,
    )
    start = time.monotonic()
    result = prepared.module.compute(prepared.settings, train)
    record = {
        "kind": prepared.kind,
        "scale": prepared.scale,
        "seconds": round(time.monotonic() - start, 3),
        "steps": train.total,
        "settings": to_json(prepared.content),
    }
    job.store.save(prepared.key, result, record)
    return result, True


def _figures(prepared: Prepared, result: Result) -> dict[str, bytes]:
    drawn = prepared.module.plot(result)
    if not isinstance(drawn, dict):
        drawn = {prepared.experiment.name: drawn}
    note = {
        "experiment": prepared.experiment.id,
        "title": prepared.experiment.title,
        "scale": prepared.scale,
        "settings": to_json(prepared.settings),
        "result": prepared.key,
    }
    figures = {}
    for place, (name, figure) in enumerate(drawn.items()):
        image = figure if isinstance(figure, bytes) else png_bytes(figure)
        suffix = ending(image)
        if suffix is None or Path(name).name != name:
            raise SettingsError(
                f"plot of {prepared.experiment.id}",
                name,
                "plain names of figures, or of PNG or GIF bytes",
            )
        file = f"{prepared.experiment.id}_{name}{suffix}"
        figures[file] = imprint(image, {**note, "place": place})
    return figures


def _claims(prepared: Prepared, result: Result, job: Job) -> tuple[Claim, ...]:
    experiment = prepared.experiment
    claims = tuple(prepared.module.claims(result))
    for claim in claims:
        if claim.experiment not in experiment.ids:
            raise SettingsError(
                f"claim {claim.id}",
                claim.experiment,
                f"an experiment of {experiment.path.name}: {', '.join(experiment.ids)}",
            )
        owner = job.claim_ids.setdefault(claim.id, experiment.id)
        if owner != experiment.id or sum(c.id == claim.id for c in claims) > 1:
            raise SettingsError(
                f"claim of {experiment.id}", claim.id, "an id that no other claim has"
            )
    return claims
