"""`toymodels probe` with --perturbation sphere and readoff, from training to tables."""

import json

import pytest

import toymodels as tm
from toymodels.cli import main

FEW = ["--bases", "4", "--radii", "9"]


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
    assert main(["probe", str(run), "--perturbation", "readoff", "--json", *FEW]) == 0
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
