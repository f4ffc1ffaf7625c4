"""The scripts beside the benchmark run: share of compiling, numbers of a GPU."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_the_share_of_compiling_is_lower_where_programs_are_kept(tmp_path):
    out = tmp_path / "share.json"
    command = [BENCHMARKS / "compile_share.py", "TMS-3", "--scale", "smoke"]
    command += ["--out", out]
    done = subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    (cold,), (warm,) = found["cold"], found["warm"]
    assert cold["programs"] == warm["programs"] > 0
    assert "jit(advance)" in cold["slowest"]
    assert warm["compile_seconds"] < 0.7 * cold["compile_seconds"]
    for row in (cold, warm):
        assert 0 < row["compile_seconds"] < row["seconds"]


def test_seconds_of_overlapping_intervals_count_once(scripts):
    import compile_share

    covered = compile_share._covered([(5.0, 6.0), (0.0, 3.0), (1.0, 2.0), (2.5, 4.0)])
    assert covered == pytest.approx(5.0)


def test_the_script_for_a_gpu_runs_on_a_cpu(tmp_path):
    out = tmp_path / "gpu.json"
    command = [BENCHMARKS / "gpu.py", "--smoke", "--repeats", "1", "--out", out]
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        env={**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert found["device"]["platform"] == "cpu"
    assert min(found["rates"].values()) > 0
    names = [case["name"] for case in found["cases"]]
    assert len(names) == 10
    assert sum("counter_hash" in name for name in names) == 4
    for case in found["cases"]:
        assert case["milliseconds_per_step"]["median"] > 0
        assert min(case["floor_milliseconds"].values()) > 0


def test_bytes_of_a_dataset_grow_with_its_points(scripts):
    import gpu_cases

    # A part has 6,990 points, so both sizes are counted whole.
    small, large = (gpu_cases._many_features(300, T, chunk=1) for T in (3_000, 6_000))
    assert large.bytes() / small.bytes() == pytest.approx(2, rel=0.05)


def test_contours_are_those_of_a_search_in_numpy(tmp_path):
    out = tmp_path / "contours.json"
    flags = ["--pairs", "4", "--angles", "9", "--repeats", "2", "--out", out]
    done = subprocess.run(
        [sys.executable, *map(str, [BENCHMARKS / "contours.py", *flags])],
        env={**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert found["ratio"]["median"] > 0
    assert found["largest_difference"] < 1.02 * found["grid_step"]
    assert found["without_boundary"]["ours"] == found["without_boundary"]["numpy"]


def test_targets_of_the_explorer_can_be_missed(scripts):
    import explorer

    def rows(steps, received, drawn):
        frames = {"received": received, "drawn": drawn}
        return [{"steps": rate, **frames} for rate in steps]

    nobody = [{"steps": rate} for rate in (1000.0, 1200.0, 900.0)]
    page = rows((800.0, 960.0, 720.0), received=33.0, drawn=29.0)
    reader = rows((1000.0, 1140.0, 900.0), received=33.0, drawn=33.0)
    found = explorer.summary({"nobody": nobody, "page": page, "reader": reader})
    assert found["page"]["speed_left"]["median"] == pytest.approx(0.8)
    assert not found["page"]["speed_met"] and not found["page"]["frames_met"]
    assert found["reader"]["speed_left"]["interval"] == [0.95, 1.0]
    assert found["reader"]["speed_met"] and found["reader"]["frames_met"]


def test_frames_of_the_explorer_are_counted(tmp_path):
    out = tmp_path / "explorer.json"
    flags = ["--sizes", "5", "2", "--repeats", "1", "--seconds", "1", "--out", out]
    done = subprocess.run(
        [sys.executable, *map(str, [BENCHMARKS / "explorer.py", *flags])],
        env={**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(out.read_text())["sizes"]
    browser = any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    watchers = ["reader", "page"] if browser else ["reader"]
    assert [kind for kind in ("reader", "page") if kind in row] == watchers
    for kind in watchers:
        assert row["steps_per_second"][kind]["median"] > 0
        for rate in row[kind]["frames_per_second"].values():
            assert 1 < rate["median"] < 61
