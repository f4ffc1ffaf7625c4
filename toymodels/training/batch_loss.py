"""Loss and gradient of one run on one batch, dense or in sparse rows.

A finite dataset of T points is seen whole in every update, and at n = 10,000 neither
its samples nor the model's outputs fit into memory as (n, T) arrays. Its rows therefore
go through the model in blocks: the columns of W that a row names are gathered on the
way in, the output of one block at a time is decoded, and the gradients of the blocks
are added up. Loss and gradient are sums over samples, so nothing is approximated.

Blocks of samples, not of features: then each pair of a row is placed once, and an
activation that mixes features is no exception.

A small data set is written out once, before the first step of a chunk, and stays: its
rows are then neither gathered nor scattered again in every step.

Axis letters: n features, `batch` samples (as columns), `runs` the ensemble.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from toymodels.features import SparseRows, WeightedColumns
from toymodels.models import Autoencoder, ModelSettings, Params
from toymodels.pytree import register_pytree
from toymodels.training.objective import Objective

# Numbers in one (runs, n, batch) array of a block: 4 MiB. Smaller blocks send the
# gradient of W through memory more often, larger ones their own arrays. Measured at
# n = 10,000: of 2¹⁹ to 2²² the fastest for d = 2 and 10, and 10 % off it for d = 100.
BLOCK_NUMBERS = 2**20

# Numbers in the (runs, n, batch) array of a data set that is kept written out: 32 MiB.
# For d = 2, where a step does little but place the rows, that is 1.1 to 3 times faster.
KEPT_NUMBERS = 2**23

Batch = Float[Array, "n batch"] | SparseRows | WeightedColumns


@dataclasses.dataclass(frozen=True)
class LossTerms:
    """What a loss depends on besides samples and parameters, of one or many runs."""

    importance: Float[Array, "*runs outputs"]
    """I_i."""
    noise: Float[Array, "*runs"] | None = None
    """Standard deviation of the noise inside the model, in training."""
    exponent: Float[Array, "*runs"] | None = None
    """q, in place of the objective's."""
    mixing: Float[Array, "*runs outputs n"] | None = None
    """M of the targets t(x) + M x."""

    @property
    def varied(self) -> dict[str, Any]:
        """What `Objective` takes besides the importance."""
        return {"exponent": self.exponent, "mixing": self.mixing}


register_pytree(LossTerms, tuple(f.name for f in dataclasses.fields(LossTerms)))


def is_kept(n: int, batch: int, runs: int) -> bool:
    """Whether a data set that is seen whole is written out for so many runs."""
    return n * batch * runs <= KEPT_NUMBERS


def rows_in_block(n: int, runs: int) -> int:
    """Samples of a block when so many runs are computed at once."""
    return max(BLOCK_NUMBERS // (n * runs), 1)


def loss_and_gradient(
    model: ModelSettings,
    objective: Objective,
    params: Params,
    batch: Batch,
    terms: LossTerms,
    noise: Float[Array, "..."] | None = None,
    *,
    runs: int,
) -> tuple[Float[Array, ""], Params]:
    """The loss of one run, and its gradient.

    Args:
        model: of the run.
        objective: what to compute.
        params: of the run.
        batch: samples as columns; or sparse rows, which are taken in blocks.
        terms: of the run.
        noise: standard normal numbers of the model's `noise_shape`; without them there
            is no noise.
        runs: over how many runs this is mapped, which decides the size of a block.
    """

    def loss_of(params: Params, part: Batch) -> Float[Array, ""]:
        if terms.noise is None or noise is None:
            x, output, weight = _seen(model, params, part)
        else:
            x, weight = part, None
            output = model.apply_noisy(params, x, terms.noise * noise)
        return objective.loss(x, output, terms.importance, weight, **terms.varied)

    return _sum_over_blocks(
        lambda part: jax.value_and_grad(loss_of)(params, part), batch, runs
    )


def losses(
    model: ModelSettings,
    objective: Objective,
    params: Params,
    batch: Batch,
    terms: LossTerms,
    *,
    runs: int,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The loss of one run without noise, and that of predicting zero."""
    given, varied = terms.importance, terms.varied

    def both(part: Batch) -> tuple[Float[Array, ""], Float[Array, ""]]:
        x, output, weight = _seen(model, params, part)
        return (
            objective.loss(x, output, given, weight, **varied),
            objective.loss(x, jnp.zeros_like(output), given, weight, **varied),
        )

    return _sum_over_blocks(both, batch, runs)


def _seen(
    model: ModelSettings, params: Params, part: Batch
) -> tuple[Float[Array, "n batch"], Float[Array, "outputs batch"], Any]:
    """Samples as columns, the model's output, and the weights if there are any."""
    if isinstance(part, WeightedColumns):
        return part.x, model.apply(params, part.x), part.weight
    if not isinstance(part, SparseRows):
        return part, model.apply(params, part), None
    x = part.dense()
    if isinstance(model, Autoencoder):
        return x, model.apply_sparse(params, part.index, part.value), part.weight
    return x, model.apply(params, x), part.weight


def _sum_over_blocks(of_part: Callable[[Batch], Any], batch: Batch, runs: int) -> Any:
    """`of_part` of a dense batch; its sum over the blocks of sparse rows."""
    if not isinstance(batch, SparseRows):
        return of_part(batch)
    blocks = batch.blocks(rows_in_block(batch.n, runs))
    first = jax.tree.map(lambda leaf: leaf[0], blocks)
    start = jax.tree.map(
        lambda out: jnp.zeros(out.shape, out.dtype), jax.eval_shape(of_part, first)
    )

    def add(total: Any, part: SparseRows) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, total, of_part(part)), None

    return jax.lax.scan(add, start, blocks)[0]
