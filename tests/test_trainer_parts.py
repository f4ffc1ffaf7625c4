"""The trainer of divided sweeps in one process: kept, resumed, repaired, reported."""

import io
import shutil

import numpy as np
import pytest
from rich.console import Console

from experiments import trainer as trainer_module
from experiments.changes import changed, read_changes
from experiments.display import Display, parts_line
from experiments.estimate import Estimate
from experiments.parts import PartsProgress, PartsReport, keep
from experiments.trainer import Stopped, Trainer
from toymodels.config import SettingsError, settings
from toymodels.disk import StoreError
from toymodels.features import IndependentFeatures
from toymodels.models import Autoencoder
from toymodels.store import Store
from toymodels.training import (
    DivergedWarning,
    TrainSpec,
    join,
    part,
    parts_of,
    train,
)

PARTS = 4


def spec(**changes):
    given = {
        "model": Autoencoder(n=3, d=2),
        "features": IndependentFeatures(
            n=3, probability=np.linspace(0.1, 1, 8)[:, None]
        ),
        "steps": 600,
        "batch": 8,
        "seeds": 4,
    }
    return TrainSpec(**{**given, **changes})


def divide(spec):
    return parts_of(spec, 8)


@pytest.fixture(scope="module")
def whole():
    return join(spec(), [(b, train(part(spec(), b))) for b in divide(spec())])


def same(a, b):
    for name, array in a.params.items():
        np.testing.assert_array_equal(array, b.params[name])
    np.testing.assert_array_equal(a.history.loss, b.history.loss)
    np.testing.assert_array_equal(a.status_step, b.status_step)
    return a.spec == b.spec


@pytest.fixture
def trained(monkeypatch):
    """The specs that are trained, in their order."""
    specs, chunks = [], trainer_module.run_chunks

    def counted(spec, state):
        specs.append(spec)
        return chunks(spec, state)

    monkeypatch.setattr(trainer_module, "run_chunks", counted)
    return specs


def trainer(store, parts=lambda report: None, **changes):
    given = {"progress": lambda *_: None, "stop": lambda: False, "divide": divide}
    return Trainer(store, parts=parts, **{**given, **changes})


def stopped_after(store, parts):
    """A training that was stopped when so many parts were finished."""
    done = []
    with pytest.raises(Stopped):
        trainer(
            store,
            parts=lambda report: done.append(report.done),
            stop=lambda: done[-1:] == [parts],
        )(spec())


def finished(store):
    """Payloads of the finished parts, the newest last."""
    folder = next((store.root / "unfinished").glob("*/parts"))
    sizes = {p: p.stat().st_size for p in folder.glob("*.npz")}
    settings = min(sizes, key=sizes.__getitem__)  # has no arrays
    return sorted(set(sizes) - {settings}, key=lambda p: p.stat().st_mtime_ns)


def test_a_divided_training_is_that_of_its_parts(tmp_path, whole, trained):
    store = Store(tmp_path / "store")
    steps, reports = [], []
    train_it = trainer(
        store, reports.append, progress=lambda done, total: steps.append((done, total))
    )
    assert same(train_it(spec()), whole)
    assert [s.runs for s in trained] == [8] * PARTS
    assert steps[0] == (0, 600) and steps[-1] == (600, 600)
    assert steps == sorted(steps) and len(steps) > 2 * PARTS
    assert [r.done for r in reports] == [0, 1, 2, 3, 4]
    assert reports[0].rate is None and reports[-1].seconds_left == 0.0
    # The joined run alone is kept.
    assert len(list(store.manifests())) == 1
    assert list((store.root / "unfinished").iterdir()) == []
    assert same(trainer(store)(spec()), whole)
    assert len(trained) == PARTS


def test_few_runs_are_trained_as_ever(tmp_path, trained):
    reports = []
    small = spec(seeds=1, steps=5)
    trainer(Store(tmp_path), reports.append)(small)
    assert trained == [small] and reports == []


def test_equal_parts_are_trained_once_and_joined_all(tmp_path, trained):
    # Members 0 to 3 are those of 4 to 7, so of eight parts four are other parts.
    rates = np.tile(np.linspace(0.1, 1, 4), 2)[:, None]
    alike = spec(features=IndependentFeatures(n=3, probability=rates), steps=5)
    reports = []

    def halves(spec):
        return parts_of(spec, 4)

    run = trainer(Store(tmp_path), reports.append, divide=halves)(alike)
    assert len(halves(alike)) == 8 and len(trained) == 4
    assert [(r.done, r.total) for r in reports] == [(k, 4) for k in range(5)]
    blocks = [(b, train(part(alike, b))) for b in halves(alike)]
    assert same(run, join(alike, blocks))


def test_the_only_part_is_not_trained_again_without_the_cluster(tmp_path, trained):
    class Died(Exception):
        pass

    class Cluster:
        def train(self, parts, absent, **options):
            for key, block in absent.items():
                keep(parts.store, key, train(part(small, block)), 0.0)
            raise Died

    store, small = Store(tmp_path), spec(seeds=1, steps=5)
    with pytest.raises(Died):
        trainer(store, cluster=Cluster())(small)
    assert same(trainer(store)(small), train(small))
    assert trained == []
    assert list((store.root / "unfinished").iterdir()) == []


def test_a_stopped_sweep_trains_the_rest_alone(tmp_path, whole, trained):
    store = Store(tmp_path / "store")
    stopped_after(store, 2)
    assert len(trained) == 2 == len(finished(store))
    reports = []
    assert same(trainer(store, reports.append)(spec()), whole)
    assert len(set(trained)) == len(trained) == PARTS
    assert reports[0].done == 2


def test_a_part_that_was_stopped_goes_on_from_its_checkpoint(tmp_path, whole):
    store, asked = Store(tmp_path / "store"), []

    def stop():
        asked.append(1)
        return len(asked) > 7  # in the first chunk of the second part

    with pytest.raises(Stopped):
        trainer(store, stop=stop)(spec())
    checkpoints = list((store.root / "unfinished").glob("*/parts/unfinished/*/*"))
    assert any(path.name.isdigit() for path in checkpoints)
    assert same(trainer(store)(spec()), whole)
    assert list((store.root / "unfinished").iterdir()) == []


@pytest.mark.parametrize("damage", ["truncated", "altered", "missing"])
def test_a_damaged_part_is_named_and_trained_again(tmp_path, whole, trained, damage):
    store = Store(tmp_path / "store")
    stopped_after(store, 3)
    payload = finished(store)[0]
    data = payload.read_bytes()
    if damage == "missing":
        payload.unlink()
    else:
        payload.write_bytes(data[:-9] if damage == "truncated" else data[::-1])
    name = payload.name[:12]
    with pytest.warns(UserWarning, match=f"{name}.*part of.*damaged"):
        assert same(trainer(store)(spec()), whole)
    assert len(trained) == PARTS + 1
    assert trained.count(trained[0]) == 2


def test_settings_of_the_parts_may_be_damaged_too(tmp_path, whole):
    store = Store(tmp_path / "store")
    stopped_after(store, 1)
    folder = next((store.root / "unfinished").glob("*/parts"))
    min(folder.glob("*.npz"), key=lambda p: p.stat().st_size).write_bytes(b"")
    with pytest.warns(UserWarning, match="settings of all parts.*damaged"):
        assert same(trainer(store)(spec()), whole)


def test_fresh_trains_every_part_again(tmp_path, whole, trained):
    store = Store(tmp_path / "store")
    stopped_after(store, 3)
    assert same(trainer(store, fresh=True)(spec()), whole)
    assert len(trained) == 3 + PARTS


def test_a_part_lost_at_the_last_moment_is_said(tmp_path):
    store = Store(tmp_path / "store")

    def lose(report):
        if report.done == PARTS:
            finished(store)[0].write_bytes(b"")

    with pytest.raises(StoreError, match="truncated or was altered"):
        trainer(store, lose)(spec())
    with pytest.warns(UserWarning, match="damaged"):
        trainer(store)(spec())


def test_what_a_killed_client_leaves_is_cleared_away(tmp_path):
    store = Store(tmp_path / "store")
    stopped_after(store, 2)
    (left,) = (store.root / "unfinished").iterdir()
    shutil.copytree(left, tmp_path / "left")
    trainer(store)(spec())
    shutil.copytree(tmp_path / "left", left)
    trainer(store)(spec())
    assert list((store.root / "unfinished").iterdir()) == []


def test_divergence_is_said_once_for_all_parts(tmp_path):
    rates = np.full(8, 1e30)
    with pytest.warns(DivergedWarning, match="^32 of 32 runs") as caught:
        trainer(Store(tmp_path))(spec(learning_rate=rates, steps=20))
    assert len([w for w in caught if w.category is DivergedWarning]) == 1


# what is shown


def test_rate_and_time_left_are_of_this_process():
    progress = PartsProgress(total=10, done=4, model_steps=6_000.0, began=0.0)
    assert progress.report(0) == PartsReport(4, 10, None, None, None)
    report = progress.report(2, workers=3)
    assert (report.done, report.workers) == (6, 3)
    elapsed = 2_000 / report.rate
    assert report.seconds_left == pytest.approx(2 * elapsed)


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (PartsReport(0, 6_000, 0, None, None), "0 of 6,000 blocks, no worker yet"),
        (PartsReport(0, 8, None, None, None), "0 of 8 blocks"),
        (
            PartsReport(12, 96, 4, 1.2e6, 200.0),
            "12 of 96 blocks, 4 workers, 1.2e6 model-steps/s, about 3 min left",
        ),
        (PartsReport(1, 2, 1, 950.0, 3.0), "950 model-steps/s, about 5 s left"),
    ],
)
def test_blocks_workers_rate_and_time_left_are_said(report, words):
    assert words in parts_line(report)


@pytest.mark.parametrize("terminal", [True, False])
def test_the_display_shows_parts_in_a_terminal_and_in_a_log(terminal, monkeypatch):
    monkeypatch.setattr("experiments.display.LINE_SECONDS", 0.0)
    console = Console(file=io.StringIO(), width=120, force_terminal=terminal)
    with Display(console, 1, Estimate({}, {})) as display:
        display._bars.update(display._experiment, visible=True)
        display.steps(10, 100)
        display.parts(PartsReport(3, 10, 2, 1e5, 60.0))
        display.steps(20, 100)
        display._bars.refresh()
    shown = console.file.getvalue()
    assert "3 of 10 blocks, 2 workers, 1e5 model-steps/s, about 60 s left" in shown
    assert "training steps" not in shown or terminal


# settings changed on the command line


@settings
class Grid:
    """Of an experiment."""

    grid: int = 21
    rate: float = 0.1
    name: str = "plain"
    sizes: tuple[int, ...] = (1, 2)
    seed: int = 0
    scale: str = "laptop"


def test_settings_can_be_changed_by_name():
    changes = read_changes(["grid=1000", "rate=1", "name=other one", "sizes=(3,)"])
    assert changed(Grid(), changes) == Grid(
        grid=1000, rate=1, name="other one", sizes=(3,)
    )
    assert changed(Grid(), {}) == Grid()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("grid", "expected name=value"),
        ("seed=1", "no --seed"),
        ("=1", "expected name=value"),
        ("gird=1", "try grid"),
        ("grid=ten", "--set grid: got 'ten', expected a value of type int"),
        ("grid=1.5", "expected a value of type int"),
        ("grid=True", "expected a value of type int"),
        ("sizes=3", "expected a value of type tuple"),
        ("grid={[]:1}", "expected name=value"),
        ("grid={{}}", "expected name=value"),
        pytest.param(f"grid={'-' * 10**5}1", "expected name=value", id="nested"),
    ],
)
def test_a_change_that_does_not_fit_is_refused(text, said):
    with pytest.raises(SettingsError, match=said):
        changed(Grid(), read_changes([text]))
    with pytest.raises(SettingsError, match="once"):
        read_changes(["grid=1", "grid=2"])
