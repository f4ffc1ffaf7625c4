"""What a model answers to a perturbation, over its length.

For each base and direction, and over lengths in units of d̄, the mean distance between
two real activations of the perturbed layer:

    kl         KL(clean ‖ perturbed) of the outputs: the sum over n Bernoulli variables
               of a logistic head, or that of a softmax; NaN for a linear head, whose
               outputs are no probabilities
    distance   ‖change‖ at every later layer over d̄ of that layer, "output" included
               (of logits, where there are any)
    flipped    whether the largest output is another one
    crossed    share of outputs that cross their threshold: probability ½ of a head with
               probabilities, the value ½ of a linear one

KL and distance answer different questions, since a logistic readout is itself a
threshold: report both.

Axis letters: n features, `bases`, `directions`, `radii`.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from toymodels.config import check_count
from toymodels.probes.bases import Bases, unit_lengths
from toymodels.pytree import register_pytree

# Numbers of one array that perturbed activations may fill at once: 16 MiB.
BLOCK_NUMBERS = 2**22


@dataclasses.dataclass(frozen=True)
class Responses:
    """Responses of one model, or with further axes in front."""

    kl: Float[Array | np.ndarray, "*axes radii"]
    distance: dict[str, Float[Array | np.ndarray, "*axes radii"]]
    """By later layer."""
    flipped: Float[Array | np.ndarray, "*axes radii"]
    """0 or 1."""
    crossed: Float[Array | np.ndarray, "*axes radii"]


register_pytree(Responses, ("kl", "distance", "flipped", "crossed"))


def response_curves(
    bases: Bases,
    directions: Float[Array, "bases directions d_layer"],
    radii: Float[Array, " radii"],
    *,
    units: dict[str, Array] | None = None,
    block: int = BLOCK_NUMBERS,
) -> Responses:
    """Responses along every direction, (bases, directions, radii).

    Pure: compile it together with what draws bases and directions. Bases are worked on
    a few at a time, so that the memory does not grow with their number.

    Args:
        bases: starting points.
        directions: unit vectors, for each base.
        radii: lengths in d̄ of the perturbed layer.
        units: d̄ by layer; estimated from `bases.real` when None.
        block: numbers that one array of perturbed activations may hold.
    """
    subject = bases.whole_subject()
    units = unit_lengths(bases) if units is None else units
    lengths = radii * units[subject.layer]
    columns = directions.shape[1] * len(radii)

    def of_base(base: tuple[Array, Array, Array]) -> Responses:
        h, x, along = base
        steps = along.T[:, :, None] * lengths[None, None, :]
        moved = (h[:, None, None] + steps).reshape(len(h), columns)
        # The base goes along as a column: one pass is half as much to compile as two.
        moved = jnp.concatenate([h[:, None], moved], axis=1)
        given = jnp.repeat(x[:, None], columns + 1, axis=1)
        found = subject.forward(moved, given)
        clean, found = (
            {name: value[:, part] for name, value in found.items()}
            for part in (slice(1), slice(1, None))
        )
        return _compare(subject.model.head, clean, found, units)

    width = max(len(bases.h), subject.model.n, *map(len, _outputs(bases).values()))
    most = max(1, check_count("block", block) // (width * (columns + 1)))
    # A divisor: for a rest, `lax.map` would compile everything a second time.
    count = bases.h.shape[1]
    together = max(k for k in range(1, min(most, count) + 1) if count % k == 0)
    flat = jax.lax.map(of_base, (bases.h.T, bases.x.T, directions), batch_size=together)
    shape = (*directions.shape[:2], len(radii))
    return jax.tree.map(lambda array: array.reshape(shape), flat)


def _outputs(bases: Bases) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes of the later layers; nothing is computed."""
    h, x = bases.h[:, :1], bases.x[:, :1]
    return jax.eval_shape(bases.whole_subject().forward, h, x)


def _compare(
    head: str, clean: dict[str, Array], found: dict[str, Array], units: dict[str, Array]
) -> Responses:
    before = clean["output"]
    after = found["output"]
    before = jnp.broadcast_to(before, after.shape)
    distance = {
        name: jnp.linalg.norm(h - jnp.broadcast_to(clean[name], h.shape), axis=0)
        / units[name]
        for name, h in found.items()
    }
    flipped = before.argmax(axis=0) != after.argmax(axis=0)
    crossed = is_above(head, before) != is_above(head, after)
    return Responses(
        kl=divergence(head, before, after),
        distance=distance,
        flipped=flipped.astype(after.dtype),
        crossed=crossed.astype(after.dtype).mean(axis=0),
    )


def is_above(
    head: str, output: Float[Array, "outputs batch"]
) -> Bool[Array, "outputs batch"]:
    """Which outputs are above their threshold: p > ½, or the value ½."""
    if head == "logistic":
        return output > 0
    if head == "softmax":
        return jax.nn.softmax(output, axis=0) > 0.5
    return output > 0.5


def divergence(
    head: str,
    clean: Float[Array, "outputs batch"],
    perturbed: Float[Array, "outputs batch"],
) -> Float[Array, " batch"]:
    """KL(clean ‖ perturbed) in nats, from logits; NaN for a linear head."""
    if head == "logistic":
        return bernoulli_divergence(clean, perturbed)
    if head == "softmax":
        return softmax_divergence(clean, perturbed)
    return jnp.full(clean.shape[1], jnp.nan, clean.dtype)


def bernoulli_divergence(
    clean: Float[Array, "outputs batch"], perturbed: Float[Array, "outputs batch"]
) -> Float[Array, " batch"]:
    """Σ over outputs of KL(σ(a) ‖ σ(b)).

    With p = σ(a) and Δ = b − a this is log(1 + p(e^Δ − 1)) − pΔ, which loses no digits
    when p is the smaller of the two probabilities; the other one has −a and −Δ.
    """
    p = jax.nn.sigmoid(-jnp.abs(clean))
    shift = jnp.where(clean > 0, clean - perturbed, perturbed - clean)
    safe = jnp.minimum(shift, 20.0)
    near = jnp.log1p(p * jnp.expm1(safe)) - p * safe
    # e^Δ would overflow, and here the difference is one of unequal numbers.
    logit = -jnp.abs(clean)
    far = jax.nn.softplus(logit + shift) - jax.nn.softplus(logit) - p * shift
    return jnp.maximum(jnp.where(shift < 20, near, far), 0.0).sum(axis=0)


def softmax_divergence(
    clean: Float[Array, "outputs batch"], perturbed: Float[Array, "outputs batch"]
) -> Float[Array, " batch"]:
    """KL of two softmax distributions over outputs.

    With Δ = b − a less its mean under p = softmax(a), it is log Σ p e^Δ, which for
    small Δ is log(1 + Σ p (e^Δ − 1 − Δ)).
    """
    p = jax.nn.softmax(clean, axis=0)
    shift = perturbed - clean
    shift = shift - (p * shift).sum(axis=0, keepdims=True)
    small = jnp.abs(shift).max(axis=0) < 1
    safe = jnp.where(small[None, :], shift, 0.0)
    near = jnp.log1p((p * (jnp.expm1(safe) - safe)).sum(axis=0))
    apart = jax.nn.log_softmax(clean, axis=0) - jax.nn.log_softmax(perturbed, axis=0)
    # Where p is 0 it weighs nothing, however far apart the logarithms are.
    far = jnp.where(p > 0, p * apart, 0.0).sum(axis=0)
    return jnp.maximum(jnp.where(small, near, far), 0.0)
