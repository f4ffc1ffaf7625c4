"""The same training through this package's public interface.

Two data streams, asked for by name: "independent" draws fresh samples for every run, as
the peers do; "shared" is how the figures train a sweep, where the runs of one seed gate
the same draws with their own probabilities.

Letters: `runs` models trained together, n features, d hidden dimensions.
"""

import time

import numpy as np

import toymodels as tm
from toymodels.training import run_chunks
from workloads import LEARNING_RATE, WEIGHT_DECAY, Workload, answer

THREEFRY = "threefry2x32"
# A repeat has as many chunks of the workload's steps: it then lasts about as long as
# one of a peer, and most of it lies beyond the cores' waking up.
CHUNKS = 8


def spec_of(
    work: Workload, stream: str, repeats: int, generator: str = THREEFRY
) -> tm.TrainSpec:
    """The workload as settings, long enough for `repeats` timed repeats."""
    independent = stream == "independent"
    return tm.TrainSpec(
        model=tm.Autoencoder(
            n=work.n, d=work.d, init_name="xavier_3d", instances=work.runs
        ),
        features=tm.IndependentFeatures(
            n=work.n, probability=np.asarray(work.probability)[:, None]
        ),
        objective=tm.Objective(kind="mean"),
        optimiser=tm.Optimiser(learning_rate=LEARNING_RATE, weight_decay=WEIGHT_DECAY),
        importance=np.asarray(work.importance),
        seeds=work.runs if independent else 1,
        members=1 if independent else work.runs,
        batch=work.batch,
        steps=work.steps * CHUNKS * repeats,
        # One window of the loss history for each chunk.
        history=CHUNKS * repeats,
        generator=generator,
    )


def main() -> None:
    """Answer requests: {"workload": …} starts one, {} trains its next repeat.

    The first repeat, which compiles, is one chunk; of others the time is that of one
    chunk, on average. The loss is that after as many chunks as there were repeats, so
    that it belongs to the same number of steps as a peer's.
    """
    chunks = iter(())
    losses: list[float] = []
    repeats = 0

    def handle(request):
        nonlocal chunks, repeats
        count = 1 if "workload" in request else CHUNKS
        if "workload" in request:
            work = Workload(**request["workload"])
            spec = spec_of(
                work, request["stream"], request["repeats"], request["generator"]
            )
            chunks = run_chunks(spec, chunk=work.steps)
        start = time.perf_counter()
        for _ in range(count):
            losses.append(float(next(chunks).loss.mean()))
        seconds = (time.perf_counter() - start) / count
        repeats += 1
        return {"seconds": seconds, "loss": losses[repeats - 1]}

    answer(handle)


if __name__ == "__main__":
    main()
