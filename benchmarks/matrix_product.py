"""The machine's own rate of float32 matrix products: the ceiling of a training step.

A side like the others (see `workloads.py`): a repeat is a few products of large square
matrices on all cores.
"""

import time

import jax
import jax.numpy as jnp

from workloads import answer

SIZE = 2048
PRODUCTS = 4


def main() -> None:
    """Answer every request with the time and the operations of a repeat."""
    a = jax.random.uniform(jax.random.key(0), (SIZE, SIZE))
    product = jax.jit(jnp.matmul)

    def handle(_):
        start = time.perf_counter()
        for _ in range(PRODUCTS):
            jax.block_until_ready(product(a, a))
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "operations": 2 * SIZE**3 * PRODUCTS}

    answer(handle)


if __name__ == "__main__":
    main()
