"""Activation functions by name, applied to arrays of shape (units, batch).

The unit axis comes first because samples are columns. SoLU and its LayerNorm mix units
and therefore need that axis; all the others act on each entry alone.

References:
    Elhage et al. 2022, *Softmax Linear Units* (SoLU; their gain and bias after the
    LayerNorm are left out here, so that the activation has no parameters).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from toymodels.config import check_choice

Activation = Callable[[Float[Array, "units batch"]], Float[Array, "units batch"]]


def tanh_cubed(z: Float[Array, "units batch"]) -> Float[Array, "units batch"]:
    """tanh(z)³: flat near zero, so that small readoffs are absorbed."""
    return jnp.tanh(z) ** 3


def jump_relu(
    z: Float[Array, "units batch"], threshold: float
) -> Float[Array, "units batch"]:
    """Keeps z where it is above the threshold, else 0; no gradient of the jump."""
    return jnp.where(z <= threshold, 0.0, z)  # this way round NaN stays NaN


def solu(z: Float[Array, "units batch"]) -> Float[Array, "units batch"]:
    """Softmax linear unit z · softmax(z), the softmax over units."""
    return z * jax.nn.softmax(z, axis=0)


def layer_norm(z: Float[Array, "units batch"]) -> Float[Array, "units batch"]:
    """Zero mean and unit variance over units, without gain and bias."""
    centred = z - z.mean(axis=0, keepdims=True)
    variance = (centred**2).mean(axis=0, keepdims=True)
    return centred * jax.lax.rsqrt(variance + 1e-5)


ACTIVATIONS: dict[str, Activation] = {
    "identity": lambda z: z,
    "relu": jax.nn.relu,
    "gelu": jax.nn.gelu,
    "tanh3": tanh_cubed,
    "solu": solu,
    "solu_layernorm": lambda z: layer_norm(solu(z)),
}


def check_activation(field: str, name: str) -> str:
    """`name` if it can be used, else a `SettingsError` that lists the choices."""
    return check_choice(field, name, [*ACTIVATIONS, "jumprelu"])


def activation(name: str, threshold: float = 0.0) -> Activation:
    """The function called `name`; `threshold` is read by "jumprelu" alone."""
    if name == "jumprelu":
        return lambda z: jump_relu(z, threshold)
    return ACTIVATIONS[name]
