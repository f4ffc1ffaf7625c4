"""`toymodels detect`, from training to tables and a picture."""

import json

import numpy as np
import pytest

import toymodels as tm
from toymodels.cli import main

TRAIN = [
    *("train", "--n", "12", "--d", "4", "--probability", "0.1", "--steps", "300"),
    *("--batch", "64", "--seeds", "2", "--optimiser.learning-rate", "0.01"),
]
BACKDOOR = ["--backdoor-rate", "0", "0.05", "--backdoor-size", "4"]
FEW = ["--combine", "2", "3", "--samples", "40"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("detect") / "run"
    assert main([*TRAIN, *BACKDOOR, "--out", str(folder)]) == 0
    return folder


def test_train_sweeps_the_rate_of_one_backdoor(run):
    spec = tm.load_weights(run / "weights.safetensors").spec
    assert spec.members == 2 and spec.runs == 4
    np.testing.assert_allclose(spec.features.rate, [0, 0.05], rtol=1e-6)
    assert spec.features.members == 2 and spec.features.base.members is None
    assert (np.asarray(spec.features.point) != 0).sum() == 4


def test_tables_and_picture(run, capsys):
    detectors = ["--detectors", "norm", "random", "likelihood ratio"]
    capsys.readouterr()
    assert main(["detect", str(run), *detectors, *FEW]) == 0
    said = capsys.readouterr().out
    for word in ("AUROC", "average precision", "1 %", "without the point", "random ▼"):
        assert word in said
    assert "h +u" in said and "median of 2 models" in " ".join(said.split())
    picture = (run / "detect.png").read_bytes()
    assert picture.startswith(b"\x89PNG") and len(picture) > 30_000
    rows = json.loads((run / "detect.json").read_text())
    assert len(rows) == 9 and {row["negative"] for row in rows} == set("CFN")
    for row in rows:
        assert row["positive"] == ["B", "B'"] and row["models"] == 2
        assert row["reference"] == "trusted"
        for metric in ("auroc", "average_precision", "tpr"):
            assert 0 <= row[metric]["low"] <= row[metric]["median"] <= 1
        assert "auroc_minus_rate_0" in row


def test_json_into_a_folder_of_ones_own(run, tmp_path, capsys):
    flags = ["--json", "--detectors", "norm", "--scenarios", "N", "over-many", *FEW]
    flags += ["--reference", "contaminated", "--out", str(tmp_path / "out")]
    capsys.readouterr()
    assert main(["detect", str(run), *flags]) == 0
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "out" / "detect.json").read_text()
    rows = json.loads(printed)
    pairs = [("+".join(row["positive"]), row["negative"]) for row in rows]
    assert pairs == [("B+B'", "N"), ("B+B'", "over-many"), ("over-many", "N")]
    assert (tmp_path / "out" / "detect.png").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--detectors", "norn"], "detector: got 'norn'"),
        (["--scenarios", "Z"], "scenarios: got 'Z'"),
        (["--scenarios", "B"], "scenarios: got 'B'"),
        (["--combine", "2", "13"], "most: got '13 features'"),
        (["--combine", "3", "2"], "most: got 2"),
        (["--member", "0"], "member: got '0, which never saw the backdoor'"),
        (["--member", "2"], "member: got 2"),
        (["--reference", "clean"], "kind: got 'clean'"),
        (["--samples", "1"], "samples: got 1"),
        (["--out", "/proc/none"], "/proc/none"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input_is_one_line(run, flags, said, capsys):
    before = sorted(path.name for path in run.iterdir())
    capsys.readouterr()
    assert main(["detect", str(run), "--detectors", "norm", *flags]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert sorted(path.name for path in run.iterdir()) == before


def test_a_run_without_a_backdoor_says_what_to_train(tmp_path, capsys):
    features = tm.IndependentFeatures(n=5, probability=0.1)
    spec = tm.TrainSpec(
        model=tm.Autoencoder(n=5, d=2), features=features, steps=2, batch=4
    )
    path = tm.save_weights(tmp_path / "plain.safetensors", tm.train(spec))
    assert main(["detect", str(path)]) == 2
    error = capsys.readouterr().err
    assert "without a backdoor" in error and "--backdoor-rate 0 0.01" in error
    assert error.count("\n") == 1
    assert main(["detect", str(tmp_path / "absent")]) == 2


def test_several_rates_and_several_probabilities_are_refused(tmp_path, capsys):
    flags = ["--backdoor-rate", "0", "0.1", "--probability", "0.1", "0.2"]
    assert main(["train", "--out", str(tmp_path / "run"), *flags]) == 2
    assert "backdoor_rate: got '2 values'" in capsys.readouterr().err
