"""`toymodels export`: the page of a run, what is in it, and what is refused."""

import ast
import dataclasses
import json
import runpy
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import toymodels as tm
from toymodels.cli import main
from toymodels.cli.history import HISTORY, load_history, save_history
from toymodels.explorer import Controls
from toymodels.explorer.spec_controls import controls_of
from toymodels.training.weights import WeightsError, weights_bytes

QUICK = ["--steps", "40", "--batch", "16"]


def train(folder, *flags):
    assert main(["train", "--out", str(folder), *QUICK, *flags]) == 0
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two settings, two seeds, four snapshots before the end."""
    folder = tmp_path_factory.mktemp("export") / "run"
    flags = ["--probability", "1", "0.1", "--seeds", "2", "--importance-decay", "0.9"]
    return train(folder, *flags, "--snapshots", "4")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return train(tmp_path_factory.mktemp("export") / "plain", "--probability", "0.1")


def page_data(path):
    text = path.read_text(encoding="utf-8")
    return json.loads(text.partition('id="saved">')[2].partition("</script>")[0])


def exported(folder, *flags):
    assert main(["export", str(folder), *flags, "--html"]) == 0
    return page_data(folder / "explorer.html")


def test_the_page_holds_the_run_its_snapshots_and_its_losses(trained):
    data = exported(trained, "--run-index", "3")
    spec, params, _ = tm.load_weights(trained / "weights.safetensors")
    run = tm.train(spec)
    assert [frame["step"] for frame in data["frames"]] == [0, 10, 20, 30, 40]
    np.testing.assert_allclose(data["frames"][-1]["W"], params["W"][3], atol=1e-5)
    for frame, W in zip(data["frames"], run.snapshots.params["W"][:, 3], strict=False):
        np.testing.assert_allclose(frame["W"], W, atol=1e-5)
    assert data["history"]["steps"] == run.history.step.tolist()
    np.testing.assert_allclose(
        data["history"]["losses"], run.history.loss[:, 3], rtol=1e-4
    )
    assert data["frames"][1]["loss"] == pytest.approx(run.history.loss[9, 3])
    controls = data["frames"][0]["controls"]
    assert (controls["sparsity"], controls["importance_decay"]) == (0.9, 0.9)
    assert "Run 3 of run" in data["about"] and data["status"] == "paused"


def test_the_best_seed_of_a_setting_is_taken(trained):
    losses = json.loads((trained / "run.json").read_text())["final_loss"]
    for member in (0, 1):
        best = min((member, member + 2), key=lambda run: losses[run])
        data = exported(trained, "--member", str(member))
        assert f"Run {best} of" in data["about"]
        assert data["frames"][-1]["loss"] == pytest.approx(losses[best])


def test_the_script_in_the_page_makes_the_same_weights(trained, tmp_path):
    data = exported(trained, "--run-index", "1")
    path = tmp_path / "run.py"
    path.write_text(data["script"])
    made = runpy.run_path(str(path))
    kept = tm.load_weights(trained / "weights.safetensors").params
    np.testing.assert_array_equal(made["W"], kept["W"][1])
    np.testing.assert_array_equal(made["b"], kept["b"][1])


@pytest.mark.parametrize(
    "name",
    ['say """x"""', r"C:\x\N{nothing}", "two\nlines = 1", "{braces}", "'\u2028\""],
)
def test_any_name_of_a_folder_makes_a_script(plain, tmp_path, name):
    folder = tmp_path / name
    shutil.copytree(plain, folder)
    script = exported(folder)["script"]
    # Its comment alone is another one than in any other folder.
    said, others = [], []
    for line in script.splitlines():
        (said if line.startswith("# The training's folder") else others).append(line)
    (comment,) = said
    assert ast.literal_eval(comment.partition(" is ")[2].removesuffix(".")) == name
    usual = exported(plain)["script"].splitlines()
    assert others == [one for one in usual if not one.startswith("# The training's")]
    compile(script, "run.py", "exec")


def test_without_snapshots_there_is_the_end_alone(plain):
    data = exported(plain)
    assert [frame["step"] for frame in data["frames"]] == [40]
    assert len(data["history"]["steps"]) == 40 and "last weights" in data["about"]


def test_weights_alone_are_enough(plain, tmp_path):
    path = tmp_path / "w.safetensors"
    shutil.copy(plain / "weights.safetensors", path)
    target = tmp_path / "deep" / "page.html"
    target.parent.mkdir()
    assert main(["export", str(path), "--html", str(target)]) == 0
    data = page_data(target)
    assert data["frames"][0]["loss"] is None and "history" not in data


def test_a_diverged_run_is_shown_as_such(plain, tmp_path):
    folder = tmp_path / "lost"
    shutil.copytree(plain, folder)
    spec, params, indices = tm.load_weights(folder / "weights.safetensors")
    lost = {name: np.full_like(value, np.nan) for name, value in params.items()}
    (folder / "weights.safetensors").write_bytes(weights_bytes(spec, lost, indices))
    data = exported(folder)
    assert data["status"] == "diverged"
    assert data["frames"][-1]["norms"] == [None] * 5


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--model.kind", "computation", "--n", "6"], "model: got 'ComputationModel'"),
        (["--values", "signed"], "features"),
        (["--kind", "exactly_k", "--k", "2"], "features"),
        (["--objective.kind", "mean"], "objective.kind"),
        (["--n", "120", "--d", "3"], "n: got 120"),
        (["--ratio", "0.5"], "features.probability"),
    ],
)
def test_what_the_page_cannot_show_is_refused(tmp_path, capsys, flags, words):
    folder = train(tmp_path / "other", *flags)
    capsys.readouterr()
    assert main(["export", str(folder), "--html"]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
    assert not (folder / "explorer.html").exists()


@pytest.mark.parametrize(
    "flags, words",
    [
        ([], "--html"),
        (["--html", "a", "b"], "one, or none"),
        (["--member", "2", "--html"], "member"),
        (["--run-index", "9", "--html"], "run_index"),
        (["--run-index", "0", "--member", "0", "--html"], "--run-index"),
        (["--html", "no/such/folder/page.html"], "folder"),
    ],
)
def test_flags_that_do_not_fit_are_refused(trained, capsys, flags, words):
    assert main(["export", str(trained), *flags]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


def test_no_run_is_said(tmp_path, capsys):
    assert main(["export", str(tmp_path), "--html"]) == 2
    assert "no such file" in capsys.readouterr().err


def test_a_history_of_another_training_is_refused(trained, plain, tmp_path, capsys):
    folder = tmp_path / "mixed"
    shutil.copytree(plain, folder)
    shutil.copy(trained / HISTORY, folder / HISTORY)
    assert main(["export", str(folder), "--html"]) == 2
    assert "another training" in capsys.readouterr().err
    (folder / HISTORY).write_bytes(b"no")
    spec = tm.load_weights(folder / "weights.safetensors").spec
    with pytest.raises(WeightsError, match="not a history"):
        load_history(folder, spec)


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays.pop("snapshot/W"),
        lambda arrays: arrays.pop("snapshot/b"),
        lambda arrays: arrays.update({"snapshot/W": arrays["snapshot/W"][..., :-1]}),
    ],
)
def test_snapshots_that_are_not_whole_are_refused(trained, tmp_path, capsys, change):
    folder = tmp_path / "cut"
    shutil.copytree(trained, folder)
    arrays = load_file(folder / HISTORY)
    change(arrays)
    save_file(
        {name: np.ascontiguousarray(value) for name, value in arrays.items()},
        folder / HISTORY,
    )
    assert main(["export", str(folder), "--html"]) == 2
    error = capsys.readouterr().err
    assert "snapshots of" in error and error.count("\n") == 1


def test_a_run_without_a_history_leaves_none_of_an_earlier_one(trained, tmp_path):
    folder = tmp_path / "again"
    shutil.copytree(trained, folder)
    run = tm.train(tm.load_weights(folder / "weights.safetensors").spec)
    none = {
        "history": dataclasses.replace(
            run.history, step=run.history.step[:0], loss=run.history.loss[:0]
        ),
        "snapshots": dataclasses.replace(
            run.snapshots, step=run.snapshots.step[:0], params={}
        ),
    }
    save_history(folder, dataclasses.replace(run, **none))
    assert not (folder / HISTORY).exists()
    save_history(folder, dataclasses.replace(run, **none))  # nothing to remove


@pytest.mark.parametrize(
    "controls",
    [
        Controls(n=6, d=3, groups="correlated", group_size=3, sparsity=0.8),
        Controls(n=4, d=2, groups="anticorrelated", activation="identity"),
        Controls(backdoor_size=2, backdoor_rate=0.1, seed=5, exponent=3.0),
        Controls(n=2, d=1, importance_decay=4.0, weight_decay=0.02, activation="gelu"),
    ],
)
def test_settings_are_those_of_the_explorer_again(controls):
    (found,) = controls_of(controls.spec(steps=10), [0])
    if controls.groups == "independent":
        assert found == controls
    else:
        expected = {**vars(controls), "sparsity": found.sparsity}
        assert vars(found) == expected
        assert found.sparsity == pytest.approx(controls.sparsity)


def test_another_planted_point_is_told_by_its_features():
    spec = Controls(backdoor_size=2, backdoor_rate=0.1).spec(steps=10)
    point = np.array([0.0, 0.25, 0.0, 1.0, 0.0])
    other = tm.RepeatedPoint(base=spec.features.base, point=point, rate=0.1)
    (found,) = controls_of(tm.TrainSpec(model=spec.model, features=other), [0])
    assert found.backdoor_point == "2:0.25 4:1.0"
    np.testing.assert_allclose(found.point(), point)


def test_a_planted_point_beyond_the_explorer_is_refused():
    spec = Controls(backdoor_size=2, backdoor_rate=0.1).spec(steps=10)
    other = tm.RepeatedPoint(base=spec.features.base, point=2 * np.eye(5)[0], rate=0.1)
    with pytest.raises(tm.SettingsError, match="point"):
        controls_of(tm.TrainSpec(model=spec.model, features=other), [0])
