"""The memory need that is said before a training, against what a process then takes.

Each training has a process of its own, whose peak is compared with what it had after a
training of no size plus the estimate: Python, JAX and XLA are not the training's.
"""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import toymodels as tm
from toymodels.training import check_memory, estimate_bytes

ROOT = Path(__file__).parents[1]

# The size: a dense array of all points has 76 MiB, and a step would need five.
TRAINED = """
    import ctypes, json, sys
    import toymodels as tm
    from toymodels.training import estimate_bytes

    def spec_of(features, d, batch, runs):
        model = tm.Autoencoder(n=features.n, d=d)
        return tm.TrainSpec(
            model=model, features=features, batch=batch, steps=3, seeds=runs
        )

    def memory(field):
        # Not `ru_maxrss`, which begins at what the parent process had.
        lines = open("/proc/self/status").read().splitlines()
        return next(int(s.split()[1]) * 1024 for s in lines if s.startswith(field))

    kind, n, d, points, probability, runs = json.loads(sys.argv[1])
    tm.train(spec_of(tm.IndependentFeatures(n=5, probability=0.1), 2, 8, 1))
    # What compiling let go is still the process's until it is handed back (glibc).
    getattr(ctypes.CDLL(None), "malloc_trim", lambda kept: 0)(0)
    before = [memory("VmRSS"), memory("VmHWM")]
    features = tm.UnitNorm(base=tm.IndependentFeatures(n=n, probability=probability))
    if kind != "dense":
        features = tm.sample_dataset(features, points=points, seed=0, order=kind)
    spec = spec_of(features, d, points, runs)
    tm.train(spec)
    print(json.dumps([*before, memory("VmHWM"), estimate_bytes(spec)]))
"""


def peaks(*settings):
    """Bytes: what the process had before the training and at its peak before, its peak
    after, and the estimate."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(TRAINED), json.dumps(settings)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


slow = pytest.mark.slow
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@on_linux
@pytest.mark.parametrize(
    "settings",
    [
        ("full", 10_000, 50, 2000, 0.001, 1),
        pytest.param(("full", 10_000, 2, 2000, 0.001, 4), marks=slow),
        pytest.param(("full", 10_000, 500, 3000, 0.001, 1), marks=slow),
        pytest.param(("random", 10_000, 50, 2000, 0.001, 1), marks=slow),
        pytest.param(("dense", 10_000, 50, 2000, 0.001, 1), marks=slow),
        pytest.param(("dense", 2000, 50, 1024, 0.01, 8), marks=slow),
    ],
    ids=str,
)
def test_a_training_takes_the_memory_that_was_said(settings):
    held, peak_before, peak, estimate = peaks(*settings)
    assert peak - peak_before <= 1.2 * estimate
    assert peak - held >= 0.5 * estimate


def test_sparse_points_need_a_fraction_of_a_dense_batch():
    n, points = 10_000, 30_000
    features = tm.UnitNorm(base=tm.IndependentFeatures(n=n, probability=0.001))
    data = tm.sample_dataset(features, points=points, seed=0)

    def need(features, **changes):
        model = tm.Autoencoder(n=n, d=50)
        values = {"model": model, "features": features, "batch": points}
        return estimate_bytes(tm.TrainSpec(**values | changes))

    dense_array = 4 * n * points
    assert need(features) > 5 * dense_array
    assert need(data) < dense_array / 5
    # A block has as many rows as ever; the rows themselves are for every run.
    rows = 8 * points * data.width
    assert need(data, seeds=101) - need(data, seeds=1) > 100 * rows


def test_what_is_advised_for_a_full_dataset_is_not_a_batch():
    data = tm.sample_dataset(
        tm.IndependentFeatures(n=1000, probability=0.01), points=500, seed=0
    )
    spec = tm.TrainSpec(
        model=tm.Autoencoder(n=1000, d=50), features=data, batch=500, seeds=2000
    )
    with pytest.raises(tm.SettingsError, match=r"try \d+ runs") as caught:
        check_memory(spec, available=10**9)
    runs = int(str(caught.value).split("try ")[1].split()[0])
    fewer = tm.TrainSpec(model=spec.model, features=data, batch=500, seeds=runs)
    check_memory(fewer, available=10**9)


def test_a_whole_set_that_does_not_fit_asks_for_fewer_runs():
    data = tm.sample_dataset(
        tm.IndependentFeatures(n=300, probability=0.01), points=400, seed=0
    )
    spec = tm.TrainSpec(
        model=tm.Autoencoder(n=300, d=2), features=data, batch=400, seeds=5000
    )
    # A smaller batch would not be the whole set.
    with pytest.raises(tm.SettingsError, match=r"try \d+ runs"):
        check_memory(spec, available=estimate_bytes(spec) - 1)
