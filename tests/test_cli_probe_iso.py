"""`toymodels probe --perturbation iso`: a model whose contours are known, bad input."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels.cli import main
from toymodels.cli.probe_iso import _plane


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A linear autoencoder that keeps two of six features exactly, in two seeds."""
    spec = tm.TrainSpec(
        model=tm.Autoencoder(n=6, d=3, activation="identity", bias=False),
        features=tm.IndependentFeatures(n=6, probability=0.3),
        seeds=2,
        steps=1,
    )
    run = tm.train(spec)
    run.params["W"] = np.tile(np.eye(3, 6, dtype=np.float32), (2, 1, 1))
    path = tmp_path_factory.mktemp("run")
    tm.save_weights(path / "weights.safetensors", run)
    return path


def probe(folder, *flags):
    return main(["probe", str(folder), "--perturbation", "iso", *flags])


def test_a_linear_model_has_ellipses_and_the_numbers_are_kept(folder, tmp_path, capsys):
    flags = ("--bases", "6", "--radii", "12", "--reach", "2", "--json")
    assert probe(folder, *flags, "--out", str(tmp_path)) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((tmp_path / "probe-iso.json").read_text())
    assert [row["direction"] for row in told["rows"]] == ["feature", "isotropic"]
    for row in told["rows"]:
        assert row["p"]["median"] == pytest.approx(2, rel=0.01)
        assert row["p − p(isotropic)"]["median"] == pytest.approx(0, abs=0.02)
        assert row["no boundary within 2"]["median"] == 0
        assert row["radius"]["median"] == pytest.approx(1, rel=0.25)
    assert (tmp_path / "probe-iso.png").read_bytes().startswith(b"\x89PNG")


def test_what_has_no_boundary_is_counted_and_not_dropped(folder, tmp_path, capsys):
    # At the reach the response is just what its last quarter has as a median.
    flags = ("--bases", "4", "--radii", "12", "--threshold", "1.0", "--json")
    assert probe(folder, *flags, "--layer", "input", "--out", str(tmp_path)) == 0
    (feature, isotropic) = json.loads(capsys.readouterr().out)["rows"]
    assert 0 < feature["no boundary within 1"]["median"] < 1
    assert feature["p"]["median"] is not None and isotropic["radius"]["median"] > 0


def test_bases_without_a_plane_are_counted(folder, tmp_path, capsys):
    # A base with one active feature has one direction that takes it away.
    flags = ("--bases", "12", "--radii", "12", "--reach", "2", "--json")
    which = ("--directions", "feature_removed", "isotropic")
    out = ("--layer", "input", "--out", str(tmp_path))
    assert probe(folder, *flags, *which, *out) == 0
    removed, isotropic = json.loads(capsys.readouterr().out)["rows"]
    assert 0.1 < removed["no plane"]["median"] < 0.9
    assert isotropic["no plane"]["median"] == 0


def test_a_direction_without_any_plane_is_named(tmp_path, capsys):
    spec = tm.TrainSpec(
        model=tm.Autoencoder(n=6, d=3), features=tm.ExactlyK(n=6, k=1), steps=1
    )
    path = tm.save_weights(tmp_path / "one.safetensors", tm.train(spec))
    assert probe(path, "--bases", "4", "--directions", "feature_removed") == 2
    assert "directions: got 'feature_removed'" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["one.safetensors"]


def test_fewer_principal_components_than_a_plane_is_chosen_from(
    folder, tmp_path, capsys
):
    flags = ("--bases", "4", "--radii", "12", "--reach", "2", "--json")
    assert probe(folder, *flags, "--directions", "pca", "--out", str(tmp_path)) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row["no plane"]["median"] == 0 and row["p"]["median"] == pytest.approx(
        2, rel=0.01
    )


def test_a_layer_that_is_none_is_named_and_nothing_is_written(folder, tmp_path, capsys):
    assert probe(folder, "--layer", "h7", "--out", str(tmp_path)) == 2
    assert "h7" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_parallel_directions_span_no_plane():
    drawn = jnp.asarray([[[1.0, 0.0]] * 3, [[1.0, 0.0], [-1.0, 0.0], [0.6, 0.8]]])
    u, v = _plane(drawn)
    assert np.isnan(v[:, 0]).all()
    np.testing.assert_allclose(v[:, 1], [0, 1], atol=1e-6)
    np.testing.assert_allclose(u[:, 1], [1, 0])


def test_a_direction_that_does_not_exist_is_not_preferred():
    _, v = _plane(jnp.asarray([[[1.0, 0.0], [jnp.nan, jnp.nan], [0.6, 0.8]]]))
    np.testing.assert_allclose(v[:, 0], [0, 1], atol=1e-6)
