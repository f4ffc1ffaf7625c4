"""What a model is trained to do: target, loss exponent, convention (S0.3).

    sum   mean over samples of   Σ_i I_i |t_i − x̂_i|^q
    mean  the same, divided by n

The convention changes the scale of the gradient against weight decay, so a run records
which one it used. The loss relative to that of the all-zero prediction, which compares
models of different n, is for reports (`Run.final_loss(relative=True)`): in training, a
batch in which no feature is active would have nothing to divide by.

Axis letters: n features, batch samples (as columns); q loss exponent, I importance.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from toymodels.config import check_choice, check_range, settings

TARGETS: dict[str, Callable] = {
    "identity": lambda x: x,
    "abs": jnp.abs,
    "relu": jax.nn.relu,
    "x_plus_relu": lambda x: x + jax.nn.relu(x),
}
CONVENTIONS = ("sum", "mean")


@settings
class Objective:
    """The loss of a batch.

    Args:
        kind: "sum", or "mean" over features as well, as in the original notebook.
        exponent: q ≥ 1 of |t − x̂|^q.
        target: t as a function of x: "identity", "abs", "relu" or "x_plus_relu".
    """

    kind: str = "sum"
    exponent: float = 2.0
    target: str = "identity"

    def __post_init__(self):
        check_choice("kind", self.kind, CONVENTIONS)
        check_choice("target", self.target, TARGETS)
        check_range("exponent", self.exponent, low=1.0, hint="exponent=2")

    def targets(self, x: Float[Array, "n batch"]) -> Float[Array, "n batch"]:
        """What the output should be, for each sample."""
        return TARGETS[self.target](x)

    def per_sample(
        self,
        x: Float[Array, "n batch"],
        output: Float[Array, "n batch"],
        importance: Float[Array, " n"],
    ) -> Float[Array, " batch"]:
        """Σ_i I_i |t_i − x̂_i|^q of each sample, whatever the convention."""
        weighted = importance[:, None] * self._power(self.targets(x) - output)
        return weighted.sum(axis=0)

    def loss(
        self,
        x: Float[Array, "n batch"],
        output: Float[Array, "n batch"],
        importance: Float[Array, " n"],
        weight: Float[Array, " batch"] | None = None,
    ) -> Float[Array, ""]:
        """The loss of the batch in this convention.

        Args:
            x: samples as columns.
            output: of the model.
            importance: I_i.
            weight: share of each sample in the mean; the same for all when None.
        """
        if weight is None:
            total = self.per_sample(x, output, importance).mean()
        else:
            # As two products: at n = 10,000 XLA's sum of a product over features took
            # twice as long as the rest of the step, and four arrays of its own.
            total = importance @ (self._power(self.targets(x) - output) @ weight)
        return total / x.shape[0] if self.kind == "mean" else total

    def _power(self, error: Float[Array, "n batch"]) -> Float[Array, "n batch"]:
        # The square needs neither |·| nor a power, which cost more than the products.
        return error * error if self.exponent == 2 else jnp.abs(error) ** self.exponent
