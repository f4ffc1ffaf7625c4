"""Uniform random numbers, the most expensive part of training a small model.

Threefry-2x32 (Salmon et al. 2011, 20 rounds) turns a key and a counter of two words
into two random words. `jax.random.bits` gives every number a counter of its own and
adds its two words together, so that any part of an array can be made alone. Samples of
a step are always made whole, so here both words are used, which halves the cost.
"""

import math

import jax
import jax.numpy as jnp
from jax.extend.random import threefry_2x32
from jaxtyping import Array, Float, PRNGKeyArray, UInt32


def random_words(key: PRNGKeyArray, shape: tuple[int, ...]) -> UInt32[Array, "..."]:
    """Independent 32-bit words; `key` is consumed.

    Keys of another generator than Threefry get what `jax.random.bits` gives.
    """
    if str(jax.random.key_impl(key)) != "threefry2x32":
        return jax.random.bits(key, shape)
    counters = jnp.arange(math.prod(shape), dtype=jnp.uint32)
    return threefry_2x32(jax.random.key_data(key), counters).reshape(shape)


def open_uniform(key: PRNGKeyArray, shape: tuple[int, ...]) -> Float[Array, "..."]:
    """Uniform on (0, 1), symmetric about 1/2, never 0; `key` is consumed.

    The numbers are the centres of 2²³ equal cells. The centre instead of the left end
    keeps the mean of u/p given u < p right for small p, and keeps values off 0.
    """
    # The upper 23 bits become the mantissa of a float in [1, 2).
    words = (random_words(key, shape) >> 9) | jnp.uint32(0x3F800000)
    return jax.lax.bitcast_convert_type(words, jnp.float32) - (1 - 2.0**-24)
