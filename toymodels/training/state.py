"""One update of a whole ensemble, and many of them as one compiled loop.

`init` makes a `TrainState`, `step` performs one update, `advance` performs many inside
one compiled program. All that training has produced so far (parameters, optimiser,
loss history, snapshots, first failure) is in the state, so a run is the same to the bit
however it was divided, paused or resumed: the random key of a step is derived from the
seed's key and the number of the step alone.

Axis letters: `runs` the ensemble axis = `seeds` × `members`; `windows` of the loss
history, `snaps` snapshots, n features.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, Integer, Key, PRNGKeyArray

from toymodels.features import (
    DEFAULT_GENERATOR,
    FeatureDistribution,
    SparseRows,
    with_generator,
)
from toymodels.models import ModelSettings, Params
from toymodels.pytree import register_pytree
from toymodels.training.batch_loss import LossTerms, is_kept, loss_and_gradient
from toymodels.training.objective import Objective
from toymodels.training.optimiser import Optimiser
from toymodels.training.spec import VARIED, TrainSpec


@dataclasses.dataclass(frozen=True)
class TrainState:
    """What the next step needs, and what earlier steps have recorded."""

    params: Params
    """Each of shape (runs, …)."""
    optimiser: Any
    """Optax state of every run, leaves (runs, …)."""
    step: Int[Array, ""]
    """Updates performed so far."""
    keys: Key[Array, " seeds"]
    """(seeds,): root of the data stream of each seed."""
    failed_at: Int[Array, " runs"]
    """First step whose loss was not finite, else −1."""
    loss_sums: Float[Array, "windows runs"]
    """Sum of the training loss over the steps of each window."""
    snapshots: Params
    """Each of shape (snaps, runs, …); zero until their step is reached."""


# Folded into a step's key for the noise, which the samples' keys are not.
NOISE_STREAM = 2**31 - 1

# The fields of a `TrainState` that have an axis of runs, and which one it is.
RUN_AXIS = {
    "params": 0,
    "optimiser": 0,
    "failed_at": 0,
    "loss_sums": 1,
    "snapshots": 1,
}


@dataclasses.dataclass(frozen=True)
class Inputs:
    """The settings that are traced, so that changing them compiles nothing anew."""

    features: FeatureDistribution
    """Leaves of shape (seeds, members, …)."""
    terms: LossTerms
    """Each of shape (runs, …)."""
    learning_rate: Float[Array, " runs"]
    weight_decay: Float[Array, " runs"]
    snapshot_steps: Int[Array, " snaps"]


for _cls in (TrainState, Inputs):
    register_pytree(_cls, tuple(f.name for f in dataclasses.fields(_cls)))


@dataclasses.dataclass(frozen=True)
class Plan:
    """The settings that a compiled program is made for."""

    model: ModelSettings
    objective: Objective
    optimiser: Optimiser
    steps: int
    batch: int
    windows: int
    generator: str


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class StepInfo:
    """What a person wants to see of one step."""

    loss: Float[Array, " runs"]


def plan_of(spec: TrainSpec) -> Plan:
    """The static half of a spec."""
    return Plan(
        model=spec.model,
        objective=spec.objective,
        optimiser=spec.optimiser,
        steps=spec.steps,
        batch=spec.batch,
        windows=min(spec.history, spec.steps),
        generator=spec.generator,
    )


def window_ends(plan: Plan) -> Int[np.ndarray, " windows"]:
    """Number of steps after which each window of the loss history is complete."""
    windows = np.arange(1, plan.windows + 1)
    return -(-windows * plan.steps // plan.windows).astype(np.int32)


def inputs_of(spec: TrainSpec) -> Inputs:
    """The traced half of a spec, each array over all runs."""
    seeds, members = len(spec.seeds), spec.members
    leading = spec.features.members or members
    features = spec.features.per_member(leading)
    if leading != spec.runs:
        repeats = members // leading * seeds  # leading is members, or 1 for all
        features = jax.tree.map(
            lambda leaf: np.tile(leaf, (repeats,) + (1,) * (np.ndim(leaf) - 1)),
            features,
        )
    importance = np.broadcast_to(
        spec.over_runs(spec.importance, min(spec.importance.ndim, 1)).reshape(
            spec.runs, -1
        ),
        (spec.runs, spec.model.outputs),
    )
    varied = {
        name: spec.over_runs(getattr(spec, name), rank)
        for name, rank in VARIED.items()
        if getattr(spec, name) is not None
    }
    return Inputs(
        features=jax.tree.map(
            lambda leaf: jax.device_put(
                np.asarray(leaf).reshape(seeds, members, *np.shape(leaf)[1:])
            ),
            features,
        ),
        terms=LossTerms(**jax.device_put({"importance": importance, **varied})),
        learning_rate=jax.device_put(spec.over_runs(spec.learning_rate, 0)),
        weight_decay=jax.device_put(spec.over_runs(spec.weight_decay, 0)),
        snapshot_steps=jax.device_put(np.array(spec.snapshots, np.int32)),
    )


def init(spec: TrainSpec) -> TrainState:
    """The state before the first update.

    Runs of the same seed have the same initial weights.
    """
    root = jax.random.key(spec.seed, impl=DEFAULT_GENERATOR)
    seeds = jax.device_put(np.array(spec.seeds, np.uint32))
    # Neither batch nor steps matter yet, so that a sweep over them compiles once.
    plan = dataclasses.replace(plan_of(spec), batch=1, steps=1, objective=Objective())
    state = _init(plan, spec.members, len(spec.snapshots), root, seeds)
    if spec.snapshots and spec.snapshots[0] == 0:
        filled = jax.tree.map(
            lambda buffer, value: buffer.at[0].set(value), state.snapshots, state.params
        )
        state = dataclasses.replace(state, snapshots=filled)
    return state


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _init(
    plan: Plan,
    members: int,
    snaps: int,
    root: PRNGKeyArray,
    seeds: Integer[Array, " seeds"],
) -> TrainState:
    runs = seeds.shape[0] * members
    keys = jax.vmap(lambda seed: jax.random.split(jax.random.fold_in(root, seed)))(
        seeds
    )
    single = jax.vmap(plan.model.init)(keys[:, 0])
    params = jax.tree.map(lambda leaf: jnp.repeat(leaf, members, axis=0), single)
    one = plan.optimiser.transformation(plan.steps, 1.0, 1.0)
    return TrainState(
        params=params,
        optimiser=jax.vmap(one.init)(params),
        step=jnp.int32(0),
        keys=with_generator(keys[:, 1], plan.generator),
        failed_at=jnp.full(runs, -1, jnp.int32),
        loss_sums=jnp.zeros((plan.windows, runs)),
        snapshots=jax.tree.map(lambda p: jnp.zeros((snaps, *p.shape), p.dtype), params),
    )


def sample(
    features: FeatureDistribution,
    keys: Key[Array, " seeds"],
    step: Int[Array, ""],
    *,
    members: int,
    batch: int,
) -> Float[Array, "runs n batch"] | SparseRows:
    """Samples of one step for every run; those of a finite dataset as sparse rows.

    The key is not mapped over members, so the random numbers of a seed are drawn once
    and every member gates them with its own probabilities.
    """
    step_keys = jax.vmap(lambda key: jax.random.fold_in(key, step))(keys)
    # The size is given because a distribution may have no number that could be traced.
    of_member = jax.vmap(
        lambda f, key: f.draw(key, batch), in_axes=(0, None), axis_size=members
    )
    x = jax.vmap(of_member)(features, step_keys)
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), x)


def _drawn(plan: Plan, inputs: Inputs, state: TrainState) -> Any:
    """Samples of the coming step for every run, as `sample` gives them."""
    members = state.failed_at.shape[0] // state.keys.shape[0]
    return sample(
        inputs.features, state.keys, state.step, members=members, batch=plan.batch
    )


def _noise(plan: Plan, inputs: Inputs, state: TrainState) -> Any:
    """Standard normal numbers for every run, (runs, …); None where there is no noise.

    As with samples, the members of a seed share them.
    """
    if inputs.terms.noise is None:
        return None
    shape = plan.model.noise_shape(plan.batch)

    def of_seed(key: PRNGKeyArray) -> Float[Array, "..."]:
        key = jax.random.fold_in(jax.random.fold_in(key, state.step), NOISE_STREAM)
        return jax.random.normal(key, shape)

    drawn = jax.vmap(of_seed)(state.keys)
    members = state.failed_at.shape[0] // state.keys.shape[0]
    return jnp.repeat(drawn, members, axis=0)


def step(
    plan: Plan, inputs: Inputs, state: TrainState, x: Any = None
) -> tuple[TrainState, StepInfo]:
    """One update of every run.

    Args:
        plan: static settings.
        inputs: traced settings.
        state: of any step.
        x: samples for every run, if they are the same in every step.

    Returns:
        The next state, and the loss of each run before the update.
    """
    runs = state.failed_at.shape[0]
    x = _drawn(plan, inputs, state) if x is None else x
    loss_of = functools.partial(
        loss_and_gradient, plan.model, plan.objective, runs=runs
    )

    noise = _noise(plan, inputs, state)

    def update(grads, optimiser, params, learning_rate, weight_decay):
        rule = plan.optimiser.transformation(plan.steps, learning_rate, weight_decay)
        # Optax raises floats to integer powers, which strict promotion forbids.
        with jax.numpy_dtype_promotion("standard"):
            updates, optimiser = rule.update(grads, optimiser, params)
        return optax.apply_updates(params, updates), optimiser

    loss, grads = jax.vmap(loss_of)(state.params, x, inputs.terms, noise)
    params, optimiser = jax.vmap(update)(
        grads,
        state.optimiser,
        state.params,
        inputs.learning_rate,
        inputs.weight_decay,
    )
    # Not by a gradient of 0: weight decay would shrink them.
    params = {
        **params,
        **{k: v for k, v in state.params.items() if k in plan.model.frozen},
    }
    done = state.step + 1
    # Not step · windows // steps, which overflows 32 bits in long runs.
    window = (jnp.asarray(window_ends(plan)) <= state.step).sum()
    fails = (state.failed_at < 0) & ~jnp.isfinite(loss)
    return TrainState(
        params=params,
        optimiser=optimiser,
        step=done,
        keys=state.keys,
        failed_at=jnp.where(fails, state.step, state.failed_at),
        loss_sums=state.loss_sums.at[window].add(loss),
        snapshots=_record(state.snapshots, params, inputs.snapshot_steps, done),
    ), StepInfo(loss)


def _record(
    snapshots: Params, params: Params, steps: Int[Array, " snaps"], done: Int[Array, ""]
) -> Params:
    """Write `params` into the slot whose step has come, else leave all as it is."""
    if steps.shape[0] == 0:
        return snapshots
    # One slot is rewritten in place at every step; a `cond` would copy the buffer.
    slot = jnp.minimum(jnp.searchsorted(steps, done), steps.shape[0] - 1)
    hit = steps[slot] == done
    return jax.tree.map(
        lambda buffer, value: buffer.at[slot].set(jnp.where(hit, value, buffer[slot])),
        snapshots,
        params,
    )


# The loop's bound is traced: one compilation serves chunks of every length. (A scan
# would compile again for the last, shorter chunk.) The state is donated.
@functools.partial(jax.jit, static_argnums=0, donate_argnums=2)
def advance(
    plan: Plan, inputs: Inputs, state: TrainState, until: Int[Array, ""]
) -> TrainState:
    """Update until `state.step` is `until`; the given state is used up."""
    x = _kept(plan, inputs, state)
    return jax.lax.fori_loop(
        state.step, until, lambda _, s: step(plan, inputs, s, x)[0], state
    )


def _kept(plan: Plan, inputs: Inputs, state: TrainState) -> Any:
    """A data set that every step sees whole, written out; None if there is none."""
    runs = state.failed_at.shape[0]
    whole = inputs.features.whole_batch
    if not (whole and is_kept(plan.model.n, plan.batch, runs)):
        return None
    return jax.vmap(SparseRows.columns)(_drawn(plan, inputs, state))
