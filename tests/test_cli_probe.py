"""`toymodels probe`, from training a denoiser to a table and a picture."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels.cli import main
from toymodels.cli.probe import plain
from toymodels.cli.probe_world import cell, summary, world_of
from toymodels.config import SettingsError
from toymodels.training import load_weights

TRAIN = [
    *("train", "--model.kind", "denoiser", "--n", "8", "--d", "4"),
    *("--model.neurons", "6", "--model.blocks", "2", "--model.noise", "0", "0.1"),
    *("--values", "boolean", "--probability", "0.15", "--batch", "32"),
    *("--steps", "40", "--seeds", "2", "--optimiser.name", "adam"),
]
FEW = ["--bases", "6", "--radii", "5"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("probe") / "run"
    assert main([*TRAIN, "--out", str(folder)]) == 0
    return folder


def test_train_makes_a_denoiser_with_noise_levels_as_members(run):
    spec = load_weights(run / "weights.safetensors").spec
    assert type(spec.model).__name__ == "ResidualDenoiser"
    assert spec.model.layers == ("h0", "h1", "h2")
    assert spec.members == 2 and spec.runs == 4
    np.testing.assert_allclose(np.asarray(spec.noise), [0, 0.1], rtol=1e-6)
    assert spec.objective.measure == "bernoulli"


def test_noise_levels_and_probabilities_do_not_mix(tmp_path, capsys):
    flags = [*TRAIN, "--probability", "0.1", "0.2", "--out", str(tmp_path / "two")]
    assert main(flags) == 2
    assert "model.noise: got '2 values'" in capsys.readouterr().err


def test_table_picture_and_numbers(run, capsys):
    capsys.readouterr()
    assert main(["probe", str(run), "--member", "1", *FEW]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "plateau, layer h0 of 2 models" in said
    for word in ("real_other", "KL r10", "L2 A/B", "boundary", "mixture"):
        assert word in said
    picture = (run / "probe-plateau.png").read_bytes()
    assert picture.startswith(b"\x89PNG") and len(picture) > 20_000
    found = json.loads((run / "probe-plateau.json").read_text())
    assert found["layer"] == "h0" and found["runs"] == [1, 3]
    assert [row["direction"] for row in found["rows"]] == [
        *("isotropic", "covariance", "real_other", "feature", "mixture")
    ]
    for row in found["rows"]:
        assert 0 <= row["none within 1"] <= 1
        r10 = row["L2 r10"]
        assert 0 < r10["low"] <= r10["median"] <= r10["high"] <= 1


def test_json_of_chosen_directions_into_a_folder_of_ones_own(run, tmp_path, capsys):
    flags = ["--layer", "h2", "--directions", "feature_removed", "--threshold", "0.5"]
    flags += ["--perturbation", "adversarial", "--json", "--out", str(tmp_path)]
    capsys.readouterr()
    assert main(["probe", str(run), *flags, *FEW]) == 0
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "probe-adversarial.json").read_text()
    (row,) = json.loads(printed)["rows"]
    # From the last layer on, the logits are linear.
    np.testing.assert_allclose(row["L2 r50"]["median"], 0.5, atol=1e-3)
    np.testing.assert_allclose(row["L2 A/B"]["median"], 1.0, atol=1e-3)


def test_one_seed_and_the_same_numbers_twice(run, tmp_path, capsys):
    for folder in ("a", "b"):
        flags = ["--best", "--directions", "isotropic", "--out", str(tmp_path / folder)]
        assert main(["probe", str(run), *flags, *FEW]) == 0
    one, other = ((tmp_path / f / "probe-plateau.json").read_bytes() for f in "ab")
    assert one == other and len(json.loads(one)["runs"]) == 1
    loss = json.loads((run / "run.json").read_text())["final_loss"]
    assert json.loads(one)["runs"] == [int(np.argmin([loss[0], np.inf, loss[2]]))]


def test_an_autoencoder_without_kl(tmp_path, capsys):
    features = tm.IndependentFeatures(n=5, probability=0.3)
    spec = tm.TrainSpec(
        model=tm.Autoencoder(n=5, d=2), features=features, steps=20, batch=16
    )
    path = tm.save_weights(tmp_path / "plain.safetensors", tm.train(spec))
    capsys.readouterr()
    assert main(["probe", str(path), *FEW]) == 0
    said = capsys.readouterr().out
    assert "layer hidden of 1 model" in said and "KL" not in said


def test_a_boundary_that_is_never_reached_is_said(run, tmp_path, capsys):
    flags = ["--reach", "0.001", "--directions", "isotropic", "--out", str(tmp_path)]
    assert main(["probe", str(run), *flags, *FEW]) == 0
    (row,) = json.loads((tmp_path / "probe-plateau.json").read_text())["rows"]
    assert row["none within 0.001"] == 1
    assert row["boundary"] == {"median": None, "low": None, "high": None}


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--layer", "h9"], "layer: got 'h9', expected one of h0, h1, h2"),
        (["--perturbation", "plateu"], "try plateau"),
        (["--directions", "featur"], "try feature"),
        (["--member", "2"], "member: got 2"),
        (["--bases", "0"], "bases: got 0"),
        (["--radii", "1"], "radii: got 1"),
        (["--reach", "-1"], "reach: got -1"),
        (["--threshold", "2"], "threshold: got 2"),
        (["--out", "/proc/none"], "/proc/none"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input_is_one_line(run, flags, said, capsys):
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    capsys.readouterr()
    assert main(["probe", str(run), *FEW, *flags]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    after = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    assert after == before


def test_a_file_that_is_not_there(tmp_path, capsys):
    assert main(["probe", str(tmp_path / "absent")]) == 2
    assert "no such file" in capsys.readouterr().err


def test_ground_truth_that_a_model_lacks(run, monkeypatch, capsys):
    model = load_weights(run / "weights.safetensors").spec.model
    monkeypatch.setattr(type(model), "feature_directions", lambda *_: None)
    capsys.readouterr()
    assert main(["probe", str(run), "--directions", "feature", *FEW]) == 2
    error = capsys.readouterr().err
    assert "known features" in error and error.count("\n") == 1


def test_models_of_a_member_are_chosen_and_broken_ones_left_out(run):
    weights = load_weights(Path(run) / "weights.safetensors")
    world = world_of(weights, layer=None, member=1, seed=0)
    assert world.layer == "h0" and world.runs == 2
    np.testing.assert_array_equal(world.indices, [1, 3])
    np.testing.assert_array_equal(world.params["c"], weights.params["c"][[1, 3]])
    assert world.subject(1).activation(jnp.eye(8)).shape == (4, 8)
    broken = weights.params["c"].copy()
    broken[1] = np.nan
    lame = weights._replace(params=weights.params | {"c": broken})
    np.testing.assert_array_equal(
        world_of(lame, layer=None, member=1, seed=0).indices, [3]
    )
    broken[3] = np.nan
    with pytest.raises(SettingsError, match="finite runs"):
        world_of(lame, layer=None, member=1, seed=0)


def test_cells_of_a_table():
    assert cell({"median": 0.0781, "low": 0.07, "high": 0.09}) == ".078\n[.07, .09]"
    assert cell({"median": -0.5, "low": -0.5, "high": -0.5}) == "-.5"
    assert cell(summary([np.nan])) == "–" == cell(None)
    assert cell(12.345) == "12.3" and cell(3) == "3" and cell("x") == "x"
    assert summary([1.0, np.nan]) == {"median": 1.0, "low": 1.0, "high": 1.0}
    assert plain({"a": (np.float32(1), np.nan, np.arange(2))}) == {
        "a": [1, None, [0, 1]]
    }
