"""Statistical tests of the counter-hash generator, by dieharder and by our own eyes.

    python benchmarks/battery.py stream --order long | dieharder -a -g 200
    python benchmarks/battery.py stream --order steps | dieharder -a -g 200

`long` is one key after another, 2²⁶ words of each: the quality of the hash over its
places. `steps` is how training uses it: 2¹² words of fold after fold of one root key,
where neighbouring folds stand side by side. dieharder is in Debian (`dieharder`).
What a few seconds can show is in `tests/test_features_counter_hash.py`.
"""

import functools
import os
import sys
from collections.abc import Iterator
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import tyro

from toymodels.features.counter_hash import IMPLEMENTATION

WORDS = 2**24
"""Made in one call."""


@functools.partial(jax.jit, static_argnums=(1, 2))
def _words(root: jax.Array, keys: int, words: int, first: jax.Array) -> jax.Array:
    folds = first + jnp.arange(keys, dtype=jnp.uint32)
    fold_in = jax.vmap(jax.random.fold_in, in_axes=(None, 0))
    bits = jax.vmap(lambda key: jax.random.bits(key, (words,)))
    return bits(fold_in(root, folds)).reshape(-1)


def blocks(order: Literal["long", "steps"], seed: int) -> Iterator[np.ndarray]:
    """Endless words, 2²⁴ or 2²⁶ at a time."""
    root = jax.random.key(seed, impl=IMPLEMENTATION)
    words = 2**26 if order == "long" else 2**12
    keys = max(WORDS // words, 1)
    fold = 0
    while True:
        yield np.asarray(_words(root, keys, words, jnp.uint32(fold)))
        fold += keys


def stream(order: Literal["long", "steps"] = "long", seed: int = 0) -> None:
    """Write raw 32-bit words to standard output until it closes.

    Args:
        order: which words follow one another.
        seed: of the root key.
    """
    if sys.stdout.isatty():
        sys.exit("stream: standard output is a terminal; pipe it into dieharder")
    try:
        for block in blocks(order, seed):
            sys.stdout.buffer.write(block.tobytes())
    except BrokenPipeError:
        # The reader has seen enough; keep Python from flushing into the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    tyro.extras.subcommand_cli_from_dict({"stream": stream}, description=__doc__)
