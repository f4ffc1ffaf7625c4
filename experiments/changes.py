"""Settings of an experiment changed on the command line: `--set grid=1000`."""

import ast
import dataclasses
from collections.abc import Iterable
from typing import Any

from toymodels.config import SettingsError, check_choice

# Given by flags of their own, or not the user's to say.
RESERVED = ("seed", "scale")


def read_changes(texts: Iterable[str]) -> dict[str, Any]:
    """Names and values of `name=value` texts.

    Raises:
        SettingsError: a text without "=", a name given twice, or a value that Python
            cannot hold.
    """
    changes: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier() or name in (*RESERVED, *changes):
            raise SettingsError("--set", text, "name=value, each name once, no --seed")
        try:
            changes[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            changes[name] = value  # text needs no quotes
        except (TypeError, MemoryError, RecursionError):  # {[]: 1}, or nested deeply
            raise SettingsError("--set", text, "name=value, a simple value") from None
    return changes


def changed(settings: Any, changes: dict[str, Any]) -> Any:
    """The settings with other values.

    Raises:
        SettingsError: they have no such field, or it holds another kind of value.
    """
    known = [f.name for f in dataclasses.fields(settings) if f.name not in RESERVED]
    for name, value in changes.items():
        check_choice("--set", name, known)
        kind = type(getattr(settings, name))
        fits = isinstance(value, kind) or (kind is float and isinstance(value, int))
        if not fits or (kind is int and isinstance(value, bool)):
            raise SettingsError(
                f"--set {name}", value, f"a value of type {kind.__name__}"
            )
    return dataclasses.replace(settings, **changes)
