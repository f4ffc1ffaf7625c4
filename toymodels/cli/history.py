"""How a training went, beside its weights: losses and earlier weights in one file.

`history.safetensors` holds "step" and "loss" of every window of the loss history, and,
where the settings ask for snapshots, "snapshot_step" and "snapshot/NAME" of every
parameter.

Axis letters: `windows`, `snaps`, `runs` of the ensemble.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from toymodels.disk import write_atomically
from toymodels.models import Params
from toymodels.training import Run, TrainSpec
from toymodels.training.weights import WeightsError

HISTORY = "history.safetensors"
_SNAPSHOT = "snapshot/"


class TrainingHistory(NamedTuple):
    """How a training went; all empty where nothing is known."""

    step: Int[np.ndarray, " windows"]
    loss: Float[np.ndarray, "windows runs"]
    snapshot_step: Int[np.ndarray, " snaps"]
    snapshots: Params
    """Each of shape (snaps, runs, …)."""


def save_history(folder: Path, run: Run) -> None:
    """Write the history of a run into its folder.

    Where the run has none, that of an earlier training in the folder goes: it is not
    of the weights that lie beside it now.
    """
    if not (len(run.history.step) or len(run.snapshots.step)):
        (folder / HISTORY).unlink(missing_ok=True)
        return
    arrays = {
        "step": np.asarray(run.history.step, np.int64),
        "loss": np.asarray(run.history.loss),
        "snapshot_step": np.asarray(run.snapshots.step, np.int64),
        **{_SNAPSHOT + name: value for name, value in run.snapshots.params.items()},
    }
    arrays = {name: np.ascontiguousarray(value) for name, value in arrays.items()}
    write_atomically(folder / HISTORY, save(arrays))


def load_history(folder: Path, spec: TrainSpec) -> TrainingHistory:
    """The history in a folder of `toymodels train`; empty where there is no such file.

    Args:
        folder: of the training.
        spec: whose training it must be.

    Raises:
        WeightsError: the file is damaged or of another training.
    """
    path = folder / HISTORY
    empty = np.zeros(0, np.int64)
    if not path.exists():
        return TrainingHistory(empty, np.zeros((0, spec.runs), np.float32), empty, {})
    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}
        found = TrainingHistory(
            arrays.pop("step"), arrays.pop("loss"), arrays.pop("snapshot_step"),
            {k.removeprefix(_SNAPSHOT): v for k, v in arrays.items()},
        )  # fmt: skip
    except (SafetensorError, OSError, KeyError) as error:
        raise WeightsError(path, f"not a history ({error})") from None
    if found.loss.shape != (len(found.step), spec.runs):
        raise WeightsError(path, "its losses are of another training")
    snaps = len(found.snapshot_step)
    for name, shape in spec.parameter_shapes().items() if snaps else ():
        value = found.snapshots.get(name)
        if value is None or value.shape != (snaps, *shape):
            got = "missing" if value is None else f"of shape {value.shape}"
            raise WeightsError(
                path, f"its snapshots of {name} are {got}, expected {(snaps, *shape)}"
            )
    return found
