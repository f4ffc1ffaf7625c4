"""The command line: what it writes, what it refuses, and its exit codes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import toymodels as tm
from toymodels.cli import main

ROOT = Path(__file__).parent.parent
QUICK = ["--steps", "40", "--batch", "16"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "run"
    flags = ["--probability", "1", "0.1", "--seeds", "2", "--importance-decay", "0.9"]
    assert main(["train", "--out", str(folder), *flags, *QUICK]) == 0
    return folder


def test_train_writes_weights_with_settings_and_a_manifest(trained):
    assert sorted(p.name for p in trained.iterdir()) == [
        "history.safetensors",
        "run.json",
        "weights.safetensors",
    ]
    spec, params, _ = tm.load_weights(trained / "weights.safetensors")
    assert params["W"].shape == (4, 2, 5)
    assert spec.members == 2 and spec.steps == 40
    manifest = json.loads((trained / "run.json").read_text())
    assert len(manifest["final_loss"]) == 4 == len(manifest["status"])
    assert manifest["versions"]["jax"] and "seconds" in manifest
    np.testing.assert_array_equal(params["W"], tm.train(spec).params["W"])


def test_a_manifest_is_a_spec_to_train_again(trained, tmp_path):
    again = ["train", "--spec", str(trained / "run.json"), "--out", str(tmp_path)]
    assert main(again) == 0
    for folder in (trained, tmp_path):
        assert (folder / "weights.safetensors").exists()
    first, second = (
        tm.load_weights(f / "weights.safetensors").params for f in (trained, tmp_path)
    )
    np.testing.assert_array_equal(first["W"], second["W"])


@pytest.mark.parametrize(
    "flags",
    [
        ["--kind", "exactly_k", "--k", "2"],
        ["--kind", "correlated", "--n", "6", "--group-size", "2"],
        ["--kind", "anticorrelated", "--n", "6", "--group-size", "3"],
        ["--kind", "copula", "--correlation", "0.5"],
        ["--unit-norm"],
        ["--noise", "0.1", "--ratio", "0.8"],
        ["--backdoor-rate", "0.05", "--backdoor-size", "3"],
        ["--model.kind", "computation", "--objective.target", "abs"],
        ["--model.hidden-activation", "relu", "--model.no-bias"],
        ["--optimiser.name", "sgd", "--objective.exponent", "3"],
    ],
    ids=lambda flags: flags[-1],
)
def test_every_kind_of_world_trains(flags, tmp_path):
    assert main(["train", "--out", str(tmp_path), *flags, *QUICK]) == 0
    assert main(["geometry", str(tmp_path)]) == 0
    assert (tmp_path / "geometry.png").stat().st_size > 5_000


def test_geometry_prints_a_row_for_the_best_seed_of_each_setting(trained, capsys):
    assert main(["geometry", str(trained), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["member"] for row in rows] == [0, 1]
    losses = json.loads((trained / "run.json").read_text())["final_loss"]
    for row in rows:
        assert row["loss"] == min(losses[row["member"] :: 2])
        assert len(row["dimensionality"]) == 5
    assert main(["geometry", str(trained), "--json", "--all-runs"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 4


def test_list_names_every_experiment(capsys):
    assert main(["list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert "TMS-1" in [i for row in rows for i in row["ids"]]
    assert main(["list"]) == 0
    assert "TMS-1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--d", "5"], "d: got 5, expected fewer than n = 5"),
        (["--n", "0"], "n: got 0"),
        (["--batch", "0"], "batch: got 0"),
        (["--steps", "0"], "steps: got 0"),
        (["--seeds", "0"], "seeds: got 0"),
        (["--probability", "0"], "probability"),
        (["--probability", "0.1", "1.2"], "probability[1, 0]: got 1.2"),
        (["--probability", "nan"], "probability"),
        (["--importance-decay", "nan"], "importance_decay: got nan"),
        (["--optimiser.learning-rate", "inf"], "learning_rate: got inf"),
        (["--kind", "exactly_k", "--k", "9"], "k: got 9"),
        (["--kind", "correlated", "--group-size", "2"], "a divisor of n = 5"),
        (["--backdoor-rate", "1.5"], "rate"),
        (["--n", "100000000000"], "n: got 100000000000"),
        (["--n", "2000000000", "--d", "1000"], "GiB"),
        (["--steps", "100000000000"], "steps: got 100000000000"),
        (["--seed", "99999999999999999999"], "seed: got 99999999999999999999"),
        (["--seeds", "1000000000"], "1000000000 runs"),
        (["--importance-decay", "10", "--n", "60"], "importance[39]: got inf"),
        (["--model.threshold", "nan"], "threshold: got nan"),
        (["--backdoor-rate", "0.1", "--backdoor-size", "9"], "at most n = 5"),
        (["--batch", "1000000000"], "GiB; try batch="),
        (["--spec", "/nonexistent.json"], "no such file"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input_is_one_line_and_writes_nothing(flags, said, tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["train", "--out", str(out), *flags]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not out.exists()


def test_unknown_flags_and_commands_are_refused(capsys):
    assert main(["train", "--out", "x", "--probabilty", "0.1"]) == 2
    assert main(["trian"]) == 2
    assert "train" in capsys.readouterr().err


def test_geometry_refuses_what_is_not_ours(tmp_path, capsys):
    foreign = tmp_path / "foreign.safetensors"
    save_file({"W": np.zeros((2, 5))}, foreign)
    assert main(["geometry", str(foreign)]) == 2
    assert "its format is None" in capsys.readouterr().err
    assert main(["geometry", str(tmp_path / "absent")]) == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(tmp_path, capsys):
    tmp_path.chmod(0o500)
    assert main(["train", "--out", str(tmp_path / "run"), *QUICK]) == 2
    assert "permission denied" in capsys.readouterr().err


def test_a_file_in_the_place_of_the_folder(tmp_path, capsys):
    (tmp_path / "run").write_text("precious")
    assert main(["train", "--out", str(tmp_path / "run"), *QUICK]) == 2
    assert (tmp_path / "run").read_text() == "precious"
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.filterwarnings("default::toymodels.DivergedWarning")
def test_divergence_is_said_and_is_no_failure(tmp_path, capsys):
    flags = ["--optimiser.learning-rate", "1e30", *QUICK]
    assert main(["train", "--out", str(tmp_path), *flags]) == 0
    said = capsys.readouterr().err
    assert "became non-finite" in said and "1 non-finite" in said
    manifest = json.loads((tmp_path / "run.json").read_text(), parse_constant=refuse)
    assert manifest["final_loss"] == [None]
    assert main(["geometry", str(tmp_path), "--json"]) == 0
    json.loads(capsys.readouterr().out, parse_constant=refuse)


def refuse(constant):
    raise AssertionError(f"{constant} is no JSON")


def test_a_finished_run_is_neither_repeated_nor_overwritten(trained, capsys):
    before = (trained / "weights.safetensors").read_bytes()
    flags = ["--probability", "1", "0.1", "--seeds", "2", "--importance-decay", "0.9"]
    assert main(["train", "--out", str(trained), *flags, *QUICK]) == 0
    assert "is trained already" in " ".join(capsys.readouterr().err.split())
    assert main(["train", "--out", str(trained), "--seeds", "3", *QUICK]) == 2
    assert "without another run" in capsys.readouterr().err
    assert (trained / "weights.safetensors").read_bytes() == before


def test_geometry_of_a_selection_names_the_right_runs(tmp_path, capsys):
    run = tm.train(
        tm.TrainSpec(
            model=tm.Autoencoder(n=5, d=2),
            features=tm.IndependentFeatures(n=5, probability=[[1.0], [0.2]]),
            seeds=(7, 9),
            steps=20,
            batch=16,
        )
    )
    path = tm.save_weights(tmp_path / "some.safetensors", run.select([3, 0]))
    assert main(["geometry", str(path), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(r["run"], r["seed"], r["member"]) for r in rows] == [(3, 9, 1), (0, 7, 0)]
    assert rows[0]["mean_active"] == pytest.approx(1.0)
    picture = ["--picture", "/proc/none/geometry.png"]
    assert main(["geometry", str(path), *picture]) == 2


def test_a_spec_file_that_is_none_is_refused(tmp_path, capsys):
    path = tmp_path / "spec.json"
    for text in (
        '{"type": "TrainSpec"}',
        '{"type": ["x"]}',
        '{"type": "Objective"}',
        '{"array": [1], "dtype": "bogus"}',
        "[]",
        "{",
    ):
        path.write_text(text)
        assert main(["train", "--spec", str(path), "--out", str(tmp_path / "r")]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "r").exists()


def test_ctrl_c_keeps_a_state_that_the_same_command_resumes(tmp_path):
    command = [
        *(sys.executable, "-c", "import sys; from toymodels.cli import main;"),
        *("train", "--out", str(tmp_path / "run"), "--steps", "40000"),
    ]
    command[2] += " sys.exit(main())"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True
    )
    checkpoints = tmp_path / "run" / "checkpoints"
    deadline = time.monotonic() + 120
    while not checkpoints.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 130, said
    assert "The same command goes on from there" in " ".join(said.split())
    kept = max(int(p.name) for p in checkpoints.iterdir() if p.name.isdigit())
    assert 0 < kept < 40_000
    assert not (tmp_path / "run" / "weights.safetensors").exists()


def test_reproduce_draws_and_keeps_a_ledger(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TOYMODELS_STORE", str(tmp_path / "store"))
    out = tmp_path / "figures"
    flags = ["--scale", "smoke", "--out", str(out)]
    assert main(["reproduce", "TMS-11", *flags]) == 0
    assert "TMS-11" in capsys.readouterr().out
    ledger = json.loads((out / "claims.json").read_text())
    assert {claim["experiment"] for claim in ledger} == {"TMS-11"}
    assert (out / "index.html").exists() and list(out.glob("TMS-11*.png"))
    assert main(["reproduce", "TMS-11", "--only-plot", *flags]) == 0


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["TMS-111"], "try TMS-11"),
        (["TMS-11", "--scale", "huge"], "scale: got 'huge'"),
        (["TMS-11", "--seed", "-1"], "seed: got -1"),
        (["TMS-11", "--only-plot"], "--only-plot"),
        (["TMS-11", "--out", "/proc/figures"], "/proc/figures"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_reproduce_refuses_in_one_line(flags, said, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TOYMODELS_STORE", str(tmp_path / "store"))
    scale = [] if "--scale" in flags else ["--scale", "smoke"]
    assert main(["reproduce", *flags, *scale]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not any((tmp_path / "store").glob("*"))
