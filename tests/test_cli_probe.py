"""`toymodels probe`, from training a denoiser to a table and a picture."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels.cli import main
from toymodels.cli.probe import KINDS, plain, table
from toymodels.cli.probe_plateau import median_curves
from toymodels.cli.probe_world import (
    ProbeFlags,
    cell,
    summary,
    world_of,
)
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
        assert 0 <= row["none within 1"] <= 1 and row["no direction"] == 0
        assert 0 < row["flipped"] < 1 and 0 < row["crossed"] < 1
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
    assert row["none within 0.001"] == 1 and row["flipped"] == row["crossed"] == 0
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
        (["--angle", "200"], "angle: got 200"),
        (["--k", "0"], "k: got 0"),
        (["--k", "9"], "k: got 9, expected at most n = 8 features"),
        (["--k", "3", "--directions", "feature"], "k: got 3, expected no --k"),
        (["--angle", "9", "--directions", "isotropic"], "angle: got 9.0, expected no"),
        (["--perturbation", "sphere"], "radii: got 5, expected no --radii"),
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


@pytest.mark.parametrize("kind", ["sphere", "readoff"])
@pytest.mark.parametrize(
    "flag", ["--directions feature", "--threshold 0.5", "--angle 9", "--k 2"]
)
def test_a_flag_without_a_meaning_is_refused(run, kind, flag, capsys):
    capsys.readouterr()
    assert main(["probe", str(run), "--perturbation", kind, *flag.split()]) == 2
    error = capsys.readouterr().err
    assert f"no {flag.split()[0]}, which means nothing to {kind}" in error


@pytest.mark.parametrize("kind", KINDS)
def test_activations_that_are_all_the_same_are_refused(tmp_path, kind, capsys):
    model = tm.Autoencoder(n=5, d=2)
    features = tm.IndependentFeatures(n=5, probability=0.3)
    made = tm.train(tm.TrainSpec(model=model, features=features, steps=1, batch=8))
    made.params["W"] = np.zeros_like(made.params["W"])
    path = tm.save_weights(tmp_path / "dead.safetensors", made)
    out = tmp_path / "out"
    out.mkdir()
    capsys.readouterr()
    flags = ["--perturbation", kind, "--bases", "6", "--out", str(out)]
    assert main(["probe", str(path), *flags]) == 2
    error = capsys.readouterr().err
    assert "activations that are all the same" in error and error.count("\n") == 1
    assert not list(out.iterdir())


def test_models_that_are_left_out_are_said_and_counted(run, tmp_path, capsys):
    path = Path(run) / "weights.safetensors"
    weights = load_weights(path)
    spec = weights.spec
    made = tm.train(spec)
    c = made.params["c"].copy()
    c[1] = np.nan
    made.params["c"] = c
    broken = tm.save_weights(tmp_path / "weights.safetensors", made)
    capsys.readouterr()
    flags = ["--directions", "isotropic", "--json", *FEW]
    for member, said in (("0", ""), ("1", "1 of 2 models is not finite and was left")):
        assert main(["probe", str(broken), "--member", member, *flags]) == 0
        told = capsys.readouterr()
        assert said in told.err and bool(told.err) == bool(said)
        found = json.loads(told.out)
        assert found["left_out"] == bool(said)
        assert len(found["runs"]) == 2 - found["left_out"]


def test_directions_that_do_not_exist_are_counted_as_such(tmp_path, capsys):
    features = tm.IndependentFeatures(n=3, probability=0.7)
    model = tm.Autoencoder(n=3, d=2, activation="identity", bias=False)
    made = tm.train(tm.TrainSpec(model=model, features=features, steps=1, batch=8))
    made.params["W"] = np.eye(2, 3, dtype=np.float32)[None]
    path = tm.save_weights(tmp_path / "two.safetensors", made)
    capsys.readouterr()
    # Where both features that it keeps are active, there is no inactive one.
    flags = ["--directions", "feature", "isotropic", "--bases", "24", "--radii", "9"]
    assert main(["probe", str(path), *flags]) == 0
    assert "direction" in capsys.readouterr().out.split("isotropic")[0].split("mean")[0]
    feature, isotropic = json.loads((tmp_path / "probe-plateau.json").read_text())[
        "rows"
    ]
    assert 0.2 < feature["no direction"] < 0.9 and isotropic["no direction"] == 0
    # The outputs are the activation: every push that there is gets there.
    assert feature["none within 1"] == isotropic["none within 1"] == 0


def test_one_direction_that_does_not_exist_leaves_a_curve():
    curves = np.arange(12.0).reshape(1, 4, 1, 3)
    curves[0, 3] = np.nan
    np.testing.assert_allclose(median_curves(curves), [[3, 4, 5]])


def test_an_angle_turns_directions_and_k_is_of_mixtures(run, tmp_path, capsys):
    def rows(*flags):
        capsys.readouterr()
        few = ["--bases", "5", "--radii", "4", "--json", "--out", str(tmp_path)]
        assert main(["probe", str(run), *few, "--directions", *flags]) == 0
        (row,) = json.loads(capsys.readouterr().out)["rows"]
        return {name: value for name, value in row.items() if name != "direction"}

    feature = rows("feature")
    assert rows("mixture", "--k", "1") == feature
    assert rows("feature", "--angle", "0") == feature != rows("feature", "--angle", "9")
    assert json.loads((tmp_path / "probe-plateau.json").read_text())["angle"] == 9


def test_families_take_only_what_concerns_them():
    shared = {"bases": 4, "radii": 5, "reach": 1.0, "threshold": None, "seed": 0}
    flags = ProbeFlags(perturbation="iso", directions=(), angle=9.0, k=3, **shared)
    found = flags.families(("isotropic", "feature", "mixture"))
    assert [(one.angle, one.k) for one in found.values()] == [(0, 2), (9, 2), (9, 3)]


def test_a_table_leaves_out_what_it_has_no_room_for():
    rows = [{"direction": "a", "no plane": 0.0, "flipped": 0.5, "p": 2.0}]
    assert [column.header for column in table(rows).columns] == ["direction", "p"]
    rows = [*rows, rows[0] | {"no plane": 0.1}]
    assert [column.header for column in table(rows).columns] == [
        *("direction", "no plane", "p")
    ]


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
