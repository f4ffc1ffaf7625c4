"""`toymodels export`: a run as a page that opens in any browser, without a server."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.console import Console

from toymodels.cli.geometry import best_seeds, final_losses
from toymodels.cli.history import TrainingHistory, load_history
from toymodels.cli.train import MANIFEST, WEIGHTS
from toymodels.config import SettingsError, check_count
from toymodels.disk import write_atomically
from toymodels.explorer.exported import ExportedRun, exported_page
from toymodels.training import TrainSpec, load_weights
from toymodels.training.weights import Weights

PAGE = "explorer.html"


@dataclasses.dataclass(frozen=True)
class Export:
    """Write a run as a page to look at: one HTML file that needs no server.

    It is the page that the explorer saves: geometry, losses, every number. A training
    with --snapshots can be played again. Of several seeds the one with the lowest loss
    is taken, unless --run-index is given.

    Examples:
      toymodels export runs/pentagon --html

      toymodels export runs/pentagon --html pentagon.html --member 2

    Args:
        path: folder of `toymodels train`, or a weights file.
        html: write the page, and where to; explorer.html beside the weights if no path
            follows.
        member: setting of the sweep, from 0.
        run_index: place of the run in the ensemble, as `toymodels geometry` prints it.
    """

    path: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    html: tuple[Path, ...] | None = None
    member: int | None = None
    run_index: int | None = None

    def run(self) -> int:
        """Write what was asked for."""
        if self.html is None:
            raise SettingsError("export", "no format", "one", "--html")
        if len(self.html) > 1:
            raise SettingsError("html", f"{len(self.html)} paths", "one, or none")
        weights_path = self.path / WEIGHTS if self.path.is_dir() else self.path
        weights = load_weights(weights_path)
        folder = weights_path.parent
        target = self.html[0] if self.html else folder / PAGE
        page = exported_page(self._found(weights, folder))
        write_atomically(target, page.encode())
        Console(stderr=True).print(f"{target}", highlight=False, soft_wrap=True)
        return 0

    def _found(self, weights: Weights, folder: Path) -> ExportedRun:
        spec, params, indices = weights
        known = final_losses(folder / MANIFEST, spec)
        place = self._place(spec, indices, known[indices])
        run = int(indices[place])
        for name in ("W", "b"):
            if name not in params:
                raise SettingsError(
                    "model", type(spec.model).__name__, "an Autoencoder with a bias"
                )
        history = load_history(folder, spec)
        W, b = params["W"][place], params["b"][place]
        return ExportedRun(
            spec=spec,
            run=run,
            name=folder.resolve().name,
            step=_last_step(folder / MANIFEST, spec, run),
            W=W,
            b=b,
            loss=float(known[run]) if np.isfinite(known[run]) else None,
            loss_steps=history.step,
            losses=history.loss[:, run],
            snapshot_steps=history.snapshot_step,
            earlier_weights=_of_run(history, "W", run, W.shape),
            earlier_biases=_of_run(history, "b", run, b.shape),
        )

    def _place(self, spec: TrainSpec, indices: np.ndarray, loss: np.ndarray) -> int:
        """Which of the runs in the file."""
        if self.run_index is not None:
            if self.member is not None:
                raise SettingsError("member", self.member, "none beside --run-index")
            last = spec.runs - 1
            check_count("run_index", self.run_index, minimum=0, maximum=last)
            places = np.flatnonzero(indices == self.run_index)
            if not len(places):
                raise SettingsError(
                    "run_index", self.run_index, f"one of {indices.tolist()}"
                )
            return int(places[0])
        member = check_count(
            "member", self.member or 0, minimum=0, maximum=spec.members - 1
        )
        best = best_seeds(spec, indices, loss)
        of_member = best[indices[best] % spec.members == member]
        if not len(of_member):
            raise SettingsError("member", member, "one that is in the file")
        return int(of_member[0])


def _last_step(manifest: Path, spec: TrainSpec, run: int) -> int:
    """Steps that were done; those of the spec where it is not known."""
    try:
        return int(json.loads(manifest.read_text())["status_step"][run])
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return spec.steps


def _of_run(
    history: TrainingHistory, name: str, run: int, shape: tuple[int, ...]
) -> np.ndarray:
    """Earlier values of a parameter, (snaps, …); of no snapshots an empty array."""
    if not len(history.snapshot_step):
        return np.zeros((0, *shape), np.float32)
    return history.snapshots[name][:, run]
