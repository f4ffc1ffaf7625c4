"""Explanations that are masks over hidden directions, measured at the output.

In the manner of causal scrubbing: an explanation says which hidden directions matter,
and what it calls unimportant is replaced by that of another trusted sample. With
directions u_i in the columns of U, their coordinates R = U⁺, and s_i in [0, 1] the
share of direction i that is resampled,

    h̃ = h + U diag(s) R (h′ − h),        h′ a trusted sample,
    loss(s; h) = E over h′ of ‖f(h̃) − f(h)‖²  /  E over h, h′ of ‖f(h′) − f(h)‖²,

f being the model from its hidden layer on. The explanation accounts for a share
1 − C(s) of the output's variance on trusted data, C being the mean of the loss over
them. The score of a sample is its loss under the explanation that is worst for it among
those with C(s) ≤ ε.

Shares rather than a 0/1 mask, because superposition spreads variance so evenly that no
whole direction can be resampled within a small ε.

A *base* explanation, fitted once, is the simplest one: as much as possible is
resampled. For each sample, the search starts from the base or from a single direction,
whichever is worst, and then climbs the gradient of the loss. On the way C is replaced
by the form sᵀGs fitted at the size of s that matters; at the end s is scaled until
C(s) = ε on pairs of trusted samples.

If f were linear and s a matrix, this would be the soft linear explanation: Mahalanobis
distance again.

Axis letters: `samples` as columns, d hidden dimensions, k directions, `pairs` of
trusted samples, `donors` whose parts replace others.

References:
    Chan et al. 2022, *Causal Scrubbing*; Greenblatt's comment on Henighan et al. 2023.
"""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from toymodels.anomaly.base import Context, Detector, Observations, detector
from toymodels.anomaly.batches import map_columns
from toymodels.anomaly.moments import moments
from toymodels.config import check_choice, check_count, check_range
from toymodels.pytree import register_pytree

DIRECTIONS = ("principal", "features", "random")

# Samples whose explanations are tuned at once, which bounds the memory.
_AT_ONCE = 64
_HALVINGS = 12
_BASE_STEPS = 100


@dataclasses.dataclass(frozen=True)
class _Scrub:
    """How to resample, and the trusted samples to do it with."""

    decode: jax.tree_util.Partial
    writers: Float[Array, "d k"]
    readers: Float[Array, "k d"]
    donors: Float[Array, "d donors"]
    first: Float[Array, "d pairs"]
    second: Float[Array, "d pairs"]
    scale: Float[Array, ""]
    """Mean of ‖f(h′) − f(h)‖² over the pairs."""
    form: Float[Array, "k k"]
    """G of C(s) ≈ sᵀGs."""
    starts: Float[Array, "starts k"]
    """Explanations with C = ε: the base, then single directions."""

    def changes(
        self,
        shares: Float[Array, " k"],
        h: Float[Array, "d _"],
        other: Float[Array, "d _"],
    ) -> Float[Array, ""]:
        """Mean loss over columns when shares of h are replaced by those of other."""
        moved = self.writers @ (shares[:, None] * (self.readers @ (other - h)))
        difference = self.decode(h + moved) - self.decode(h)
        return jnp.mean(jnp.sum(difference**2, axis=0)) / self.scale

    def loss(self, shares: Float[Array, " k"], h: Float[Array, " d"]):
        """The loss of one sample."""
        columns = jnp.broadcast_to(h[:, None], self.donors.shape)
        return self.changes(shares, columns, self.donors)

    def trusted_loss(self, shares: Float[Array, " k"]):
        """C(s)."""
        return self.changes(shares, self.first, self.second)


register_pytree(_Scrub, tuple(field.name for field in dataclasses.fields(_Scrub)))


@detector
class CausalScrubbing(Detector):
    """Loss at the output under the resampling that accounts least for the sample.

    Args:
        epsilon: ε, the share of the trusted output variance that may be missed.
        directions: "principal", of the trusted activations; "features", the hidden
            activation of each input alone (needs no dictionary, but the weights); or
            "random", an orthonormal basis, as a control.
        tuned: search the worst explanation of each sample; else use the base for all.
        steps: of the search.
        rate: length of a step, relative to the explanation.
        donors: trusted samples that parts are taken from.
        pairs: of trusted samples, on which an explanation is measured.
    """

    name = "causal scrubbing"
    sees = "weights"
    needs = ("model", "params", "key")

    epsilon: float = 0.05
    directions: str = "principal"
    tuned: bool = True
    steps: int = 20
    rate: float = 0.2
    donors: int = 16
    pairs: int = 128

    def __post_init__(self):
        check_range("epsilon", self.epsilon, low=0.0, high=1.0, open_low=True)
        check_choice("directions", self.directions, DIRECTIONS)
        check_count("steps", self.steps, minimum=0)
        check_range("rate", self.rate, low=0.0)
        check_count("donors", self.donors)
        check_count("pairs", self.pairs)

    def passes_per_sample(self, k: int) -> int:
        """How often f is evaluated for one sample with k directions, its cost.

        A gradient counts as two more evaluations.
        """
        if not self.tuned:
            return self.donors
        search = self.donors * ((k + 1) + 3 * self.steps + 2)
        return search + self.pairs * 2 * _HALVINGS

    def _fit(self, reference: Observations, context: Context) -> _Scrub:
        h = jnp.asarray(reference.h)
        decode = jax.tree_util.Partial(context.model.decode, context.params)
        basis, drawn = jax.random.split(context.key)
        writers = self._writers(h, context, basis)
        readers = jnp.linalg.pinv(writers, rtol=1e-5)
        size = 2 * self.pairs + self.donors
        chosen = h[:, jax.random.randint(drawn, (size,), 0, h.shape[1])]
        first, second, donors = jnp.split(chosen, (self.pairs, 2 * self.pairs), axis=1)
        scale = jnp.mean(jnp.sum((decode(second) - decode(first)) ** 2, axis=0))
        scale = jnp.where(scale > 0, scale, 1.0)
        k = writers.shape[1]
        scrub = _Scrub(
            decode, writers, readers, donors, first, second, scale,
            jnp.zeros((k, k), h.dtype), jnp.zeros((k + 1, k), h.dtype),
        )  # fmt: skip
        scrub = dataclasses.replace(scrub, form=_form(scrub, self.epsilon))
        base = _base(scrub)
        singles = jnp.eye(k, dtype=h.dtype)
        starts = jnp.concatenate([base[None, :], singles])
        fitted = jax.vmap(lambda s: _fit_to_budget(scrub, s, self.epsilon))(starts)
        return dataclasses.replace(scrub, starts=fitted)

    def _writers(
        self, h: Float[Array, "d samples"], context: Context, key: Array
    ) -> Float[Array, "d k"]:
        d = h.shape[0]
        if self.directions == "principal":
            return moments(h).vectors
        if self.directions == "random":
            return jnp.linalg.qr(jax.random.normal(key, (d, d), h.dtype))[0]
        n = context.model.n
        alone = context.model.encode(context.params, jnp.eye(n, dtype=h.dtype))
        length = jnp.linalg.norm(alone, axis=0)
        return alone / jnp.where(length > 0, length, 1.0)[None, :]

    def _score(
        self, state: _Scrub, observations: Observations
    ) -> Float[Array, " samples"]:
        h = jnp.asarray(observations.h)
        score = self._tune if self.tuned else self._base_loss
        return map_columns(lambda one: score(state, one), h, at_once=_AT_ONCE)

    def _base_loss(self, scrub: _Scrub, h: Float[Array, " d"]) -> Float[Array, ""]:
        return scrub.loss(scrub.starts[0], h)

    def _tune(self, scrub: _Scrub, h: Float[Array, " d"]) -> Float[Array, ""]:
        """The largest loss found among explanations within the budget."""
        start_losses = jax.vmap(scrub.loss, (0, None))(scrub.starts, h)
        start = scrub.starts[jnp.argmax(start_losses)]

        def loss_within_budget(shares):
            return scrub.loss(_scale_form(scrub, shares, self.epsilon), h)

        def climb(shares, progress):
            length = self.rate * (1 - progress) * jnp.linalg.norm(shares)
            ahead = shares + length * _unit(jax.grad(loss_within_budget)(shares))
            return jnp.maximum(ahead, 0.0), None

        # At 0 the loss is flat in a share, and no gradient leads away.
        start = jnp.maximum(start, 0.05 * jnp.max(start))
        progress = jnp.asarray(np.arange(self.steps) / self.steps, h.dtype)
        shares, _ = jax.lax.scan(climb, start, progress)
        shares = _fit_to_budget(scrub, shares, self.epsilon)
        return jnp.maximum(scrub.loss(shares, h), jnp.max(start_losses))


def _form(scrub: _Scrub, epsilon: float) -> Float[Array, "k k"]:
    """G from the change that each direction alone makes at a share of √ε."""
    k, size = scrub.readers.shape[0], math.sqrt(epsilon)
    coordinates = scrub.readers @ (scrub.second - scrub.first)
    before = scrub.decode(scrub.first)

    def effect(direction: Float[Array, " k"]) -> Float[Array, "n pairs"]:
        moved = scrub.writers @ (size * direction[:, None] * coordinates)
        return (scrub.decode(scrub.first + moved) - before) / size

    effects = jax.vmap(effect)(jnp.eye(k, dtype=before.dtype)).reshape(k, -1)
    return effects @ effects.T / (scrub.first.shape[1] * scrub.scale)


def _base(scrub: _Scrub) -> Float[Array, " k"]:
    """The explanation that resamples most, up to a factor.

    Σ s is largest on sᵀGs = ε, s ≥ 0, in the direction that minimises sᵀGs/2 − Σ s.
    """
    steepest = jnp.trace(scrub.form) + jnp.finfo(scrub.form.dtype).tiny

    def descend(_, shares):
        return jnp.maximum(shares - (scrub.form @ shares - 1) / steepest, 0.0)

    return jax.lax.fori_loop(
        0, _BASE_STEPS, descend, jnp.ones_like(scrub.form[0]) / steepest
    )


def _scale_form(
    scrub: _Scrub, shares: Float[Array, " k"], epsilon: float
) -> Float[Array, " k"]:
    """Shares scaled to sᵀGs = ε, none above 1."""
    cost = shares @ scrub.form @ shares
    cost = jnp.maximum(cost, jnp.finfo(cost.dtype).tiny)
    return jnp.minimum(shares * jnp.sqrt(epsilon / cost), 1.0)


def _fit_to_budget(
    scrub: _Scrub, shares: Float[Array, " k"], epsilon: float
) -> Float[Array, " k"]:
    """Shares scaled, and cut at 1, so that C(s) = ε, or less where all are cut."""
    whole = shares / jnp.maximum(jnp.max(shares), jnp.finfo(shares.dtype).tiny)

    def scaled(level: Float[Array, ""]) -> Float[Array, " k"]:
        return jnp.minimum(10.0**level * whole, 1.0)

    def halve(_, bounds):
        low, high = bounds
        middle = (low + high) / 2
        fits = scrub.trusted_loss(scaled(middle)) <= epsilon
        return jnp.where(fits, middle, low), jnp.where(fits, high, middle)

    # From a thousandth to ten times, where a second share may have been cut as well.
    one = jnp.ones((), shares.dtype)
    return scaled(jax.lax.fori_loop(0, _HALVINGS, halve, (-3 * one, one))[0])


def _unit(vector: Float[Array, " k"]) -> Float[Array, " k"]:
    length = jnp.linalg.norm(vector)
    return vector / jnp.where(length > 0, length, 1.0)
