"""Weights and checkpoints on disk: round trips, foreign and damaged files."""

import errno

import numpy as np
import pytest
from safetensors.numpy import save_file

import toymodels as tm
from toymodels.disk import StoreError
from toymodels.training import (
    CheckpointError,
    DamagedCheckpointWarning,
    WeightsError,
    checkpointed_chunks,
    load_weights,
    save_weights,
)


def spec_of(**changes):
    values = {
        "model": tm.Autoencoder(n=5, d=2),
        "features": tm.IndependentFeatures(n=5, probability=[[0.5], [0.2]]),
        "seeds": 2,
        "steps": 40,
        "batch": 16,
    }
    return tm.TrainSpec(**values | changes)


@pytest.fixture(scope="module")
def run():
    return tm.train(spec_of())


def test_run_round_trips_through_a_result(run):
    again = tm.Run.from_result(run.to_result())
    assert again.spec == run.spec
    for name, value in run.params.items():
        np.testing.assert_array_equal(again.params[name], value)
    np.testing.assert_array_equal(again.history.loss, run.history.loss)
    np.testing.assert_array_equal(again.status, run.status)


def test_weights_round_trip_with_their_settings(run, tmp_path):
    path = save_weights(tmp_path / "run.safetensors", run)
    spec, params, indices = load_weights(path)
    assert spec == run.spec and indices.tolist() == [0, 1, 2, 3]
    for name, value in run.params.items():
        np.testing.assert_array_equal(params[name], value)
    assert [p.name for p in tmp_path.iterdir()] == ["run.safetensors"]


def test_a_selection_of_runs_can_be_saved(run, tmp_path):
    path = save_weights(tmp_path / "best.safetensors", run.best())
    assert load_weights(path).params["W"].shape == (2, 2, 5)


def test_weights_that_cannot_be_used_are_refused(run, tmp_path):
    with pytest.raises(WeightsError, match="no such file"):
        load_weights(tmp_path / "absent.safetensors")
    foreign = tmp_path / "foreign.safetensors"
    save_file({"W": np.zeros((2, 5))}, foreign)
    with pytest.raises(WeightsError, match="its format is None"):
        load_weights(foreign)
    text = tmp_path / "text.safetensors"
    text.write_text("not weights")
    with pytest.raises(WeightsError, match="not a safetensors file"):
        load_weights(text)
    path = save_weights(tmp_path / "cut.safetensors", run)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(WeightsError, match="not a safetensors file"):
        load_weights(path)


def test_weights_of_other_shapes_are_refused(run, tmp_path):
    import dataclasses

    wrong = dataclasses.replace(run, params=run.params | {"W": run.params["W"][:, :1]})
    path = save_weights(tmp_path / "wrong.safetensors", wrong)
    with pytest.raises(WeightsError, match=r"W has shape \(4, 1, 5\)"):
        load_weights(path)


def test_a_full_disk_loses_no_weights(run, tmp_path, monkeypatch):
    path = save_weights(tmp_path / "run.safetensors", run)
    before = path.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(StoreError, match="the disk is full"):
        save_weights(path, run)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["run.safetensors"]


def interrupted(spec, folder, chunks):
    training = checkpointed_chunks(spec, folder, chunk=10, every_seconds=0.0)
    for _ in range(chunks):
        next(training)
    training.close()


def data_files(folder, step):
    return [p for p in (folder / str(step)).rglob("*") if p.is_file()]


def test_a_damaged_checkpoint_is_named_and_the_one_before_used(tmp_path):
    spec = spec_of()
    interrupted(spec, tmp_path, 3)
    for path in data_files(tmp_path, 30):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.warns(DamagedCheckpointWarning, match="30 is damaged"):
        steps = [r.step for r in checkpointed_chunks(spec, tmp_path, chunk=10)]
    assert steps == [30, 40]


def test_only_damaged_checkpoints_are_an_error(tmp_path):
    spec = spec_of()
    interrupted(spec, tmp_path, 1)
    for path in data_files(tmp_path, 10):
        path.write_bytes(b"")
    for _ in range(2):  # nothing is removed, so it is said again
        with (
            pytest.warns(DamagedCheckpointWarning),
            pytest.raises(CheckpointError, match="none of its 1 checkpoints can"),
        ):
            list(checkpointed_chunks(spec, tmp_path))


def test_a_checkpoint_of_other_settings_is_refused_and_kept(tmp_path):
    interrupted(spec_of(), tmp_path, 1)
    with pytest.raises(
        tm.SettingsError, match="checkpoint: got 'settings [0-9a-f]{12} in"
    ):
        list(checkpointed_chunks(spec_of(seed=1), tmp_path))
    resumed = [r.step for r in checkpointed_chunks(spec_of(), tmp_path, chunk=10)]
    assert resumed[0] == 20


def test_checkpoints_need_a_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot be written"):
        list(checkpointed_chunks(spec_of(), tmp_path / "file"))


def test_a_selection_remembers_which_runs_it_holds(run, tmp_path):
    path = save_weights(tmp_path / "some.safetensors", run.select([3, 0]))
    weights = load_weights(path)
    assert weights.indices.tolist() == [3, 0]
    np.testing.assert_array_equal(weights.params["W"], run.params["W"][[3, 0]])
    again = tm.Run.from_result(run.select([3, 0]).to_result())
    assert again.select([1]).indices.tolist() == [0]


def test_checkpoints_whose_settings_are_lost_are_not_continued(tmp_path):
    spec = spec_of()
    interrupted(spec, tmp_path, 2)
    (tmp_path / "settings.json").write_text('{"hash"')
    with pytest.raises(CheckpointError, match="nobody knows whose"):
        list(checkpointed_chunks(spec, tmp_path))
    assert (tmp_path / "20").exists()


def test_a_full_disk_during_a_checkpoint_is_said(tmp_path, monkeypatch):
    import orbax.checkpoint as ocp

    def full(*_, **__):
        raise ValueError("RESOURCE_EXHAUSTED: write failed: No space left on device")

    monkeypatch.setattr(ocp.CheckpointManager, "save", full)
    training = checkpointed_chunks(spec_of(), tmp_path, chunk=10, every_seconds=0.0)
    with pytest.raises(CheckpointError, match="the disk is full; try freeing"):
        list(training)
