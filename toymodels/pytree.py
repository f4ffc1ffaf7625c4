"""Frozen dataclasses as JAX pytrees."""

from typing import Any

import jax


def register_pytree(
    cls: type, data: tuple[str, ...], static: tuple[str, ...] = ()
) -> None:
    """Register a frozen dataclass whose unflattening skips `__init__`.

    Not `jax.tree_util.register_dataclass`: that calls the constructor, and JAX rebuilds
    trees out of placeholders, axis numbers and batched leaves, none of which is valid.
    """

    def flatten(tree: Any) -> tuple[tuple, tuple]:
        leaves = tuple(
            (jax.tree_util.GetAttrKey(name), getattr(tree, name)) for name in data
        )
        return leaves, tuple(getattr(tree, name) for name in static)

    def unflatten(fixed: tuple, leaves: Any) -> Any:
        tree = object.__new__(cls)
        for name, value in zip((*static, *data), (*fixed, *leaves), strict=True):
            object.__setattr__(tree, name, value)
        return tree

    jax.tree_util.register_pytree_with_keys(cls, flatten, unflatten)
