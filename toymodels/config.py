"""Settings: validated on construction, hashed by content, round-tripped through JSON.

Every setting in the package is a frozen dataclass made with `settings`. A class that is
decorated so can be written to JSON with `to_json`, read back with `from_json`, and
named by the SHA-256 of its canonical form with `content_hash`. Reading uses a registry
of known classes, so a file can never make the program import or run anything.

Bad values raise `SettingsError`: one line with the field, what came, what was expected
and one thing to try.
"""

import dataclasses
import difflib
import hashlib
import json
import math
from collections.abc import Iterable
from typing import Any, TypeVar, dataclass_transform

import numpy as np

T = TypeVar("T")

# Compiled programs count in 32 bits.
LARGEST_COUNT = 2**31 - 1

_REGISTRY: dict[str, type] = {}


class SettingsError(ValueError):
    """A setting that cannot be used, said in one line.

    Args:
        field: name of the setting, as the user wrote or would write it.
        value: what came.
        expected: what would have been right.
        hint: one thing to try, without a full stop.
    """

    def __init__(self, field: str, value: Any, expected: str, hint: str = ""):
        self.field = field
        self.value = value
        self.expected = expected
        self.hint = hint
        message = f"{field}: got {shorten(value)}, expected {expected}"
        super().__init__(f"{message}; try {hint}" if hint else message)


def shorten(value: Any, limit: int = 80) -> str:
    """The value as text on one line, cut to `limit` characters."""
    if isinstance(value, np.generic | np.ndarray) and not np.ndim(value):
        value = value.item()  # 42, not np.int64(42)
    text = " ".join(repr(value).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


@dataclass_transform(frozen_default=True, kw_only_default=True)
def settings(cls: type[T]) -> type[T]:
    """Make `cls` a frozen keyword-only dataclass that JSON can carry.

    The class name is its name in JSON, so it must be unique in the package.
    """
    frozen = dataclasses.dataclass(frozen=True, kw_only=True, eq=True)(cls)
    known = _REGISTRY.get(cls.__name__)
    if known is not None and known.__module__ != cls.__module__:
        raise TypeError(
            f"two settings classes are called {cls.__name__}: "
            f"{known.__module__} and {cls.__module__}"
        )
    _REGISTRY[cls.__name__] = frozen
    return frozen


# --- checks ------------------------------------------------------------------------


def check_count(
    field: str, value: Any, *, minimum: int = 1, maximum: int = LARGEST_COUNT
) -> int:
    """`value` as an int from `minimum` to `maximum`, or a `SettingsError`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise SettingsError(field, value, f"a whole number ≥ {minimum}")
    if value < minimum:
        raise SettingsError(
            field, value, f"a whole number ≥ {minimum}", f"{field}={minimum}"
        )
    if value > maximum:
        raise SettingsError(field, value, f"a whole number ≤ {maximum}")
    return int(value)


def check_choice(field: str, value: Any, choices: Iterable[str]) -> str:
    """`value` if it is one of `choices`, else an error that names the nearest."""
    options = list(choices)
    if value not in options:
        near = difflib.get_close_matches(str(value), options, n=1, cutoff=0.4)
        raise SettingsError(
            field, value, f"one of {', '.join(options)}", near[0] if near else ""
        )
    return value


def check_range(
    field: str,
    value: Any,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    open_low: bool = False,
    hint: str = "",
) -> Any:
    """Every entry of `value` finite and in [low, high]; `open_low` excludes low."""
    array = np.asarray(value)
    bounds = (
        f"finite numbers in {'(' if open_low else '['}{low:g}, {high:g}]"
        if math.isfinite(high)
        else f"finite numbers {'>' if open_low else '≥'} {low:g}"
    )
    if array.dtype.kind not in "fiu" or array.size == 0:
        raise SettingsError(field, value, bounds, hint)
    inside = np.isfinite(array) & (array <= high)
    inside &= (array > low) if open_low else (array >= low)
    if not inside.all():
        place = np.unravel_index(int(np.argmin(inside)), array.shape)
        where = f"{field}[{', '.join(map(str, place))}]" if place else field
        raise SettingsError(where, array[place].item(), bounds, hint)
    return value


def check_probability(field: str, value: Any) -> Any:
    """Every entry of `value` in (0, 1]."""
    return check_range(
        field, value, low=0.0, high=1.0, open_low=True, hint=f"{field}=0.05"
    )


def check_length(field: str, value: Any, length: int, axis: str = "n") -> np.ndarray:
    """`value` as an array whose last axis is 1 (broadcast) or `length`."""
    array = np.asarray(value)
    if array.ndim and array.shape[-1] not in (1, length):
        raise SettingsError(
            field,
            f"{array.shape[-1]} values",
            f"1 or {axis} = {length} values",
            "one value for all",
        )
    return array


# --- JSON and content hash -----------------------------------------------------------


def to_json(value: Any) -> Any:
    """`value` as plain JSON data; arrays keep dtype, shape and every bit."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)
        }
        return {"type": type(value).__name__, **fields}
    if isinstance(value, dict):
        return {"dict": {str(k): to_json(v) for k, v in value.items()}}
    if isinstance(value, tuple | list):
        return [to_json(v) for v in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if hasattr(value, "__array__"):
        array = np.asarray(value)
        return {"array": array.tolist(), "dtype": str(array.dtype)}
    raise TypeError(f"settings cannot hold a {type(value).__name__}: {shorten(value)}")


def from_json(data: Any) -> Any:
    """The inverse of `to_json`; lists come back as tuples.

    Raises:
        SettingsError: the data names a class that this version does not know, or a
            field that the class does not have.
    """
    if isinstance(data, list):
        return tuple(from_json(v) for v in data)
    if not isinstance(data, dict):
        return data
    if set(data) == {"dict"}:
        return {k: from_json(v) for k, v in data["dict"].items()}
    if set(data) == {"array", "dtype"}:
        try:
            return np.asarray(data["array"], dtype=data["dtype"])
        except (TypeError, ValueError):
            raise SettingsError("array", data, "numbers and their dtype") from None
    name = data.get("type")
    if not isinstance(name, str) or name not in _REGISTRY:
        raise SettingsError("type", name, "a settings class of this version")
    cls = _REGISTRY[name]
    known = {f.name for f in dataclasses.fields(cls)}
    values = {k: from_json(v) for k, v in data.items() if k != "type"}
    unknown = sorted(set(values) - known)
    if unknown:
        raise SettingsError(
            f"{name}.{unknown[0]}", values[unknown[0]], f"one of {sorted(known)}"
        )
    required = {f.name for f in dataclasses.fields(cls) if _is_required(f)}
    missing = sorted(required - set(values))
    if missing:
        raise SettingsError(f"{name}.{missing[0]}", "nothing", "a value")
    try:
        return cls(**values)
    except (TypeError, AttributeError) as error:
        raise SettingsError(
            name, values, f"values of the right kind ({error})"
        ) from error


def _is_required(field: dataclasses.Field) -> bool:
    absent = dataclasses.MISSING
    return field.default is absent and field.default_factory is absent


def canonical(value: Any) -> str:
    """The one JSON text of `value`: sorted keys, no spaces."""
    return json.dumps(to_json(value), sort_keys=True, separators=(",", ":"))


def content_hash(value: Any) -> str:
    """SHA-256 of the canonical form, 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()
