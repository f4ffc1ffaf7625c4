"""A sweep in parts that are trained apart: each a range of seeds × a range of members.

A part is a `TrainSpec` of its own, with its own content key, so that it can be trained
anywhere, kept, and found again. Initial weights and samples depend on the number of the
seed and on the step alone, so its runs are those of the whole sweep. `parts_of` says
where a sweep is cut, `part` makes the settings of one, `join` puts them back together.

Where the cuts are depends on the spec alone: never on workers, cores or memory. So the
same numbers come out however many machines trained. Against the undivided training they
are the same to rounding, since XLA may order the operations of another number of runs
otherwise (on a CPU the bits agreed whenever a part had more than a few runs).

A spec with `early_stop` is one part: it stops when *all* of its runs are flat, which no
part can know.

Axis letters: `runs` = seeds × members, `windows` of the loss history, `snaps`.
"""

import dataclasses
from collections.abc import Iterable

import numpy as np

from toymodels.config import SettingsError, check_count
from toymodels.training.blocks import Block, undivided
from toymodels.training.run import History, Run, Snapshots, warn_of_diverged
from toymodels.training.spec import VARIED, TrainSpec
from toymodels.training.state import plan_of, window_ends

# Work is counted in numbers of one (runs, n, batch) array times steps. A core of 2026
# does 10⁹ a second on small models: a part takes it about half a minute, long against
# sending and storing it, short against losing it.
PART_WORK = 2**35
# Long trainings are not cut so finely that many cores would wait for few runs, short
# ones not so coarsely that a part would need more than a GiB.
LEAST_NUMBERS, MOST_NUMBERS = 2**20, 2**25
LEAST_RUNS = 16


def parts_of(spec: TrainSpec, most_runs: int | None = None) -> tuple[Block, ...]:
    """Where the spec is cut, in at most two sizes (each is compiled once).

    Members of one seed share their random draws, so a part takes all of them if it can.

    Args:
        spec: of the sweep.
        most_runs: in one part, ≥ 1; by the rule of this file when None.

    Returns:
        Blocks that cover every run once, seed by seed; a single one for most specs.
    """
    most = (
        _most_runs(spec) if most_runs is None else check_count("most_runs", most_runs)
    )
    if spec.early_stop or spec.runs <= most:
        return (undivided(spec),)
    members = _ranges(spec.members, most)
    together = max(most // spec.members, 1) if len(members) == 1 else 1
    seeds = _ranges(len(spec.seeds), together)
    return tuple(Block(s, m) for s in seeds for m in members)


def part(spec: TrainSpec, block: Block) -> TrainSpec:
    """The settings of a part: those of `spec`, for the block's seeds and members."""
    runs = block.runs(spec.members)
    members = np.arange(block.members.start, block.members.stop)

    def cut(array: np.ndarray, rank: int) -> np.ndarray:
        if array.ndim == rank or len(array) == 1:
            return array
        return array[runs if len(array) == spec.runs else members]

    varied = {
        name: cut(getattr(spec, name), rank)
        for name, rank in VARIED.items()
        if getattr(spec, name) is not None
    }
    features = spec.features
    if features.members not in (None, 1):
        whole = features.members == spec.runs
        features = features.select_members(runs if whole else members)
    return dataclasses.replace(
        spec,
        features=features,
        importance=cut(spec.importance, min(spec.importance.ndim, 1)),
        learning_rate=cut(spec.learning_rate, 0),
        weight_decay=cut(spec.weight_decay, 0),
        **varied,
        members=len(members),
        seeds=spec.seeds[block.seeds],
    )


def join(spec: TrainSpec, parts: Iterable[tuple[Block, Run]]) -> Run:
    """The run of the whole, in the order of its spec.

    Args:
        spec: of the whole.
        parts: every block with the finished run of its part; taken one at a time, so
            only one needs to be in memory beside the whole.

    Raises:
        SettingsError: the blocks do not cover every run once.
    """
    whole = _empty(spec)
    times = np.zeros(spec.runs, int)
    for block, run in parts:
        places = block.runs(spec.members)
        times[places] += 1
        for name, value in run.params.items():
            whole.params[name][places] = value
        for name, value in run.snapshots.params.items():
            whole.snapshots.params[name][:, places] = value
        whole.history.loss[:, places] = run.history.loss
        whole.status[places] = run.status
        whole.status_step[places] = run.status_step
    if (times != 1).any():
        raise SettingsError(
            "parts", f"{(times != 1).sum()} runs missing or twice", "every run once"
        )
    warn_of_diverged(whole)
    return whole


def _most_runs(spec: TrainSpec) -> int:
    numbers = min(max(PART_WORK // spec.steps, LEAST_NUMBERS), MOST_NUMBERS)
    return max(numbers // (spec.width * spec.batch), LEAST_RUNS)


def _ranges(total: int, most: int) -> list[slice]:
    """Few ranges of at most `most` that cover `total`: all of one length, or of two."""
    count = -(-total // most)
    # Somewhat shorter ones are worth it where all of them then have the same length.
    count = next((k for k in range(count, 2 * count) if total % k == 0), count)
    edges = [total * k // count for k in range(count + 1)]
    return [slice(a, b) for a, b in zip(edges[:-1], edges[1:], strict=True)]


def _empty(spec: TrainSpec) -> Run:
    """A run of finished training whose numbers are still to be filled in."""
    steps, snaps = window_ends(plan_of(spec)), np.asarray(spec.snapshots, int)
    shapes = spec.parameter_shapes()
    params = {k: np.empty(shape, np.float32) for k, shape in shapes.items()}
    snapshots = {
        k: np.empty((len(snaps), *shape), np.float32) for k, shape in shapes.items()
    }
    return Run(
        spec=spec,
        params=params,
        indices=np.arange(spec.runs),
        history=History(steps, np.empty((len(steps), spec.runs), np.float32)),
        snapshots=Snapshots(snaps, snapshots),
        status=np.empty(spec.runs, np.int8),
        status_step=np.empty(spec.runs, np.int32),
    )
