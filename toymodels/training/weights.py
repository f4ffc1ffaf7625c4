"""Weights for others: safetensors files that carry the settings they belong to.

The file's metadata holds a format marker, the `TrainSpec` as JSON and the seed and
member of every run kept, so that a file alone is enough to rebuild the models.
"""

import json
import os
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from toymodels.config import SettingsError, from_json, to_json
from toymodels.models import Params
from toymodels.training.run import Run
from toymodels.training.spec import TrainSpec

FORMAT = "toymodels-weights-1"


class WeightsError(RuntimeError):
    """A weights file that is not ours or cannot be used, said in one line."""


def save_weights(path: str | Path, run: Run) -> Path:
    """Write the parameters of all runs; an existing file is replaced in one step.

    Args:
        path: usually ends in `.safetensors`.
        run: what to write.

    Returns:
        The path written.
    """
    path = Path(path)
    metadata = {"format": FORMAT, "spec": json.dumps(to_json(run.spec))}
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    arrays = {k: np.ascontiguousarray(v) for k, v in run.params.items()}
    try:
        save_file(arrays, temporary, metadata=metadata)
        os.replace(temporary, path)
    except (OSError, SafetensorError) as error:
        temporary.unlink(missing_ok=True)
        raise WeightsError(f"{path}: cannot be written ({error})") from None
    return path


def load_weights(path: str | Path) -> tuple[TrainSpec, Params]:
    """Read a file of `save_weights`.

    Args:
        path: the file.

    Returns:
        The spec, and the parameters with shapes (runs, …).

    Raises:
        WeightsError: absent, truncated, not written by this package, or of arrays that
            do not fit its own settings.
    """
    path = Path(path)
    if not path.exists():
        raise WeightsError(f"{path}: no such file")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            params = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path}: not a readable safetensors file ({error})"
        ) from None
    if metadata.get("format") != FORMAT:
        raise WeightsError(
            f"{path}: format {metadata.get('format')!r}, expected {FORMAT!r}; only "
            "files of `save_weights` carry the settings that are needed"
        )
    try:
        spec = from_json(json.loads(metadata["spec"]))
    except (KeyError, ValueError, TypeError, SettingsError) as error:
        raise WeightsError(f"{path}: its settings cannot be read ({error})") from None
    _check_shapes(path, spec, params)
    return spec, params


def _check_shapes(path: Path, spec: TrainSpec, params: Params) -> None:
    expected = spec.parameter_shapes()
    found = {name: value.shape for name, value in params.items()}
    for name, shape in expected.items():
        got = found.get(name)
        if got is None or got[1:] != shape[1:]:
            raise WeightsError(
                f"{path}: {name} has shape {got}, expected {shape} from its settings"
            )
