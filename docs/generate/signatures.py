"""Signatures as a person would write them: Float[Array | ndarray, 'd n']."""

import re
from typing import Any

_EITHER = re.compile(
    r"(?P<kind>[A-Z]\w*)\[(?P<first>[\w.]+), '(?P<shape>[^']*)'\] \| ~?"
    r"(?P=kind)\[(?P<second>[\w.]+), '(?P=shape)'\]"
)
_MODULES = re.compile(r"\b(?:jaxlib\._jax|jax|numpy|np|jaxtyping)\.(?=[A-Z]|ndarray)")


def process(
    app: Any,
    what: str,
    name: str,
    obj: Any,
    options: Any,
    signature: str | None,
    returns: str | None,
) -> tuple[str | None, str | None]:
    """For `autodoc-process-signature`."""
    return legible(signature), legible(returns)


def legible(text: str | None) -> str | None:
    """The text without modules of arrays, and with one shape where two are equal."""
    if text is None:
        return None
    text = _MODULES.sub("", text)
    return _EITHER.sub(r"\g<kind>[\g<first> | \g<second>, '\g<shape>']", text)
