"""What a device can do: the rates that the floor of a training step is made of."""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def device_rates(
    *, matrix: int, megabytes: int, turns: int, repeats: int
) -> dict[str, float]:
    """Rates of the default device, medians of `repeats`.

    Args:
        matrix: rows of the square float32 matrices that are multiplied, in the
            precision that training has too.
        megabytes: size of the array that is copied.
        turns: of an empty loop.
        repeats: measurements of each rate.

    Returns:
        Bytes a second, read and written; floating-point operations a second; seconds
        that one turn of a compiled loop takes with next to nothing inside.
    """
    x = jnp.ones((megabytes * 2**18,), jnp.float32)
    a = jnp.full((matrix, matrix), 0.5, jnp.float32)
    # A traced bound, as in training; `x + 1` is a copy that is not optimised away.
    loop = jax.jit(
        lambda until: jax.lax.fori_loop(0, until, lambda _, y: jnp.sin(y), jnp.ones(8))
    )
    return {
        "bytes_per_second": 2
        * x.nbytes
        / _seconds(jax.jit(lambda x: x + 1), x, repeats),
        "operations_per_second": 2
        * matrix**3
        / _seconds(jax.jit(jnp.dot), a, repeats, a),
        "seconds_per_turn": _seconds(loop, jnp.int32(turns), repeats) / turns,
    }


def _seconds(function: Callable, first: Any, repeats: int, *rest: Any) -> float:
    jax.block_until_ready(function(first, *rest))
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(function(first, *rest))
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))
