"""The runner, on a package of fake experiments that count how often they compute."""

import errno
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fakes import PACKAGE, SHARED
from PIL import Image
from rich.console import Console

from experiments import reproduce as reproduce_module
from experiments import trainer as trainer_module
from experiments.estimate import BUDGETS, DRAWING, Estimate, in_words
from experiments.imprint import ending, imprint, read_imprint
from experiments.output import Output, default_folder
from experiments.registry import find_experiments, select, sort_key
from experiments.reproduce import main, reproduce
from experiments.runner import Job, prepare
from experiments.source import code_hash
from experiments.trainer import Stopped, Trainer
from toymodels.config import SettingsError
from toymodels.disk import StoreError
from toymodels.features import IndependentFeatures
from toymodels.ledger import (
    README_BEGIN,
    README_END,
    read_ledger,
    table_in_readme,
)
from toymodels.models import Autoencoder
from toymodels.store import Store
from toymodels.training import TrainSpec, train

ROOT = Path(__file__).parents[1]


@pytest.fixture
def readme(fakes, monkeypatch):
    """The README of a repository of its own, to which the figures belong."""
    monkeypatch.setattr(
        reproduce_module,
        "Output",
        lambda *arguments: Output(*arguments, repository=fakes.root),
    )
    path = fakes.root / "README.md"
    path.write_text(f"{README_BEGIN}\n{README_END}\n")
    return path


def refuse(code):
    def function(*_, **__):
        raise OSError(code, os.strerror(code))

    return function


# finding experiments


def test_the_catalogue_is_in_order(fakes):
    fakes.write(10)
    fakes.write(2)
    fakes.write(3, id="TMS-1")
    fakes.write(4, id="FAKE-2b")
    ids = [e.id for e in fakes.catalogue()]
    assert ids == ["TMS-1", "FAKE-2", "FAKE-2b", "FAKE-10"]
    assert sorted(["TMS-10", "DD-1", "TMS-9"], key=sort_key) == [
        "TMS-9",
        "TMS-10",
        "DD-1",
    ]
    first = fakes.catalogue()[0]
    assert first.summary == "TMS-1: a fake experiment."
    assert first.title == "Fake [bold] TMS-1"


def test_finding_imports_nothing(fakes):
    fakes.write(1, compute="pass").write_text(
        'ID = "FAKE-1"\nTITLE = "t"\nraise RuntimeError\n'
    )
    assert [e.id for e in fakes.catalogue()] == ["FAKE-1"]


def test_a_module_may_serve_several_ids(fakes):
    path = fakes.write(1)
    path.write_text(path.read_text().replace('ID = "FAKE-1"', 'IDS = ("A-1", "B-2")'))
    fakes.write(2)
    catalogue = fakes.catalogue()
    assert [e.ids for e in catalogue] == [("A-1", "B-2"), ("FAKE-2",)]
    for name in ("A-1", "B-2", "b", "a"):
        assert [e.id for e in select([name], catalogue)] == ["A-1"]


def test_ids_and_families_select(fakes):
    for number in (1, 2):
        fakes.write(number)
    fakes.write(3, id="TMS-3")
    catalogue = fakes.catalogue()
    for wanted, chosen in {
        (): ["TMS-3", "FAKE-1", "FAKE-2"],
        ("fake",): ["FAKE-1", "FAKE-2"],
        ("FAKE-2", "fake-1", "FAKE-2"): ["FAKE-1", "FAKE-2"],
        ("TMS", "FAKE-1"): ["TMS-3", "FAKE-1"],
    }.items():
        assert [e.id for e in select(wanted, catalogue)] == chosen
    for wrong, near in {"FAKE_2": "FAKE-2", "TSM-3": "TMS-3", "?": ""}.items():
        with pytest.raises(SettingsError, match=f"experiment.*{near}"):
            select([wrong], catalogue)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('ID = "FAKE-1"', "", "no ID"),
        ('ID = "FAKE-1"', 'ID = "FAKE-" + str(1)', "plain text"),
        ('ID = "FAKE-1"', "ID = 1", "no ID"),
        ('TITLE = "Fake', 'NAME = "Fake', "no TITLE"),
        ("def plot(", "def plot(:", "line"),
        ('ID = "FAKE-1"', 'ID = "FAKE-2"', "an id other than that of number_1"),
    ],
)
def test_a_file_that_is_no_experiment_is_named(fakes, old, new, said):
    path = fakes.write(1)
    fakes.write(2)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(SettingsError, match=said) as caught:
        fakes.catalogue()
    assert "number_" in str(caught.value)


def test_the_real_experiments_can_be_listed():
    catalogue = find_experiments()
    assert "TMS-1" in [id for e in catalogue for id in e.ids]
    for experiment in catalogue:
        assert experiment.title.strip() and experiment.summary.strip()


# the code behind a result


@pytest.mark.parametrize(
    ("file", "old", "new", "same"),
    [
        ("number_1", "figure = new_figure", "# red\n    figure = new_figure", True),
        ("number_1", "return {", "figure.patch.set_alpha(1)\n    return {", True),
        ("number_1", "Numbers around 2.", "Numbers.", True),
        ("number_1", "import AtLeast, ", "import AtLeast, AtMost, ", True),
        ("number_1", "AtLeast(1)", "AtLeast(2)", True),
        ("number_1", "0.1 * rng", "0.2 * rng", False),
        ("number_1", '"smoke": 5', '"smoke": 6', False),
        ("_shared", "return 2 * x", "return 3 * x", False),
        ("_shared", "return 2 * x", "# two\n    return 2 * x", True),
        ("_shared", "return x", "return -x", True),
        ("_shared", "return 2 * x", "return helper(x)\n\ndef helper(x): ...", False),
    ],
)
def test_only_code_that_compute_reaches_counts(fakes, file, old, new, same):
    path = fakes.write(1)
    where = (path, f"{PACKAGE}.fam.number_1", ("compute", "Fake1"))
    before = code_hash(*where)
    edited = fakes.family / f"{file}.py"
    text = edited.read_text()
    assert old in text
    edited.write_text(text.replace(old, new))
    assert (code_hash(*where) == before) == same


def test_shared_modules_imported_whole_count_whole(fakes):
    path = fakes.write(1)
    path.write_text(
        path.read_text()
        .replace("fam._shared import doubled", "fam import _shared")
        .replace("doubled(", "_shared.doubled(")
    )
    where = (path, f"{PACKAGE}.fam.number_1", ("compute", "Fake1"))
    before = code_hash(*where)
    shared = fakes.family / "_shared.py"
    shared.write_text(SHARED.replace("return x", "return -x"))
    assert code_hash(*where) != before


# running


def test_a_run_leaves_figures_ledger_and_page(fakes):
    fakes.write(1)
    fakes.write(2)
    summary = fakes.run()
    assert summary.exit_code == 0
    assert list(fakes.files()) == [
        "FAKE-1_line.png",
        "FAKE-2_line.png",
        "claims.json",
        "index.html",
    ]
    ledger = read_ledger(fakes.out / "claims.json")
    assert [(c.id, c.verdict) for c in ledger] == [
        ("FAKE-1.a", "supported"),
        ("FAKE-2.a", "supported"),
    ]
    page = (fakes.out / "index.html").read_text()
    assert "It counts how often it computes." in page
    assert page.count("data:image/png") == 2
    for text in ("FAKE-1", "Fake [bold] FAKE-1", "supported", "2 of 2 experiments"):
        assert text in fakes.shown
    assert "All values exceed one." in fakes.shown
    assert ledger[0].measured is not None
    assert f"{ledger[0].measured:.3g} [" in fakes.shown


def test_a_second_run_computes_nothing_and_changes_no_byte(fakes):
    fakes.write(1)
    fakes.run()
    assert fakes.computed() == ["FAKE-1"]
    before = fakes.files()
    fakes.run()
    assert fakes.computed() == []
    assert fakes.files() == before
    assert "from the store" in fakes.shown


def test_seed_scale_and_fresh_compute_again(fakes):
    fakes.write(1)
    fakes.run()
    fakes.run(seed=1)
    fakes.run(scale="laptop")
    fakes.run(fresh=True)
    assert fakes.computed() == ["FAKE-1"] * 4
    fakes.run(seed=1)
    assert fakes.computed() == []


def test_another_generator_computes_again_elsewhere(fakes):
    fakes.write(1)
    fakes.run()
    fakes.run(generator="counter_hash")
    assert fakes.computed() == ["FAKE-1"] * 2
    job = Job(fakes.store, generator="counter_hash")
    assert str(default_folder(job.label)) == "figures-laptop-counter_hash"


def test_changed_settings_are_another_result(fakes):
    fakes.write(1)
    fakes.run()
    fakes.run(changes=["size=9"])
    assert fakes.computed() == ["FAKE-1"] * 2
    note = read_imprint((fakes.out / "FAKE-1_line.png").read_bytes())
    assert note["settings"]["size"] == 9 and note["scale"] == "smoke-changed"
    fakes.run()
    assert fakes.computed() == []
    summary = fakes.run(changes=["sise=9"])
    assert summary.exit_code == 2
    assert "try size" in fakes.shown


def test_changed_settings_never_reach_the_readme(fakes, readme):
    fakes.write(1)
    fakes.out = fakes.root / "figures"
    fakes.run(scale="laptop", changes=["size=9"])
    assert table_in_readme(readme).strip() == ""


def test_an_edited_plot_is_drawn_from_the_store(fakes):
    fakes.write(1)
    fakes.run()
    before = fakes.files()
    fakes.computed()
    fakes.write(1, plot="\n    figure.axes[0].set_title('red')")
    fakes.run(only_plot=True)
    assert fakes.computed() == []
    assert fakes.files()["FAKE-1_line.png"] != before["FAKE-1_line.png"]
    fakes.write(1, compute="settings.size")
    with pytest.raises(SettingsError, match="--only-plot.*FAKE-1"):
        fakes.run(only_plot=True)


def test_only_plot_says_what_is_missing_and_writes_nothing(fakes):
    for number in (1, 2, 3):
        fakes.write(number)
    fakes.run("FAKE-2")
    before = fakes.files()
    with pytest.raises(SettingsError, match="FAKE-1, FAKE-3.*without --only-plot"):
        fakes.run(only_plot=True)
    assert fakes.files() == before
    next(fakes.store.root.glob("*.npz")).write_bytes(b"")
    with pytest.raises(StoreError, match="damaged|truncated"):
        fakes.run("FAKE-2", only_plot=True)
    assert fakes.computed() == ["FAKE-2"]


def test_a_part_of_the_job_leaves_the_rest_as_it_was(fakes):
    for number in (1, 2):
        fakes.write(number)
    fakes.run()
    everything = fakes.files()
    fakes.run("FAKE-2", seed=5)
    files = fakes.files()
    assert files["FAKE-1_line.png"] == everything["FAKE-1_line.png"]
    assert [c.id for c in read_ledger(fakes.out / "claims.json")] == [
        "FAKE-1.a",
        "FAKE-2.a",
    ]
    page = files["index.html"].decode()
    assert page.count("data:image/png") == 2
    fakes.run("FAKE-2")
    assert fakes.files() == everything


def test_figures_no_longer_drawn_are_removed_and_others_kept(fakes):
    path = fakes.write(1)
    fakes.run()
    (fakes.out / "FAKE-1_notes.png").write_bytes(b"not ours")
    path.write_text(path.read_text().replace('{"line": figure}', "figure"))
    fakes.run()
    assert "FAKE-1_line.png" not in fakes.files()
    assert {"FAKE-1_number_1.png", "FAKE-1_notes.png"} <= set(fakes.files())


def test_claims_of_experiments_that_are_gone_leave_the_ledger(fakes):
    gone = fakes.write(1)
    fakes.write(2)
    fakes.run()
    gone.unlink()
    fakes.run()
    assert [c.id for c in read_ledger(fakes.out / "claims.json")] == ["FAKE-2.a"]


@pytest.mark.parametrize(
    "broken",
    [
        {"compute": "raise ValueError('no [luck]')"},
        {"plot": "\n    raise ValueError('no [luck]')"},
        {"claims": "raise ValueError('no [luck]')"},
    ],
)
def test_an_experiment_that_fails_does_not_stop_the_others(fakes, broken):
    fakes.write(1, **broken)
    fakes.write(2)
    summary = fakes.run()
    assert summary.exit_code == 1
    assert list(summary.failures) == ["FAKE-1"]
    assert "FAKE-2_line.png" in fakes.files()
    assert [c.id for c in read_ledger(fakes.out / "claims.json")] == ["FAKE-2.a"]
    last = fakes.shown.strip().splitlines()[-1]
    assert last.startswith("failed FAKE-1: ValueError: no [luck] (number_1.py:")
    assert "Traceback" in fakes.shown


def test_an_experiment_that_cannot_be_imported_is_listed(fakes):
    path = fakes.write(1)
    path.write_text(path.read_text().replace("import numpy", "import nompy"))
    path = fakes.write(2)
    path.write_text(path.read_text().replace("def plot", "def draw"))
    path = fakes.write(3)
    path.write_text(path.read_text().replace("def preset", "def default"))
    fakes.write(4)
    summary = fakes.run()
    assert summary.exit_code == 1
    assert list(summary.failures) == ["FAKE-1", "FAKE-2", "FAKE-3"]
    assert [o.prepared.experiment.id for o in summary.outcomes] == ["FAKE-4"]
    assert "ModuleNotFoundError" in fakes.shown
    assert "no plot" in fakes.shown
    assert "one settings class with a `preset`" in fakes.shown


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('experiment="FAKE-1"', 'experiment="TMS-1"', "an experiment of number_1.py"),
        ('id="FAKE-1.a"', 'id="FAKE-0.a"', "an id that no other claim has"),
        ('{"line": figure}', '{"a/b": figure}', "plain names"),
        ('{"line": figure}', '{"line": b"JFIF"}', "PNG or GIF"),
    ],
)
def test_what_an_experiment_must_not_return(fakes, old, new, said):
    fakes.write(0)
    path = fakes.write(1)
    path.write_text(path.read_text().replace(old, new))
    summary = fakes.run()
    assert list(summary.failures) == ["FAKE-1"]
    assert said in str(summary.failures["FAKE-1"])
    assert "Traceback" not in fakes.shown


def test_a_claim_that_is_not_supported_is_no_failure(fakes):
    path = fakes.write(1)
    path.write_text(path.read_text().replace("AtLeast(1)", "AtLeast(100)"))
    summary = fakes.run()
    assert summary.exit_code == 0
    assert [c.verdict for c in summary.claims] == ["not supported"]


def test_warnings_are_shown_once_and_stop_nothing(fakes):
    fakes.write(
        1, compute="import warnings\nfor _ in range(3): warnings.warn('odd [data]')"
    )
    assert fakes.run().exit_code == 0
    assert fakes.shown.count("warning: odd [data]") == 1


@pytest.mark.parametrize("name", ["npz", "json"])
def test_a_damaged_entry_is_named_and_computed_again(fakes, name):
    fakes.write(1)
    fakes.run()
    before = fakes.files()
    fakes.computed()
    next(fakes.store.root.glob(f"*.{name}")).write_bytes(b"{")
    assert fakes.run().exit_code == 0
    assert "is damaged" in fakes.shown
    assert "FAKE-1" in fakes.shown
    assert fakes.computed() == ["FAKE-1"]
    assert fakes.files() == before


# a disk that refuses, and bad input


@pytest.mark.parametrize("place", ["replace", "fsync"])
def test_a_full_disk_is_one_line_and_loses_nothing(fakes, monkeypatch, place):
    fakes.write(1)
    fakes.run()
    before = fakes.files()
    fakes.write(2)
    with monkeypatch.context() as patch:
        patch.setattr(os, place, refuse(errno.ENOSPC))
        for ids in ((), ("FAKE-2",)):  # a figure, then a result
            with pytest.raises(StoreError, match="the disk is full"):
                fakes.run(*ids)
    assert fakes.files() == before
    assert fakes.computed() == ["FAKE-1", "FAKE-2"]
    assert fakes.run().exit_code == 0
    assert fakes.computed() == ["FAKE-2"]


def test_a_folder_that_cannot_be_written_is_said_before_the_work(fakes):
    fakes.write(1)
    fakes.out.write_text("")
    with pytest.raises(StoreError, match="out: .*--out"):
        fakes.run()
    fakes.store = Store(fakes.out / "store")
    fakes.out = fakes.root / "elsewhere"
    with pytest.raises(StoreError, match="store: .*--store"):
        fakes.run()
    assert fakes.computed() == []


def test_a_damaged_ledger_is_said_before_the_work(fakes):
    fakes.write(1)
    fakes.out.mkdir()
    (fakes.out / "claims.json").write_text("[{")
    with pytest.raises(StoreError, match="claims.json.*not a ledger"):
        fakes.run()
    assert fakes.computed() == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["TMS-99"], "experiment: got 'TMS-99'"),
        (["TMS-1", "--scale", "huge"], "scale: got 'huge'"),
        (["TMS-1", "--scale", "laptob"], "try laptop"),
        (["TMS-1", "--seed", "-1"], "seed: got -1"),
        (["TMS-1", "--generator", "dice"], "generator: got 'dice'"),
        (["TMS-1", "--only-plot", "--fresh"], "--fresh"),
        (["TMS-1", "--only-plot", "--seed", "123456"], "without --only-plot"),
        (["TMS-1", "--out", "file/figures"], "not a directory"),
        (["TMS-1", "--store", "file/store"], "not a directory"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments, said, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOYMODELS_STORE", raising=False)
    (tmp_path / "file").write_text("")
    scale = [] if "--scale" in arguments else ["--scale", "smoke"]
    assert main([*arguments, *scale]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert said in shown.err
    assert len(shown.err.splitlines()) == 1
    # At most the folders it looked into, never a file.
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [tmp_path / "file"]


@pytest.mark.slow
def test_the_script_runs_without_an_installation(tmp_path):
    command = [sys.executable, str(ROOT / "experiments" / "reproduce.py")]
    done = subprocess.run(
        [*command, "NONE-1"],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("reproduce.py: experiment: got 'NONE-1'")


# training, stopping, going on


def spec(steps=600, **changes):
    given = {
        "model": Autoencoder(n=3, d=2),
        "features": IndependentFeatures(n=3, probability=0.5),
        "steps": steps,
        "batch": 8,
        "seeds": 2,
    }
    return TrainSpec(**{**given, **changes})


@pytest.fixture(scope="module")
def whole():
    return train(spec())


def same(a, b):
    for name, array in a.params.items():
        np.testing.assert_array_equal(array, b.params[name])
    np.testing.assert_array_equal(a.history.loss, b.history.loss)
    return True


def trainer(store, reports=None, **changes):
    def progress(done, total):
        if reports is not None:
            reports.append((done, total))

    return Trainer(store, progress, **{"stop": lambda: False, **changes})


def test_a_run_is_trained_once_and_read_from_the_store(tmp_path, whole, monkeypatch):
    store, reports = Store(tmp_path / "store"), []
    run = trainer(store, reports)(spec())
    assert same(run, whole)
    # From 0 through the chunks to the end, never back.
    assert reports[0] == (0, 600) and reports[-1] == (600, 600)
    assert len(reports) >= 4 and reports == sorted(reports)

    def forbidden(*_):
        raise AssertionError("it trained again")

    monkeypatch.setattr(trainer_module, "run_chunks", forbidden)
    again = trainer(store, reports := [])
    assert same(again(spec()), whole)
    assert same(again(spec()), whole)
    assert reports[-1] == (1200, 1200)
    with pytest.raises(AssertionError, match="trained again"):
        trainer(store, fresh=True)(spec())


def test_the_job_chooses_the_generator(tmp_path, whole):
    run = trainer(Store(tmp_path / "store"), generator="counter_hash")(spec())
    assert run.spec.generator == "counter_hash"
    assert not np.array_equal(run.params["W"], whole.params["W"])


def test_fresh_runs_are_trained_once_a_job(tmp_path, monkeypatch):
    store, trained = Store(tmp_path / "store"), []
    chunks = trainer_module.run_chunks

    def counted(spec, state):
        trained.append(1)
        return chunks(spec, state)

    monkeypatch.setattr(trainer_module, "run_chunks", counted)
    for job in range(2):
        renewed: set[str] = set()
        for _ in range(2):
            trainer(store, fresh=True, renewed=renewed)(spec())
        assert len(trained) == job + 1


def stop_after(chunks):
    """A wish to stop that comes after so many reports of progress."""
    asked = []

    def progress(done, total):
        asked.append(done)

    return progress, lambda: len(asked) > chunks


def test_a_stopped_training_goes_on_to_the_same_bits(tmp_path, whole):
    store = Store(tmp_path / "store")
    progress, stop = stop_after(2)
    with pytest.raises(Stopped):
        Trainer(store, progress, stop)(spec())
    assert list(store.manifests()) == []
    assert (store.root / "unfinished").exists()
    reports: list = []
    assert same(trainer(store, reports)(spec()), whole)
    # It did not begin again.
    assert reports[1][0] > 250
    assert not list((store.root / "unfinished").iterdir())


def test_a_long_training_keeps_checkpoints(tmp_path, whole, monkeypatch):
    store = Store(tmp_path / "store")
    monkeypatch.setattr(trainer_module, "CHECKPOINT_SECONDS", 0.0)

    class Killed(BaseException):
        pass

    def progress(done, total):
        if done >= 500:
            raise Killed

    with pytest.raises(Killed):
        Trainer(store, progress, lambda: False)(spec())
    reports: list = []
    assert same(trainer(store, reports)(spec()), whole)
    assert reports[1][0] == 500


def test_a_damaged_checkpoint_begins_again(tmp_path, whole):
    store = Store(tmp_path / "store")
    progress, stop = stop_after(2)
    with pytest.raises(Stopped):
        Trainer(store, progress, stop)(spec())
    for path in (store.root / "unfinished").rglob("*"):
        if path.is_file():
            path.write_bytes(b"")
    with pytest.warns(Warning, match="from the beginning|damaged"):
        assert same(trainer(store)(spec()), whole)


TRAINS = """
import os, signal
from toymodels.features import IndependentFeatures
from toymodels.models import Autoencoder
from toymodels.training import TrainSpec
spec = TrainSpec(
    model=Autoencoder(n=3, d=2),
    features=IndependentFeatures(n=3, probability=0.5),
    steps=600,
    batch=8,
    seeds=2,
)
if not os.path.exists({flag!r}):
    open({flag!r}, "w").close()
    os.kill(os.getpid(), signal.SIGINT)
train(spec)
"""


def test_ctrl_c_stops_calmly_and_the_next_call_goes_on(fakes):
    fakes.write(1)
    fakes.write(2, compute=TRAINS.format(flag=str(fakes.root / "flag")).strip())
    fakes.write(3)
    before = signal.getsignal(signal.SIGINT)
    summary = fakes.run()
    assert signal.getsignal(signal.SIGINT) is before
    assert summary.exit_code == 130
    assert summary.failures == {}
    assert fakes.computed() == ["FAKE-1", "FAKE-2"]
    assert "Stopping at the next safe place" in fakes.shown
    assert "Run the same command again" in fakes.shown
    assert str(fakes.store.root) in fakes.shown.replace("\n", "")
    # What was finished is written and drawn.
    assert [c.id for c in read_ledger(fakes.out / "claims.json")] == ["FAKE-1.a"]
    assert "FAKE-1_line.png" in fakes.files()
    assert fakes.run().exit_code == 0
    assert fakes.computed() == ["FAKE-2", "FAKE-3"]


def test_a_second_ctrl_c_stops_at_once(fakes):
    kill = "import os, signal\nfor _ in range(2): os.kill(os.getpid(), signal.SIGINT)"
    fakes.write(1, compute=kill + "\nraise ValueError")
    fakes.write(2)
    assert fakes.run().exit_code == 130
    assert fakes.computed() == ["FAKE-1"]


# figures that say what they show


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_an_imprint_leaves_the_picture_as_it_is(kind):
    note = {"experiment": "TMS-1", "title": "p → 0", "long": "x" * 1000}
    frames = [Image.new("RGB", (7, 5), colour) for colour in ("red", "blue")]
    buffer = io.BytesIO()
    more = {"save_all": True, "append_images": frames[1:]} if kind == "GIF" else {}
    frames[0].save(buffer, kind, **more)
    plain = buffer.getvalue()
    marked = imprint(plain, note)
    assert read_imprint(marked) == note
    assert read_imprint(plain) is None
    assert ending(marked) == f".{kind.lower()}"
    with Image.open(io.BytesIO(marked)) as image:
        image.verify()
    images = [Image.open(io.BytesIO(data)) for data in (plain, marked)]
    assert [getattr(image, "n_frames", 1) for image in images] == [len(more) or 1] * 2
    first, second = (np.asarray(image.convert("RGB")) for image in images)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"text"])
def test_no_imprint_is_read_from_other_bytes(data):
    assert read_imprint(data) is None


def test_a_figure_says_its_settings_and_key(fakes):
    fakes.write(1)
    fakes.run(seed=3)
    note = read_imprint((fakes.out / "FAKE-1_line.png").read_bytes())
    assert note["settings"] == {"type": "Fake1", "size": 5, "seed": 3}
    assert fakes.store.manifest(note["result"])["scale"] == "smoke"
    assert note["result"] in (fakes.out / "index.html").read_text()


# the README, and the time left


@pytest.mark.parametrize(
    ("scale", "folder", "updated"),
    [
        ("laptop", "figures", True),
        ("smoke", "figures", False),
        ("laptop", "elsewhere", False),
    ],
)
def test_the_readme_follows_the_repository_s_own_figures(
    fakes, readme, scale, folder, updated
):
    fakes.write(1)
    fakes.out = fakes.root / folder
    fakes.run(scale=scale)
    assert ("All values exceed one." in table_in_readme(readme)) == updated


def test_a_readme_without_a_place_is_said_before_the_work(fakes, readme):
    fakes.write(1)
    readme.write_text("# no markers\n")
    fakes.out = fakes.root / "figures"
    with pytest.raises(SettingsError, match="claims:begin"):
        fakes.run(scale="laptop")
    assert fakes.computed() == []


def test_the_estimate_learns_from_the_store_and_from_the_job(fakes):
    for number in (1, 2, 3):
        fakes.write(number)
    job = Job(fakes.store, scale="smoke")
    prepared = [prepare(e, job) for e in fakes.catalogue()]
    unknown = Estimate.of(prepared, fakes.store, fresh=False)
    assert unknown.left() == 3 * BUDGETS["smoke"]
    # The first took half as long as expected: so will the others.
    unknown.finished("FAKE-1", BUDGETS["smoke"] / 2)
    assert unknown.left() == pytest.approx(BUDGETS["smoke"])
    half = BUDGETS["smoke"] / 2
    assert unknown.left("FAKE-2", elapsed=half / 2) == pytest.approx(half * 1.5)
    assert unknown.left("FAKE-2", elapsed=100.0) == pytest.approx(half)
    late = unknown.left("FAKE-2", elapsed=100.0, share=0.8)
    assert late == pytest.approx(half + 25.0)

    fakes.run("FAKE-1")
    key = prepared[0].key
    path = fakes.store.root / f"{key}.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "seconds": 100.0, "steps": 7}))
    fresh = Estimate.of(prepared, fakes.store, fresh=True)
    assert fresh.seconds["FAKE-1"] == 100.0 + DRAWING
    assert fresh.steps == {"FAKE-1": 7}
    stored = Estimate.of(prepared, fakes.store, fresh=False)
    assert stored.seconds["FAKE-1"] == DRAWING


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "5 s"), (12, "10 s"), (89, "90 s"), (150, "2 min"), (7200, "2.0 h")],
)
def test_durations_are_as_precise_as_they_can_be(seconds, words):
    assert in_words(seconds) == words


def test_a_terminal_shows_the_experiment_its_steps_and_the_time_left(fakes):
    fakes.write(1, compute="train.progress(250, 1000)")
    console = Console(file=io.StringIO(), width=120, force_terminal=True)
    reproduce(
        scale="smoke",
        out=fakes.out,
        store=fakes.store.root,
        console=console,
        catalogue=fakes.catalogue(),
    )
    shown = console.file.getvalue()
    assert "FAKE-1" in shown
    assert "1 of 1" in shown
    assert "left" in shown
