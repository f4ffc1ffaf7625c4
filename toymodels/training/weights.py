"""Weights for others: safetensors files that carry the settings they belong to.

The file's metadata holds a format marker, the `TrainSpec` as JSON and which runs of it
were kept, so that a file alone is enough to rebuild the models.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from toymodels.config import from_json, to_json
from toymodels.disk import StoreError, write_atomically
from toymodels.models import Params
from toymodels.training.run import Run
from toymodels.training.spec import TrainSpec

FORMAT = "toymodels-weights-1"


class WeightsError(StoreError):
    """A weights file that is not ours or cannot be used, said in one line."""


def save_weights(path: str | Path, run: Run) -> Path:
    """Write the parameters of all runs; an existing file is replaced in one step.

    Args:
        path: usually ends in `.safetensors`.
        run: what to write.

    Returns:
        The path written.

    Raises:
        StoreError: the folder cannot be written or the disk is full.
    """
    path = Path(path)
    write_atomically(path, weights_bytes(run.spec, run.params, run.indices))
    return path


def weights_bytes(
    spec: TrainSpec, params: Params, indices: Int[np.ndarray, " runs"]
) -> bytes:
    """What a file of `save_weights` holds.

    Args:
        spec: of the ensemble.
        params: each of shape (runs, …).
        indices: (runs,) place of each run in the spec's ensemble.
    """
    metadata = {
        "format": FORMAT,
        "spec": json.dumps(to_json(spec)),
        "indices": json.dumps(indices.tolist()),
    }
    arrays = {name: np.ascontiguousarray(v) for name, v in params.items()}
    return save(arrays, metadata=metadata)


class Weights(NamedTuple):
    """What a weights file holds."""

    spec: TrainSpec
    params: Params
    """Each of shape (runs, …), for the runs that were kept."""
    indices: Int[np.ndarray, " runs"]
    """Place of each of them in the spec's ensemble."""


def load_weights(path: str | Path) -> Weights:
    """Read a file of `save_weights`.

    Args:
        path: the file.

    Raises:
        WeightsError: absent, truncated, not written by this package, or of arrays that
            do not fit its own settings.
    """
    path = Path(path)
    if not path.exists():
        raise WeightsError(path, "no such file")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            params = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError) as error:
        raise WeightsError(path, f"not a safetensors file ({error})") from None
    if metadata.get("format") != FORMAT:
        raise WeightsError(
            path,
            f"its format is {metadata.get('format')!r}, expected {FORMAT!r}",
            "a file that `toymodels train` or `save_weights` wrote",
        )
    try:
        spec = from_json(json.loads(metadata["spec"]))
        indices = np.asarray(json.loads(metadata["indices"]), int)
    except (KeyError, ValueError, TypeError) as error:
        raise WeightsError(path, f"its settings cannot be read ({error})") from None
    _check_shapes(path, spec, params, indices)
    return Weights(spec, params, indices)


def _check_shapes(
    path: Path, spec: TrainSpec, params: Params, indices: np.ndarray
) -> None:
    kept = indices.ndim == 1 and len(indices) and np.isin(indices, range(spec.runs))
    if not np.all(kept):
        raise WeightsError(
            path, f"its runs are {indices}, expected some of {spec.runs}"
        )
    for name, shape in spec.parameter_shapes().items():
        expected = (len(indices), *shape[1:])
        got = params[name].shape if name in params else None
        if got != expected:
            raise WeightsError(path, f"{name} has shape {got}, expected {expected}")
