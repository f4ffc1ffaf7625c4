"""Flags that belong to some uses of a command only."""

from collections.abc import Iterable
from typing import Any

from toymodels.config import SettingsError


def refuse_given(
    command: Any, names: Iterable[str], owner: str, hint: str = ""
) -> None:
    """Refuse flags that mean nothing here; one that was not given is None or ().

    Args:
        command: the command, with an attribute for each flag.
        names: of the flags.
        owner: what they mean nothing to.
        hint: what to write instead.

    Raises:
        SettingsError: one was given.
    """
    for name in names:
        value = getattr(command, name)
        if value not in (None, ()):
            expected = f"no --{name}, which means nothing to {owner}"
            raise SettingsError(name, value, expected, hint)
