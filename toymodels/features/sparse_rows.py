"""Samples of which few entries are not 0, kept as (feature, value) pairs.

At n = 10,000 and S = 0.999 a sample has about ten active features, so a dense array of
T samples would be a thousand times larger than what it says.

Axis letters: `n` features, `batch` samples, `width` pairs of a sample, the same number
for all: unused pairs are feature 0 with value 0.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from toymodels.pytree import register_pytree


@dataclasses.dataclass(frozen=True)
class WeightedColumns:
    """A weighted batch of samples, written out."""

    x: Float[Array, "n batch"]
    """Samples as columns."""
    weight: Float[Array, " batch"]
    """Share of each sample in the mean over the batch, 1 in all."""


@dataclasses.dataclass(frozen=True)
class SparseRows:
    """A weighted batch of sparse samples."""

    index: Int[Array, "batch width"]
    """Which features are not 0, each of them once."""
    value: Float[Array, "batch width"]
    """Their values."""
    weight: Float[Array, " batch"]
    """Share of each sample in the mean over the batch, 1 in all."""
    n: int
    """Number of features, static."""

    def dense(self) -> Float[Array, "n batch"]:
        """The samples as columns."""
        batch = self.index.shape[0]
        place = jnp.broadcast_to(jnp.arange(batch)[:, None], self.index.shape)
        empty = jnp.zeros((self.n, batch), self.value.dtype)
        # Added, not set: an unused pair must not overwrite feature 0.
        return empty.at[self.index, place].add(self.value, mode="promise_in_bounds")

    def columns(self) -> WeightedColumns:
        """The samples as columns, with their weights."""
        return WeightedColumns(self.dense(), self.weight)

    def blocks(self, most: int) -> "SparseRows":
        """As few equal blocks of at most `most` samples as hold the batch.

        Args:
            most: ≥ 1.

        Returns:
            The same rows with leaves (blocks, size, …) for `jax.lax.scan`; samples that
            fill up the last block are 0 and have no weight.
        """
        batch = self.index.shape[0]
        count = -(-batch // most)
        size = -(-batch // count)
        missing = count * size - batch

        def divided(leaf: jax.Array) -> jax.Array:
            if missing:
                leaf = jnp.pad(leaf, [(0, missing)] + [(0, 0)] * (leaf.ndim - 1))
            return leaf.reshape(count, size, *leaf.shape[1:])

        return jax.tree.map(divided, self)


register_pytree(WeightedColumns, ("x", "weight"))
register_pytree(SparseRows, ("index", "value", "weight"), ("n",))
