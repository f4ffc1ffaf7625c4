"""What a model is trained to do: target, loss exponent, convention (S0.3).

    sum   mean over samples of   Σ_i I_i |t_i − x̂_i|^q
    mean  the same, divided by n

Logits are compared with their targets by a cross-entropy instead (`measure`): that of
independent Bernoulli variables, Σ_i I_i (softplus(x̂_i) − t_i x̂_i), or of a softmax
whose target is t/Σt, where a sample without target adds nothing.

The convention changes the scale of the gradient against weight decay, so a run records
which one it used. The loss relative to that of the all-zero prediction, which compares
models of different n, is for reports (`Run.final_loss(relative=True)`): in training, a
batch in which no feature is active would have nothing to divide by.

Axis letters: n features, batch samples (as columns); q loss exponent, I importance.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from toymodels.config import check_choice, check_range, settings


def pairwise_and(x: Float[Array, "n batch"]) -> Float[Array, "pairs batch"]:
    """x_i·x_j over i < j, in the order of `np.triu_indices`: AND of booleans."""
    first, second = np.triu_indices(x.shape[0], 1)
    return x[first] * x[second]


TARGETS: dict[str, Callable] = {
    "identity": lambda x: x,
    "abs": jnp.abs,
    "relu": jax.nn.relu,
    "x_plus_relu": lambda x: x + jax.nn.relu(x),
    "pairwise_and": pairwise_and,
}
CONVENTIONS = ("sum", "mean")
MEASURES = ("power", "bernoulli", "softmax")


@settings
class Objective:
    """The loss of a batch.

    Args:
        kind: "sum", or "mean" over features as well, as in the original notebook.
        exponent: q ≥ 1 of |t − x̂|^q.
        target: t as a function of x: "identity", "abs", "relu", "x_plus_relu", or
            "pairwise_and" of a model with an output for every pair.
        measure: "power" |t − x̂|^q; of logits, "bernoulli" or "softmax" cross-entropy.
    """

    kind: str = "sum"
    exponent: float = 2.0
    target: str = "identity"
    measure: str = "power"

    def __post_init__(self):
        check_choice("kind", self.kind, CONVENTIONS)
        check_choice("target", self.target, TARGETS)
        check_choice("measure", self.measure, MEASURES)
        check_range("exponent", self.exponent, low=1.0, hint="exponent=2")

    def targets(
        self,
        x: Float[Array, "n batch"],
        mixing: Float[Array, "outputs n"] | None = None,
    ) -> Float[Array, "outputs batch"]:
        """What the output should be, for each sample: t(x), or t(x) + M x."""
        target = TARGETS[self.target](x)
        return target if mixing is None else target + mixing @ x

    def per_sample(
        self,
        x: Float[Array, "n batch"],
        output: Float[Array, "outputs batch"],
        importance: Float[Array, " outputs"],
        **varied: Float[Array, "..."] | None,
    ) -> Float[Array, " batch"]:
        """Σ_i I_i |t_i − x̂_i|^q of each sample, whatever the convention.

        `varied` are the `exponent` and `mixing` of `loss`.
        """
        entries = self._entries(x, output, **varied)
        return (importance[:, None] * entries).sum(axis=0)

    def loss(
        self,
        x: Float[Array, "n batch"],
        output: Float[Array, "outputs batch"],
        importance: Float[Array, " outputs"],
        weight: Float[Array, " batch"] | None = None,
        **varied: Float[Array, "..."] | None,
    ) -> Float[Array, ""]:
        """The loss of the batch in this convention.

        Args:
            x: samples as columns.
            output: of the model.
            importance: I_i.
            weight: share of each sample in the mean; the same for all when None.
            varied: what may differ between runs of one compiled program: `exponent` q
                in place of the objective's, and `mixing` M of the targets.
        """
        if weight is None:
            total = self.per_sample(x, output, importance, **varied).mean()
        else:
            # As two products: at n = 10,000 XLA's sum of a product over features took
            # twice as long as the rest of the step, and four arrays of its own.
            total = importance @ (self._entries(x, output, **varied) @ weight)
        return total / output.shape[0] if self.kind == "mean" else total

    def _entries(
        self,
        x: Float[Array, "n batch"],
        output: Float[Array, "outputs batch"],
        exponent: Float[Array, ""] | None = None,
        mixing: Float[Array, "outputs n"] | None = None,
    ) -> Float[Array, "outputs batch"]:
        """What each output of each sample adds, before its importance."""
        target = self.targets(x, mixing)
        if self.measure == "bernoulli":
            return jax.nn.softplus(output) - target * output
        if self.measure == "softmax":
            total = target.sum(axis=0, keepdims=True)
            share = target / jnp.where(total > 0, total, 1.0)
            return -share * jax.nn.log_softmax(output, axis=0)
        error = target - output
        if exponent is not None:
            # A tenth of the time of `**`, whose exponent is not known when it compiles.
            # No error that a float32 loss could show is below the bound.
            magnitude = jnp.maximum(jnp.abs(error), 1e-30)
            return jnp.exp(exponent * jnp.log(magnitude))
        # The square needs neither |·| nor a power, which cost more than the products.
        return error * error if self.exponent == 2 else jnp.abs(error) ** self.exponent
