"""A map that is trained on the spot: one small ensemble, in a thread of its own.

It takes the run's own model and world over a range of sparsities; of two features in
one dimension over their relative importance too. Between chunks of steps it reports how
far it is, can be given up, and stops when its time is over, with what it has by then.

Axis letters: `points` models of the map, `seeds` restarts; n features, d hidden
dimensions.
"""

import dataclasses
import threading
import time
import warnings
from typing import Any

import numpy as np

import toymodels as tm
from toymodels.explorer.controls import Controls
from toymodels.explorer.map import Map, best_of, stacked_features
from toymodels.explorer.map_store import Sweep, arranged
from toymodels.explorer.trainer import EndedError
from toymodels.training import DivergedWarning, TrainSpec, finish, run_chunks

COLUMNS, GRID = 24, 12
HIGHEST_SPARSITY, MOST_RATIO = 0.99, 10.0
# AdamW's rate with which the examples of the page settle within as many steps.
LEARNING_RATE, STEPS, BATCH = 0.01, 3000, 256
CHUNK = 100
MOST_SECONDS = 60.0
# Weights of all restarts together: small models can afford more of them. Restarts share
# their initial weights over all points, and some of a pair's never find the digon: with
# 4 of them whole corners of the diagram were failures.
RESTARTS, PAIR_RESTARTS, MOST_WEIGHTS = 4, 16, 6_000
# Maps of one session that are kept.
MOST_MADE = 3

# One at a time on this machine: two would take twice as long each.
_working = threading.Lock()


class BusyError(RuntimeError):
    """Another map is being trained."""


def sweep_around(controls: Controls) -> Sweep:
    """The points of a map for these settings.

    Args:
        controls: whose model and world it is; sparsity, learning rate and batch are
            the map's own.
    """
    common = dataclasses.replace(
        controls, learning_rate=LEARNING_RATE, batch=min(controls.batch, BATCH)
    )
    pair = _is_pair(controls)
    density = np.geomspace(1, 1 - HIGHEST_SPARSITY, GRID if pair else COLUMNS)
    ratios = np.geomspace(1 / MOST_RATIO, MOST_RATIO, GRID) if pair else [None]
    points = []
    for ratio in ratios:
        change = {} if ratio is None else {"importance_decay": _brief(ratio)}
        points += [
            dataclasses.replace(common, sparsity=_brief(1 - p), **change)
            for p in density
        ]
    found = arranged(points)
    assert found is not None  # noqa: S101 (a grid by construction)
    return found


def spec_of(sweep: Sweep) -> TrainSpec:
    """The ensemble of a sweep, with as many restarts as its size allows."""
    first = sweep.controls[0]
    weights = len(sweep.controls) * first.n * first.d
    most = PAIR_RESTARTS if _is_pair(first) else RESTARTS
    return TrainSpec(
        model=first.model(),
        features=stacked_features(sweep.controls),
        optimiser=tm.Optimiser(),
        importance=np.stack([one.importance() for one in sweep.controls]),
        exponent=first.exponent,
        learning_rate=first.learning_rate,
        weight_decay=first.weight_decay,
        seeds=int(np.clip(MOST_WEIGHTS // weights, 1, most)),
        steps=STEPS,
        batch=first.batch,
        history=1,
        seed=first.seed,
    )


class MapMaking:
    """The maps that one session has trained, and the one that it is training.

    Its methods may be called from any thread.
    """

    def __init__(self):
        self._made: dict[str, Map] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._given_up = False
        self._closed = False
        self._count = 0
        self._progress: dict[str, Any] = {"state": "idle"}

    def begin(self, controls: Controls) -> None:
        """Train a map for these settings.

        Raises:
            BusyError: this session, or another one, is training one already.
            EndedError: it was closed.
        """
        with self._lock:
            if self._closed:
                raise EndedError("this session has ended; a new one can be begun")
            if not _working.acquire(blocking=False):
                raise BusyError("another map is being trained; try again in a minute")
            self._given_up = False
            self._progress = {"state": "training", "step": 0, "steps": STEPS}
            self._thread = threading.Thread(
                target=self._run, args=(controls,), name="toymodels-map", daemon=True
            )
            self._thread.start()

    def give_up(self, *, wait: bool = False) -> None:
        """Stop after the chunk that is being computed, without a map."""
        with self._lock:
            self._given_up = True
            thread = self._thread
        if wait and thread is not None:
            thread.join()

    def close(self) -> None:
        """Give up what is being trained, for good; returns when nothing is."""
        with self._lock:
            self._closed = True
        self.give_up(wait=True)

    def maps(self) -> list[Map]:
        """Those that are kept, the oldest first."""
        with self._lock:
            return list(self._made.values())

    def progress(self) -> dict[str, Any]:
        """How far it is: a `state` ("idle", "training", "done", "given up", "failed").

        While it trains there are `step` and `steps`; when it is done, `map`.
        """
        return dict(self._progress)

    def _run(self, controls: Controls) -> None:
        try:
            found = self._trained(controls)
            if found is None:
                self._progress = {"state": "given up"}
                return
            with self._lock:
                self._made[found.id] = found
                while len(self._made) > MOST_MADE:
                    self._made.pop(next(iter(self._made)))
            self._progress = {"state": "done", "map": found.id}
        except Exception as error:
            # In a thread nobody else would hear of it.
            self._progress = {"state": "failed", "message": str(error)}
        finally:
            _working.release()

    def _trained(self, controls: Controls) -> Map | None:
        sweep = sweep_around(controls)
        spec = spec_of(sweep)
        began = time.monotonic()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DivergedWarning)  # the map shows it
            for report in run_chunks(spec, chunk=CHUNK):
                self._progress = {
                    "state": "training", "step": report.step, "steps": STEPS,
                }  # fmt: skip
                if self._given_up:
                    return None
                if time.monotonic() - began > MOST_SECONDS:
                    break
            run = finish(spec, report.state)
        params = {
            name: np.swapaxes(run.by_seed(v), 0, 1) for name, v in run.params.items()
        }
        kept, loss = best_of(spec.model, params, sweep.controls)
        self._count += 1
        seeds = len(spec.seeds)
        runs = "one training" if seeds == 1 else f"the best of {seeds} restarts"
        whose = "its" if seeds == 1 else "each restart's"
        early = (
            " Its time was over before the last step." if report.step < STEPS else ""
        )
        source = (
            f"Trained here: {runs} of {report.step:,} steps at each point, "
            f"learning rate {LEARNING_RATE:g}, batch {spec.batch}; {whose} initial "
            f"weights are the same at every point.{early}"
        )
        return Map(
            id=f"made-{self._count}",
            source=source,
            axes=sweep.axes,
            controls=sweep.controls,
            W=kept["W"],
            b=kept["b"],
            loss=loss,
        )


def _is_pair(controls: Controls) -> bool:
    """Whether its phase diagram is known: two features in one dimension."""
    return (controls.n, controls.d) == (2, 1)


def _brief(value: float) -> float:
    return float(f"{float(value):.4g}")
