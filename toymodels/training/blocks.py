"""An ensemble in cache-sized blocks of runs, trained side by side on the cores.

A step of a whole ensemble sends every array through memory once for each operation. A
block is small enough that its arrays stay in the cache, and it is trained for a whole
chunk of steps before the next one has its turn. Blocks know nothing of each other, so
as many as there are cores run at once, each in a thread of its own: XLA releases the
interpreter's lock, and one operation of a small model is too short to be divided
among cores.

Where blocks begin depends on the spec alone, never on the machine, so the same spec
gives the same numbers on any number of cores.

Axis letters: `runs` = seeds × members.
"""

import dataclasses
import functools
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from toymodels.training.mesh import gathered
from toymodels.training.spec import TrainSpec
from toymodels.training.state import RUN_AXIS, Inputs, Plan, TrainState, advance

# Numbers in one (runs, n, batch) array of a block: 128 KiB, of which a step has about
# five alive. Measured on cores with 1 MiB of second-level cache.
BLOCK_NUMBERS = 2**15
# With many runs, blocks grow up to four times that, so that dispatching them is cheap.
MOST_BLOCKS = 64
MOST_NUMBERS = 4 * BLOCK_NUMBERS
# XLA multiplies matrices without a batch axis by another routine, which divides a
# product among all cores; it is slower where every core is busy anyway.
FEWEST_RUNS = 2


@dataclasses.dataclass(frozen=True)
class Block:
    """A range of seeds times a range of members."""

    seeds: slice
    members: slice

    @property
    def seed_count(self) -> int:
        """Number of seeds."""
        return self.seeds.stop - self.seeds.start

    def runs(self, members: int) -> Int[np.ndarray, " runs"]:
        """Place of each run of the block in an ensemble with so many members."""
        seeds = np.arange(self.seeds.start, self.seeds.stop)
        return (
            seeds[:, None] * members + np.arange(self.members.start, self.members.stop)
        ).ravel()


def divide(spec: TrainSpec) -> tuple[Block, ...]:
    """Blocks of one size that cover all runs; neighbours may overlap by a few runs.

    Members of one seed share their random draws, so a block takes members first. On an
    accelerator there is one block: it has no small cache, and wants large arrays.
    """
    if jax.default_backend() != "cpu":
        return (undivided(spec),)
    size = _runs_in_block(spec.width, spec.batch, spec.runs)
    members = _ranges(spec.members, size)
    seeds = _ranges(
        len(spec.seeds), max(size // spec.members, 1) if len(members) == 1 else 1
    )
    return tuple(Block(s, m) for s in seeds for m in members)


def _runs_in_block(n: int, batch: int, runs: int) -> int:
    wanted = -(-runs // MOST_BLOCKS)
    size = max(min(wanted, MOST_NUMBERS // (n * batch)), BLOCK_NUMBERS // (n * batch))
    return max(size, FEWEST_RUNS)


def runs_at_once(n: int, batch: int, runs: int) -> tuple[int, int]:
    """How many runs a block of an ensemble has, and how many all that are computed now.

    Both are at most so many; the second depends on the cores of this machine.
    """
    if jax.default_backend() != "cpu":
        return runs, runs
    size = min(_runs_in_block(n, batch, runs), runs)
    return size, min(size * core_count(), runs)


def undivided(spec: TrainSpec) -> Block:
    """All runs in one block."""
    return Block(slice(0, len(spec.seeds)), slice(0, spec.members))


def _ranges(total: int, most: int) -> list[slice]:
    """As few equal ranges of at most `most` as cover `total`, evenly spread.

    One compiled program serves all blocks because their sizes are equal; where they do
    not add up, a run belongs to two blocks, which compute the same for it.
    """
    count = -(-total // most)
    size = -(-total // count)
    starts = np.linspace(0, total - size, count).round().astype(int)
    return [slice(int(start), int(start) + size) for start in starts]


@dataclasses.dataclass(frozen=True)
class Blocks:
    """The state of an ensemble, block by block."""

    plan: Plan
    members: int
    blocks: tuple[Block, ...]
    inputs: tuple[Inputs, ...]
    states: tuple[TrainState, ...]

    @classmethod
    def of(
        cls, plan: Plan, blocks: Sequence[Block], inputs: Inputs, state: TrainState
    ) -> "Blocks":
        """A whole ensemble, divided; the given state is used up."""
        members = state.failed_at.shape[0] // state.keys.shape[0]
        if len(blocks) == 1:
            return cls(plan, members, tuple(blocks), (inputs,), (state,))
        return cls(
            plan,
            members,
            tuple(blocks),
            tuple(block_inputs(inputs, block, members) for block in blocks),
            tuple(_state_of(state, block, members) for block in blocks),
        )

    def advance(self, until: int) -> "Blocks":
        """Every block at step `until`; the states of these blocks are used up."""
        one = functools.partial(_advanced, self.plan, until=until)
        # A single block stays in this thread, where JAX's context managers act.
        place = map if len(self.states) == 1 else cores().map
        states = tuple(place(one, self.inputs, self.states))
        return dataclasses.replace(self, states=states)

    def compiled(self) -> "Blocks":
        """The same, after an update of no steps: the program is compiled once."""
        first, *others = self.states
        first = _advanced(self.plan, self.inputs[0], first, self.step)
        return dataclasses.replace(self, states=(first, *others))

    @property
    def step(self) -> int:
        """Updates performed so far."""
        return int(self.states[0].step)

    @functools.cached_property
    def failed_at(self) -> Int[np.ndarray, " runs"]:
        """First step whose loss was not finite, else −1."""
        return np.asarray(self._joined("failed_at"))

    @functools.cached_property
    def loss_sums(self) -> Float[np.ndarray, "windows runs"]:
        """Sum of the training loss over the steps of each window."""
        return np.asarray(self._joined("loss_sums"))

    @functools.cached_property
    def state(self) -> TrainState:
        """The state of the whole ensemble; used up by the next chunk."""
        first = self.states[0]
        if len(self.states) == 1:
            return gathered(first)
        parts = {name: self._joined(name) for name in RUN_AXIS}
        return TrainState(step=jnp.copy(first.step), keys=self._keys(), **parts)

    def _joined(self, name: str) -> Any:
        """The field `name` of all runs."""
        if len(self.states) == 1:
            return gathered(getattr(self.states[0], name))
        axis = RUN_AXIS[name]
        runs = [block.runs(self.members) for block in self.blocks]
        total = 1 + max(int(places[-1]) for places in runs)

        def join(*leaves: jax.Array) -> jax.Array:
            shape = leaves[0].shape
            whole = np.empty(
                (*shape[:axis], total, *shape[axis + 1 :]), leaves[0].dtype
            )
            for places, leaf in zip(runs, leaves, strict=True):
                whole[(slice(None),) * axis + (places,)] = leaf
            return jax.device_put(whole)

        return jax.tree.map(join, *(getattr(state, name) for state in self.states))

    def _keys(self) -> jax.Array:
        data = [jax.random.key_data(state.keys) for state in self.states]
        total = max(block.seeds.stop for block in self.blocks)
        whole = np.empty((total, *data[0].shape[1:]), data[0].dtype)
        for block, part in zip(self.blocks, data, strict=True):
            whole[block.seeds] = part
        generator = jax.random.key_impl(self.states[0].keys)
        return jax.random.wrap_key_data(whole, impl=generator)


def _advanced(plan: Plan, inputs: Inputs, state: TrainState, until: int) -> TrainState:
    spread = len(state.failed_at.sharding.device_set) > 1
    where = jax.tree.map(lambda leaf: leaf.sharding, state) if spread else None
    state = advance(plan, inputs, state, jnp.int32(until))
    # XLA describes some of its results in other words, which would compile again.
    state = jax.device_put(state, where) if spread else state
    return jax.block_until_ready(state)


def core_count() -> int:
    """Cores that this process may use."""
    # Python 3.13 has `os.process_cpu_count` for it.
    usable = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))(0)
    return len(usable)


@functools.cache
def cores() -> Executor:
    """Threads, one for each core that this process may use; all trainings share them.

    They are not ended with a training: whoever stops looking at one in the middle, at
    the interpreter's end perhaps, would have to wait for it.
    """
    return ThreadPoolExecutor(core_count(), "toymodels-block")


def by_block(
    function: Callable[[Block], Any], blocks: Sequence[Block]
) -> Iterator[tuple[Block, Any]]:
    """Every block and what `function` makes of it, on all cores."""
    yield blocks[0], function(blocks[0])  # alone, so that it compiles once
    yield from zip(blocks[1:], cores().map(function, blocks[1:]), strict=True)


def block_inputs(inputs: Inputs, block: Block, members: int) -> Inputs:
    """The inputs of the runs of one block."""
    runs = block.runs(members)
    return Inputs(
        features=jax.tree.map(
            lambda leaf: jax.device_put(np.asarray(leaf)[block.seeds, block.members]),
            inputs.features,
        ),
        terms=jax.tree.map(lambda leaf: leaf[runs], inputs.terms),
        learning_rate=inputs.learning_rate[runs],
        weight_decay=inputs.weight_decay[runs],
        snapshot_steps=inputs.snapshot_steps,
    )


def _state_of(state: TrainState, block: Block, members: int) -> TrainState:
    runs = block.runs(members)
    parts = {
        name: jax.tree.map(
            lambda leaf, axis=axis: jax.device_put(np.asarray(leaf).take(runs, axis)),
            getattr(state, name),
        )
        for name, axis in RUN_AXIS.items()
    }
    # Copies, also where a block has all seeds: it gives its state away at every chunk.
    data = np.array(jax.random.key_data(state.keys)[block.seeds])
    keys = jax.random.wrap_key_data(data, impl=jax.random.key_impl(state.keys))
    return TrainState(step=jnp.copy(state.step), keys=keys, **parts)
