"""`toymodels probe` with --perturbation sphere and readoff, from training to tables."""

import json

import jax
import numpy as np
import pytest

import toymodels as tm
from toymodels.cli import main, probe_sphere
from toymodels.probes import Subject, real_bases
from toymodels.probes.real_bases import labelled_bases

FEW = ["--bases", "4"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folders of trained runs by number of dimensions."""
    folder = tmp_path_factory.mktemp("sphere")

    def run(n, d):
        place = folder / f"d{d}"
        if not place.exists():
            flags = ["--n", str(n), "--d", str(d), "--probability", "0.1"]
            steps = ["--steps", "60", "--batch", "32", "--seeds", "2"]
            assert main(["train", "--out", str(place), *flags, *steps]) == 0
        return place

    return run


@pytest.mark.parametrize(("n", "d"), [(4, 2), (8, 4)])
def test_a_sphere_has_a_row_for_each_radius_and_a_picture(trained, n, d, capsys):
    run = trained(n, d)
    capsys.readouterr()
    flags = ["--perturbation", "sphere", "--reach", "0.5", "--json"]
    assert main(["probe", str(run), *flags, *FEW]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["ρ, d̄"] for row in rows] == [0.05, 0.15, 0.5]
    for row in rows:
        assert 0 <= row["aligned"]["median"] <= 1 and row["maxima"]["median"] >= 0
    assert (run / "probe-sphere.png").read_bytes().startswith(b"\x89PNG")


def test_readoffs_of_own_and_of_all_outputs(trained, capsys):
    run = trained(4, 2)
    capsys.readouterr()
    flags = ["--perturbation", "readoff", "--radii", "9", "--json", *FEW]
    assert main(["probe", str(run), *flags]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["response"] for row in rows] == ["output i", "all outputs"]
    for row in rows:
        missing = row["no knee within 1"]["median"]
        assert missing == pytest.approx(1 - row["flat, then linear"]["median"])
    assert (run / "probe-readoff.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_asked_is_said_in_a_line(tmp_path, capsys):
    line = tmp_path / "line"
    flags = ["--n", "3", "--d", "1", "--steps", "5", "--batch", "8"]
    assert main(["train", "--out", str(line), *flags]) == 0
    capsys.readouterr()
    assert main(["probe", str(line), "--perturbation", "sphere", *FEW]) == 2
    assert "two or more" in capsys.readouterr().err
    wrong = ["--perturbation", "readoff", "--radii", "4"]
    assert main(["probe", str(line), *wrong]) == 2
    assert "radii: got 4" in capsys.readouterr().err
    assert not (line / "probe-sphere.json").exists()


def test_a_layer_without_known_features_is_refused(trained, capsys, monkeypatch):
    run = trained(4, 2)
    monkeypatch.setattr(tm.Autoencoder, "feature_directions", lambda *_: None)
    capsys.readouterr()
    for kind in ("sphere", "readoff"):
        assert main(["probe", str(run), "--perturbation", kind, *FEW]) == 2
        assert "known features" in capsys.readouterr().err


def test_bases_have_the_labels_of_their_samples():
    base = tm.ExactlyK(n=6, k=2, values="boolean")
    features = tm.NoisyFeatures(base=base, scale=0.3)
    spec = tm.TrainSpec(model=tm.Autoencoder(n=6, d=2), features=features, steps=1)
    params = {name: value[0] for name, value in tm.train(spec).params.items()}
    subject = Subject(spec.model, jax.tree.map(jax.numpy.asarray, params), "hidden")
    drawn = labelled_bases(subject, features, jax.random.key(0), bases=9)
    active = np.asarray(drawn.active)
    assert active.shape == (6, 9) and (active.sum(axis=0) == 2).all()
    assert ((np.asarray(drawn.x) > 0) != active).any()
    assert np.asarray(drawn.x)[active].mean() == pytest.approx(1, abs=0.3)
    x, unit = real_bases(subject, features, jax.random.key(0), bases=9)
    np.testing.assert_array_equal(x, drawn.x)
    assert unit == drawn.unit and drawn.real.shape == (2, 64)


@pytest.mark.parametrize(("n", "d"), [(4, 2), (6, 4)])
def test_noise_switches_no_feature_on(tmp_path, monkeypatch, n, d):
    spec = tm.TrainSpec(
        model=tm.Autoencoder(n=n, d=d),
        features=tm.NoisyFeatures(base=tm.ExactlyK(n=n, k=1), scale=0.1),
        steps=5,
    )
    path = tm.save_weights(tmp_path / "noisy.safetensors", tm.train(spec))
    seen, numbers = [], probe_sphere._numbers

    def spy(spikes, active, random):
        seen.append(active)
        return numbers(spikes, active, random)

    monkeypatch.setattr(probe_sphere, "_numbers", spy)
    assert main(["probe", str(path), "--perturbation", "sphere", *FEW]) == 0
    assert [active.sum(axis=0).tolist() for active in seen] == [[1] * 4]
