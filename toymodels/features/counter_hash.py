"""A cheap generator of random numbers: Threefry for keys, an integer hash for counters.

A key is seeded, split and folded by Threefry-2x32, exactly as JAX's default does. The
words of a key are hashes of their places: a bijection of the place that depends on the
first half of a derived key, into which the place and the second half are mixed once
more, so that two places may share a word, as random words do. A word costs 4
multiplications and 11 simple operations, against about 58 of Threefry.

The generator is off unless asked for (`TrainSpec.generator`). `benchmarks/README.md`
has the tests that it passed, `benchmarks/battery.py` runs them.

References:
    Salmon et al. 2011, *Parallel random numbers: as easy as 1, 2, 3* (Threefry,
    counter-based generators). Wellons 2018, *Prospecting for hash functions* (the
    multiplier 0x21f0aaad, shifts 16, 15, 15). Appleby, MurmurHash3 (0x85ebca6b).
"""

import math

import jax
import jax.numpy as jnp
from jax.extend import random as extend
from jaxtyping import Array, Shaped, UInt32

from toymodels.config import SettingsError

NAME = "counter_hash"
_WORDS_OF_A_KEY = 2**32


def hashed_words(
    key: UInt32[Array, "2"], places: UInt32[Array, " words"]
) -> UInt32[Array, " words"]:
    """One word for each place; `key` must be random itself (see `_random_bits`)."""
    u = jnp.uint32
    word = places * u(0x9E3779B1) + key[0]
    word = (word ^ (word >> 16)) * u(0x21F0AAAD)
    word = word ^ (word >> 15)
    # The place once more: without it, no key would ever repeat a word.
    word = (word + (places ^ key[1])) * u(0xD35A2D97)
    word = (word ^ (word >> 15)) * u(0x85EBCA6B)
    return word ^ (word >> 16)


def _random_bits(
    key: UInt32[Array, "2"], bit_width: int, shape: tuple[int, ...]
) -> Shaped[Array, "..."]:
    """Unsigned integers of `bit_width` bits; what `jax.random.bits` calls."""
    size = math.prod(shape)
    words = size * max(bit_width // 32, 1)
    if words > _WORDS_OF_A_KEY:
        raise SettingsError(
            "shape", shape, "at most 2³² words of one key", "splitting the key"
        )
    # Neighbouring keys must not give neighbouring streams, and Threefry sees to that.
    derived = extend.threefry_2x32(key, jnp.arange(2, dtype=jnp.uint32))
    # In two halves: XLA would hash a single one again wherever a word is used, forward
    # and backward, but it writes to memory what it joins.
    places = jax.lax.iota(jnp.uint32, -(-words // 2))
    halves = [hashed_words(derived, places + jnp.uint32(at)) for at in (0, places.size)]
    found = jnp.concatenate(halves)[:words]
    if bit_width == 64:
        high, low = found.reshape(2, size).astype(jnp.uint64)
        return ((high << 32) | low).reshape(shape)
    # The upper bits are the better ones of a multiplicative hash.
    found = found >> (32 - bit_width)
    return found.astype(jnp.dtype(f"uint{bit_width}")).reshape(shape)


_THREEFRY = extend.threefry_prng_impl

# A name can be taken once in a process; `jax.random.key(0, impl=IMPLEMENTATION)`.
IMPLEMENTATION = extend.define_prng_impl(
    key_shape=_THREEFRY.key_shape,
    seed=_THREEFRY.seed,
    split=_THREEFRY.split,
    random_bits=_random_bits,
    fold_in=_THREEFRY.fold_in,
    name=NAME,
    tag="hash",
)
