"""Sparse codes: which few features explain an activation.

    a* = argmin over a ≥ 0 of  ½‖h − D a‖² + λ Σ a

Features of the toy models are not negative, so neither is the code. The detectors here
know the true dictionary, which nobody has in practice: they are upper bounds, and say
what remains to be found once superposition has been solved.

Axis letters: `samples` as columns, d hidden dimensions, k columns of the dictionary.

References:
    Beck & Teboulle 2009, *A Fast Iterative Shrinkage-Thresholding Algorithm*, with the
    gradient restart of O'Donoghue & Candès 2015.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from toymodels.anomaly.base import Context, Detector, Observations, detector
from toymodels.config import SettingsError, check_count, check_range, settings

State = Float[Array, "d k"]


def sparse_code(
    D: Float[Array | np.ndarray, "d k"],
    h: Float[Array | np.ndarray, "d samples"],
    *,
    penalty: float = 0.0,
    steps: int = 500,
) -> Float[Array, "k samples"]:
    """Non-negative sparse code of every sample, by accelerated projected gradient.

    Args:
        D: (d, k) dictionary.
        h: (d, samples) activations.
        penalty: λ ≥ 0, in units of the mean squared length of the dictionary's columns.
        steps: of the iteration.
    """
    D, h = jnp.asarray(D), jnp.asarray(h)
    gram, target = D.T @ D, D.T @ h - penalty * _unit(D)
    steepest = jnp.maximum(jnp.linalg.eigvalsh(D @ D.T)[-1], jnp.finfo(h.dtype).tiny)

    def step(carry, _):
        code, ahead, momentum = carry
        gradient = gram @ ahead - target
        new = jnp.maximum(ahead - gradient / steepest, 0.0)
        # Where the momentum points uphill it starts anew, for each sample on its own.
        uphill = jnp.sum((ahead - new) * (new - code), axis=0) > 0
        momentum = jnp.where(uphill, 1.0, momentum)
        grown = (1 + jnp.sqrt(1 + 4 * momentum**2)) / 2
        ahead = new + ((momentum - 1) / grown)[None, :] * (new - code)
        return (new, ahead, grown), None

    zero = jnp.zeros_like(target)
    start = (zero, zero, jnp.ones_like(target[0]))
    return jax.lax.scan(step, start, None, length=steps)[0][0]


def code_cost(
    D: Float[Array | np.ndarray, "d k"],
    h: Float[Array | np.ndarray, "d samples"],
    code: Float[Array, "k samples"],
    *,
    penalty: float = 0.0,
) -> Float[Array, " samples"]:
    """½‖h − D a‖² + λ Σ a, λ in the units of `sparse_code`."""
    D, h = jnp.asarray(D), jnp.asarray(h)
    missed = jnp.sum((h - D @ code) ** 2, axis=0) / 2
    return missed + penalty * _unit(D) * jnp.sum(code, axis=0)


@settings
class SparseCodeDetector(Detector):
    """What both detectors share: the true dictionary, and how a code is found.

    Args:
        penalty: λ of the code, see `sparse_code`.
        steps: of its iteration.
    """

    sees = "true dictionary"
    bound = "upper"
    needs = ("dictionary",)

    penalty: float = 0.02
    steps: int = 500

    def __post_init__(self):
        check_range("penalty", self.penalty, low=0.0)
        check_count("steps", self.steps)


@detector
class OracleCode(SparseCodeDetector):
    """Cost of the best sparse code in the true features, which hold no backdoor.

    Args:
        penalty: λ of the code, see `sparse_code`.
        steps: of its iteration.
    """

    name = "oracle code"

    def _fit(self, reference: Observations, context: Context) -> State:
        return jnp.asarray(context.dictionary)[:, : reference.x.shape[0]]

    def _score(
        self, state: State, observations: Observations
    ) -> Float[Array, " samples"]:
        code = sparse_code(
            state, observations.h, penalty=self.penalty, steps=self.steps
        )
        return code_cost(state, observations.h, code, penalty=self.penalty)


@detector
class OracleCodeWithBackdoor(SparseCodeDetector):
    """How much of the backdoor direction the best sparse code of h contains.

    Args:
        penalty: λ of the code, see `sparse_code`.
        steps: of its iteration.
    """

    name = "oracle code with backdoor"

    def check(self, reference: Observations, context: Context) -> None:
        """The dictionary must have more columns than there are features."""
        n, k = reference.x.shape[0], context.dictionary.shape[1]
        if k <= n:
            raise SettingsError(
                "context.dictionary",
                f"{k} columns",
                f"more than n = {n} for {self.name!r}",
                "the backdoor's activation as a further column",
            )

    def _fit(
        self, reference: Observations, context: Context
    ) -> tuple[State, Float[Array, " k"]]:
        D = jnp.asarray(context.dictionary)
        extra = jnp.arange(D.shape[1]) >= reference.x.shape[0]
        return D, extra.astype(D.dtype)

    def _score(
        self, state: tuple[State, Float[Array, " k"]], observations: Observations
    ) -> Float[Array, " samples"]:
        D, backdoors = state
        code = sparse_code(D, observations.h, penalty=self.penalty, steps=self.steps)
        return backdoors @ code


def _unit(D: Float[Array, "d k"]) -> Float[Array, ""]:
    return jnp.mean(jnp.sum(D**2, axis=0))
