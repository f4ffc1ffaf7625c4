"""The usual JAX script: a jitted step, called from a Python loop.

A step samples, differentiates and updates one model, `vmap` makes it the whole
ensemble's, `jit` donates the old state. Samples are batch-first, x: (batch, n) and
W: (n, d), with two draws a feature. An einsum over instances instead of `vmap` took
between 7 and 60 % more time.

Letters: `runs` models trained together, n features, d hidden dimensions.
"""

import functools
import time
from typing import Any

import jax
import jax.numpy as jnp
import optax

from workloads import LEARNING_RATE, WEIGHT_DECAY, Workload, answer

OPTIMISER = optax.adamw(LEARNING_RATE, weight_decay=WEIGHT_DECAY)
# The fans that PyTorch sees in a tensor (runs, n, d).
INITIAL = jax.nn.initializers.glorot_normal(in_axis=1, out_axis=0)


def sample(key: jax.Array, probability: jax.Array, batch: int, n: int) -> jax.Array:
    """Fresh features of one model, (batch, n)."""
    gate_key, value_key = jax.random.split(key)
    active = jax.random.uniform(gate_key, (batch, n)) <= probability
    return jnp.where(active, jax.random.uniform(value_key, (batch, n)), 0.0)


def loss_of(params: Any, x: jax.Array, importance: jax.Array) -> jax.Array:
    """Weighted squares of x − ReLU(WᵀW x + b), averaged."""
    output = jax.nn.relu(x @ params["W"] @ params["W"].T + params["b"])
    return (importance * (x - output) ** 2).mean()


def update(params: Any, optimiser: Any, x: jax.Array, importance: jax.Array):
    """One update of one model; its loss before it comes last."""
    loss, grads = jax.value_and_grad(loss_of)(params, x, importance)
    updates, optimiser = OPTIMISER.update(grads, optimiser, params)
    return optax.apply_updates(params, updates), optimiser, loss


class Ensemble:
    """The models of one workload and their optimiser."""

    def __init__(self, work: Workload):
        self.work = work
        key, self.key = jax.random.split(jax.random.key(0))
        self.params = {
            "W": INITIAL(key, (work.runs, work.n, work.d)),
            "b": jnp.zeros((work.runs, work.n)),
        }
        self.optimiser = jax.vmap(OPTIMISER.init)(self.params)
        self.probability = jnp.asarray(work.probability)
        self.importance = jnp.asarray(work.importance)

    @functools.partial(jax.jit, static_argnums=0, donate_argnums=(1, 2))
    def _step(self, params: Any, optimiser: Any, key: jax.Array):
        key, key_of_step = jax.random.split(key)
        keys = jax.random.split(key_of_step, self.work.runs)

        def one(params, optimiser, key, probability):
            x = sample(key, probability, self.work.batch, self.work.n)
            return update(params, optimiser, x, self.importance)

        state = jax.vmap(one)(params, optimiser, keys, self.probability)
        return *state, key

    def step(self) -> jax.Array:
        """One update; returns the loss of each run before it, (runs,)."""
        self.params, self.optimiser, loss, self.key = self._step(
            self.params, self.optimiser, self.key
        )
        return loss


def main() -> None:
    """Answer requests: {"workload": …} starts one, {} trains its next repeat."""
    ensemble: Ensemble | None = None

    def handle(request):
        nonlocal ensemble
        if "workload" in request:
            ensemble = Ensemble(Workload(**request["workload"]))
        assert ensemble is not None, "the first request names a workload"
        start = time.perf_counter()
        for _ in range(ensemble.work.steps):
            loss = ensemble.step()
        loss = jax.block_until_ready(loss)
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "loss": float(loss.mean())}

    answer(handle)


if __name__ == "__main__":
    main()
