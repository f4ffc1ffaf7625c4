"""The axis of runs spread over several devices, of one host or of several.

Models of an ensemble never meet, so a mesh with the one axis `runs` is all there is:
each device holds and trains its share, and nothing is sent between devices until the
results are read. The accelerators of one host are used unasked. On several hosts call
`jax.distributed.initialize` first and give `train` a `runs_mesh()`, in the same script
on each of them; every process then gets the whole result.

On a CPU alone a mesh is not needed: blocks of runs already use every core (`blocks`).

Axis letters: `runs` = seeds × members.

References:
    JAX documentation, "Distributed arrays and automatic parallelization" and
    "Introduction to multi-controller JAX".
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from toymodels.config import SettingsError
from toymodels.training.spec import TrainSpec
from toymodels.training.state import RUN_AXIS, Inputs, TrainState

AXIS = "runs"


def runs_mesh(devices: Sequence[Any] | None = None) -> Mesh:
    """A mesh of `devices`, or of all devices of all processes."""
    return Mesh(np.asarray(jax.devices() if devices is None else devices), (AXIS,))


def check_mesh(spec: TrainSpec, mesh: Mesh) -> None:
    """Raise `SettingsError` unless every device gets the same number of runs.

    The devices share out the seeds, or the members where there is one seed: then no
    device needs the random draws of another.
    """
    if mesh.axis_names != (AXIS,):
        raise SettingsError("mesh", mesh.axis_names, f"the one axis {AXIS!r}")
    name, shared = _shared(spec)
    if shared % mesh.size:
        fits = [k for k in range(1, mesh.size) if shared % k == 0]
        raise SettingsError(
            "mesh",
            f"{mesh.size} devices for {shared} {name}",
            f"a number of {name} that the devices divide",
            f"{fits[-1]} of the devices",
        )


def place(
    spec: TrainSpec, mesh: Mesh, inputs: Inputs, state: TrainState
) -> tuple[Inputs, TrainState]:
    """Inputs and state with their runs spread over the mesh.

    The same program then runs on every device, on its own runs: XLA divides it along
    the axis of the arrays that it is given.
    """
    check_mesh(spec, mesh)
    of_seeds = _shared(spec)[0] == "seeds"

    def put(tree, axis):
        axes = () if axis is None else (None,) * axis + (AXIS,)
        where = NamedSharding(mesh, PartitionSpec(*axes))
        return jax.tree.map(lambda leaf: _put(leaf, where), tree)

    placed = Inputs(
        features=put(inputs.features, 0 if of_seeds else 1),
        terms=put(inputs.terms, 0),
        learning_rate=put(inputs.learning_rate, 0),
        weight_decay=put(inputs.weight_decay, 0),
        snapshot_steps=put(inputs.snapshot_steps, None),
    )
    keys = put(jax.random.key_data(state.keys), 0 if of_seeds else None)
    return placed, TrainState(
        step=put(state.step, None),
        keys=jax.random.wrap_key_data(keys, impl=jax.random.key_impl(state.keys)),
        **{name: put(getattr(state, name), axis) for name, axis in RUN_AXIS.items()},
    )


def fitting_mesh(spec: TrainSpec) -> Mesh | None:
    """As many of this process's accelerators as share out the runs evenly.

    None where that is one, and on a CPU.
    """
    devices = jax.local_devices()
    if devices[0].platform == "cpu":
        return None
    shared = _shared(spec)[1]
    count = max(k for k in range(1, len(devices) + 1) if shared % k == 0)
    return runs_mesh(devices[:count]) if count > 1 else None


def gathered(tree: Any) -> Any:
    """The same arrays, whole in this process, whichever hosts held them."""
    if jax.process_count() == 1:
        return tree
    return jax.tree.map(_gathered, tree)


def _gathered(leaf: jax.Array) -> jax.Array:
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        data = _gathered(jax.random.key_data(leaf))
        return jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaf))
    if leaf.is_fully_addressable or leaf.is_fully_replicated:
        return jax.device_put(np.asarray(leaf))
    return jnp.asarray(multihost_utils.process_allgather(leaf, tiled=True))


def _shared(spec: TrainSpec) -> tuple[str, int]:
    """What the devices share out: the seeds, or the members of a single seed."""
    seeds = len(spec.seeds)
    return ("seeds", seeds) if seeds > 1 else ("members", spec.members)


def _put(leaf: jax.Array, where: NamedSharding) -> jax.Array:
    host = np.asarray(leaf)  # the same in every process
    return jax.make_array_from_callback(host.shape, where, lambda index: host[index])
