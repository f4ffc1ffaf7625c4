"""Results: named arrays and plain data, and how they become one npz file."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from toymodels.config import to_json

if TYPE_CHECKING:
    import xarray

# The prefix lets an array have any name, `file` and `meta` too, which `np.savez` and
# this file need for themselves.
_ARRAY = "array/"
_META = "meta"


@dataclass(frozen=True, eq=False)
class Result:
    """Named arrays and plain data: what an experiment computes and a store keeps.

    Both are put into the form that they will have after a round trip through the disk,
    so a fresh result and a loaded one cannot behave differently.
    """

    arrays: dict[str, np.ndarray]
    """Numbers, booleans or text, any shape, read-only."""
    meta: dict[str, Any] = field(default_factory=dict)
    """What titles and captions need. JSON: tuples become lists, keys become text."""

    def __post_init__(self):
        arrays = {name: _read_only(name, array) for name, array in self.arrays.items()}
        object.__setattr__(self, "arrays", arrays)
        object.__setattr__(self, "meta", json.loads(plain_text(self.meta)))

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.arrays:
            known = ", ".join(self.arrays)
            raise KeyError(f"no array {name!r} in this result: {known}")
        return self.arrays[name]

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    def to_xarray(
        self, dims: Mapping[str, Sequence[str]] | None = None
    ) -> "xarray.Dataset":
        """The arrays as a labelled `xarray.Dataset`, `meta` as its attributes.

        Args:
            dims: names of the axes of each array; arrays that are left out get
                `<name>_0`, `<name>_1`, …

        Raises:
            ImportError: xarray is not installed.
            ValueError: the wrong number of axis names.
        """
        try:
            import xarray
        except ImportError as error:
            raise ImportError(
                "to_xarray needs xarray: pip install 'toymodels[analysis]'"
            ) from error
        labelled = {}
        for name, array in self.arrays.items():
            default = tuple(f"{name}_{axis}" for axis in range(array.ndim))
            axes = tuple((dims or {}).get(name, default))
            if len(axes) != array.ndim:
                raise ValueError(
                    f"dims[{name!r}]: got {axes}, expected {array.ndim} axis names"
                )
            labelled[name] = (axes, array)
        return xarray.Dataset(labelled, attrs=self.meta)


def write_payload(handle: BinaryIO, result: Result) -> None:
    """Write a result as npz; equal results give equal bytes.

    Not compressed: trained weights are close to noise, so deflate saves about a tenth
    of the room and costs most of the time.
    """
    # `np.savez` would pickle objects, but `Result` admits no dtype that needs it.
    meta = np.frombuffer(plain_text(result.meta).encode(), np.uint8)
    arrays = {_ARRAY + name: array for name, array in result.arrays.items()}
    np.savez(handle, **{_META: meta}, **arrays)


def read_payload(handle: BinaryIO) -> Result:
    """The inverse of `write_payload`.

    Raises:
        Exception: NumPy, zipfile and json raise what they like on a damaged file.
    """
    with np.load(handle, allow_pickle=False) as payload:
        meta = json.loads(payload[_META].tobytes())
        arrays = {
            name.removeprefix(_ARRAY): payload[name]
            for name in payload.files
            if name.startswith(_ARRAY)
        }
    return Result(arrays, meta)


def plain_text(value: Any, **options: Any) -> str:
    """`value` as JSON, where settings, arrays, NumPy numbers and paths may occur."""
    return json.dumps(value, default=_plain, **options)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_json(value)
    if hasattr(value, "__array__"):
        return np.asarray(value).tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"JSON cannot hold a {type(value).__name__}: {value!r:.80}")


def _read_only(name: str, array: Any) -> np.ndarray:
    array = np.asarray(array).view()
    if array.dtype.kind not in "biufcSU":
        raise TypeError(
            f"array {name!r}: got dtype {array.dtype}, "
            "expected numbers, booleans or text of fixed width"
        )
    array.flags.writeable = False
    return array
