"""The generators of random numbers that samples may be drawn with, by name.

A generator turns a key into words. Keys of all of them are seeded, split and folded by
Threefry-2x32 and hold two words, so a key can be handed from one to another.
"""

from typing import Any

import jax
from jaxtyping import Key

from toymodels.features import counter_hash

DEFAULT_GENERATOR = "threefry2x32"

GENERATORS: dict[str, Any] = {
    DEFAULT_GENERATOR: "threefry2x32",
    counter_hash.NAME: counter_hash.IMPLEMENTATION,
}


def with_generator(keys: Key[jax.Array, "*axes"], name: str) -> Key[jax.Array, "*axes"]:
    """The same keys for the generator called `name`."""
    return jax.random.wrap_key_data(jax.random.key_data(keys), impl=GENERATORS[name])
