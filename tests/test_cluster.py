"""A sweep on Dask workers that are killed: nothing lost, nothing trained twice.

A client process trains a small phase diagram with two local workers. Every worker
writes into a journal when it begins a part and when the part is in the store.
"""

import contextlib
import json
import os
import pickle
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from experiments import cluster as cluster_module
from experiments import parts as parts_module
from experiments.cluster import Cluster, connected, train_part
from experiments.parts import Parts
from toymodels.cli import main
from toymodels.config import SettingsError
from toymodels.disk import StoreError
from toymodels.features import IndependentFeatures
from toymodels.models import Autoencoder
from toymodels.training import TrainSpec, parts_of

pytest.importorskip("distributed", reason="needs the extra `cluster`")

ROOT = Path(__file__).parents[1]
PARTS = 10

CLIENT = """
import sys


def main(store, workers, scheduler):
    # Here, so that the workers, which import this file too, start quickly.
    import hashlib
    from pathlib import Path

    from experiments.cluster import connected
    from experiments.reproduce import INTERRUPTED
    from experiments.tms._phase_grid import PhaseGrid, train_cells
    from experiments.trainer import Stopped, Trainer
    from toymodels.disk import StoreError
    from toymodels.interrupt import calm_interrupt
    from toymodels.store import Store
    from toymodels.training import parts_of

    grid = PhaseGrid(n=2, d=1, grid=4, groups=1, restarts=10, steps=300, batch=64)

    def divide(spec):
        return parts_of(spec, 16)

    def say(report):
        print(report.done, report.total, report.workers, flush=True)

    trains = connected(int(workers), scheduler or None)
    try:
        with trains as cluster, calm_interrupt(print) as stop:
            train = Trainer(
                Store(Path(store)), lambda *_: None, stop,
                cluster=cluster, parts=say, divide=divide,
            )
            arrays = train_cells(grid, train)
    except (Stopped, KeyboardInterrupt):
        return INTERRUPTED
    except StoreError as error:
        print(error, file=sys.stderr)
        return 2
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(arrays[name].tobytes())
    print("digest", digest.hexdigest(), flush=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
"""

# Loaded by Dask in every worker before its first task.
JOURNAL = """
import os
import signal
import time

import experiments.cluster as cluster


def note(event, key):
    # Appending so few bytes is atomic, and written before anything else happens.
    file = os.open({path!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{{event}} {{key}} {{os.getpid()}}\\n".encode())
    os.close(file)


def trains(task):
    def train_part(store, settings, key, block, *rest):
        absent = store.load(key) is None
        if absent:
            note("begin", key)
            time.sleep({pause})
        done = task(store, settings, key, block, *rest)
        note("end" if absent else "found", key)
        return done

    return train_part


if {interrupt}:  # as a terminal does, while this worker is coming to life
    os.killpg(0, signal.SIGINT)
if cluster._train_part.__name__ != "train_part":  # Dask may load it twice
    cluster._train_part = trains(cluster._train_part)
"""


class Sweep:
    """The client, its store and the journal of its workers."""

    def __init__(self, root, pause=0.2, interrupt=False):
        self.store = root / "store"
        self.journal = root / "journal.txt"
        self.script = root / "client.py"
        self.script.write_text(CLIENT)
        self.preload = root / "journal_of_a_worker.py"
        values = {"path": str(self.journal), "pause": pause, "interrupt": interrupt}
        self.preload.write_text(JOURNAL.format(**values))
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DASK_DISTRIBUTED__WORKER__PRELOAD": str(self.preload),
            "JAX_ENABLE_COMPILATION_CACHE": "true",
            "JAX_COMPILATION_CACHE_DIR": str(root / "compiled"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        }

    def start(self, workers=2, scheduler="", store=None):
        command = [sys.executable, self.script, store or self.store, workers, scheduler]
        return subprocess.Popen(
            [str(word) for word in command],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def events(self):
        """(event, key, process) of every line so far."""
        if not self.journal.exists():
            return []
        lines = self.journal.read_text().splitlines()
        return [(e, key, int(pid)) for e, key, pid in map(str.split, lines)]

    def wait(self, event, count, process):
        """The process that wrote the so-maniest event of a kind."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            found = [pid for e, _, pid in self.events() if e == event]
            if len(found) >= count:
                return found[count - 1]
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        raise AssertionError(f"only {len(found)} times {event}")


def digest_of(process):
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert err == ""
    return out.split()[-1]


def begun_after_the_end(events):
    """Parts that were trained once more although they were finished."""
    ended, again = set(), []
    for event, key, _ in events:
        if event == "begin" and key in ended:
            again.append(key)
        if event == "end":
            ended.add(key)
    return again


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """Digest of the same sweep in one process, uninterrupted."""
    return digest_of(Sweep(tmp_path_factory.mktemp("reference")).start(workers=0))


@pytest.mark.slow
def test_killed_workers_and_a_killed_client_change_no_bit(tmp_path, reference):
    sweep, rng = Sweep(tmp_path), random.Random(0)
    client = sweep.start()
    # The workers that begin these parts, counted over all of them, die at once.
    for count in sorted(rng.sample(range(1, 6), 3)):
        with contextlib.suppress(ProcessLookupError):  # it began two and died of one
            os.kill(sweep.wait("begin", count, client), signal.SIGKILL)
    sweep.wait("end", 4, client)
    client.kill()
    client.communicate()
    before = sweep.events()
    ended = {key for event, key, _ in before if event == "end"}
    assert 4 <= len(ended) < PARTS
    kept = {p.name.split(".")[0] for p in sweep.store.rglob("*.json")}
    assert ended <= kept, "a finished part was lost"

    assert digest_of(sweep.start()) == reference
    events = sweep.events()
    assert begun_after_the_end(events) == []
    begun = {key for event, key, _ in events if event == "begin"}
    # Ten parts, and the linear control, which is one.
    assert len(begun) == PARTS + 1
    killed = len([1 for event, _, _ in events if event == "begin"]) - len(begun)
    assert killed >= 2, "nobody died"
    assert list((sweep.store / "unfinished").iterdir()) == []


@pytest.mark.slow
def test_a_scheduler_that_dies_is_one_line_and_nothing_is_lost(tmp_path, reference):
    sweep = Sweep(tmp_path, pause=0.5)
    address = tmp_path / "scheduler.json"
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    scheduler = subprocess.Popen(
        [*dask, "--scheduler-file", address, "--no-dashboard", "--port", "0"]
        + ["--host", "127.0.0.1"],
        stderr=subprocess.DEVNULL,
        env=sweep.environment,
    )
    dask = [sys.executable, "-m", "distributed.cli.dask_worker"]
    worker = subprocess.Popen(
        [*dask, "--scheduler-file", address, "--nthreads", "1", "--no-dashboard"]
        + ["--no-nanny", "--death-timeout", "60"],
        stderr=subprocess.DEVNULL,
        env=sweep.environment,
    )
    try:
        deadline = time.monotonic() + 60
        while not address.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        client = sweep.start(0, json.loads(address.read_text())["address"])
        sweep.wait("end", 2, client)
        scheduler.kill()
        died = time.monotonic()
        _, err = client.communicate(timeout=120)
        assert time.monotonic() - died < 60
        assert client.returncode == 2, err
        assert "the scheduler went away; finished parts are kept" in err
        assert err.count("\n") == 1
    finally:
        for process in (scheduler, worker):
            process.kill()
            process.wait()
    ended = [key for event, key, _ in sweep.events() if event == "end"]
    again = sweep.start(workers=0)
    assert digest_of(again) == reference
    assert len(ended) >= 2


@pytest.mark.slow
def test_ctrl_c_stops_the_workers_and_the_same_command_goes_on(tmp_path, reference):
    sweep = Sweep(tmp_path)
    client = sweep.start()
    sweep.wait("end", 2, client)
    client.send_signal(signal.SIGINT)
    out, err = client.communicate(timeout=120)
    assert client.returncode == 130, err
    assert "Stopping at the next safe place" in out
    workers = {pid for _, _, pid in sweep.events()}
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
    assert digest_of(sweep.start(workers=1)) == reference
    assert begun_after_the_end(sweep.events()) == []


def group_of(process):
    """Processes of its process group that are alive, and stay so for a while."""
    deadline = time.monotonic() + 10
    while (alive := alive_in(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return alive


def alive_in(process_group):
    alive = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, group = stat.read_text().rpartition(")")[2].split()[:3]
            alive += [stat.parent.name] * (int(group) == process_group and state != "Z")
    return alive


def interrupted(client):
    """What a client leaves that was interrupted together with its workers."""
    try:
        out, err = client.communicate(timeout=60)
        alive = group_of(client)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(client.pid, signal.SIGKILL)
    assert client.returncode == 130, err
    assert err == "" and alive == []
    return out


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups")
@pytest.mark.slow
def test_ctrl_c_in_a_terminal_reaches_the_workers_and_they_do_not_mind(tmp_path):
    sweep = Sweep(tmp_path)
    client = sweep.start()
    sweep.wait("end", 2, client)
    os.killpg(client.pid, signal.SIGINT)
    assert "Stopping at the next safe place" in interrupted(client)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups")
def test_ctrl_c_in_a_terminal_while_the_workers_start(tmp_path):
    client = Sweep(tmp_path, interrupt=True).start()
    interrupted(client)


class Outcome:
    """A future of Dask whose finished part was lost with its worker, for a while."""

    def __init__(self, *found):
        self.found = list(found)  # at each look: a status, or what fetching raises
        self.status = "finished"

    def result(self, timeout):
        match self.found.pop(0):
            case str() as status:
                self.status = status
                raise TimeoutError
            case outcome:
                return outcome


class Client:
    """Of Dask, with one future; its scheduler answers."""

    def __init__(self, future):
        self.future = future
        self.names = []
        self.cancelled = []

    def submit(self, *task, key, **options):
        self.names.append(key)
        return self.future

    def nthreads(self):
        return {"worker": 1}

    def cancel(self, futures):
        self.cancelled += futures


@pytest.fixture
def yielded(monkeypatch):
    """`as_completed` without a scheduler: what was yielded or given back."""
    seen = []

    class Completed:
        def __init__(self, futures):
            self.queue = list(futures)

        def next_batch(self, block):
            batch, self.queue = self.queue, []
            seen.extend(batch)
            return batch

        def add(self, future):
            self.queue.append(future)

    monkeypatch.setattr("distributed.as_completed", Completed)
    return seen


@pytest.mark.parametrize("status", ["finished", "pending"])
def test_an_outcome_that_dies_with_its_worker_is_waited_for(parts, yielded, status):
    future = Outcome(status, {"trained": True})
    cluster = Cluster(Client(future), "here")

    def report(done, workers):
        if len(yielded) == 3:
            future.status = "finished"  # trained by another worker

    key, block = next(iter(parts.keys.items()))
    given = {"report": report, "stop": lambda: len(yielded) > 9}
    assert cluster.train(parts, {key: block}, **given)
    assert 2 <= len(yielded) <= 4
    assert future.found == []


def test_a_wish_to_stop_is_heard_while_outcomes_are_lost(parts, yielded):
    client = Client(Outcome("lost"))
    given = {"report": lambda *_: None, "stop": lambda: len(yielded) > 2}
    assert not Cluster(client, "here").train(parts, dict(parts.keys), **given)
    assert client.cancelled


def test_two_stores_on_one_scheduler_have_tasks_of_their_own(tmp_path, yielded):
    names = []
    for store in ("one", "other"):
        parts = Parts(tmp_path / store, spec(), "whole", parts_of(spec(), 1))
        client = Client(Outcome(*[{"trained": True}] * 2))
        given = {"report": lambda *_: None, "stop": lambda: False}
        assert Cluster(client, "here").train(parts, parts.keys, **given)
        names += client.names
    assert len(set(names)) == 4
    assert {name.rpartition("-")[2] for name in names} == set(parts.keys)


# what is refused


def spec():
    return TrainSpec(
        model=Autoencoder(n=3, d=2),
        features=IndependentFeatures(n=3, probability=0.5),
        steps=2,
        batch=4,
        seeds=2,
    )


@pytest.fixture
def parts(tmp_path):
    return Parts(tmp_path / "parts", spec(), "whole", parts_of(spec(), 1))


def test_a_task_trains_what_is_absent_and_only_that(parts):
    for key, block in parts.keys.items():
        task = (str(parts.store.root), parts.settings_key, key, block)
        assert train_part(*task)["trained"] is True
        assert train_part(*task)["trained"] is False
    assert parts.absent() == {}
    payload = next(parts.store.root.glob(f"{key}.*.npz"))
    payload.write_bytes(payload.read_bytes()[:-7])
    assert train_part(*task)["trained"] is True
    assert parts.joined().runs == 2


def test_a_worker_of_another_version_is_refused(parts):
    block = parts.blocks[0]
    task = (str(parts.store.root), parts.settings_key, "0" * 64, block)
    assert "other code, versions or devices" in train_part(*task)["refused"]


def test_a_store_that_is_not_shared_is_refused(parts, tmp_path, monkeypatch):
    monkeypatch.setattr(parts_module, "VISIBLE_SECONDS", 0.0)
    elsewhere = str(tmp_path / "elsewhere")
    ((key, block), *_) = parts.keys.items()
    refused = train_part(elsewhere, parts.settings_key, key, block)["refused"]
    assert "a worker does not find it; try a store on a shared file system" in refused
    assert not Path(elsewhere).exists()


def test_a_part_that_needs_more_than_the_share_of_a_worker_is_refused(parts, yielded):
    ((key, block), *_) = parts.keys.items()
    task = (str(parts.store.root), parts.settings_key, key, block)
    refused = pickle.loads(pickle.dumps(train_part(*task, 2**10)))
    assert refused["refused"].startswith("memory: got")
    assert parts.store.load(key) is None
    # Not a StoreError, which would end the job: other experiments may fit.
    given = {"report": lambda *_: None, "stop": lambda: False}
    with pytest.raises(SettingsError) as error:
        Cluster(Client(Outcome(refused)), "here").train(parts, {key: block}, **given)
    assert str(error.value) == refused["refused"]
    with pytest.raises(StoreError, match="another version"):
        other = Client(Outcome({"refused": "another version"}))
        Cluster(other, "here").train(parts, {key: block}, **given)
    assert train_part(*task, 2**40)["trained"]


def test_local_workers_share_the_memory(parts, yielded, monkeypatch):
    given = {"report": lambda *_: None, "stop": lambda: False}

    class Local:
        def close(self, timeout):
            pass

    class Connected(Client):
        tasks = []

        def __init__(self, local):
            super().__init__(Outcome({}, {}))

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def register_plugin(self, plugin):
            pass

        def submit(self, *task, **options):
            self.tasks.append(task)
            return self.future

    monkeypatch.setattr("distributed.Client", Connected)
    monkeypatch.setattr(cluster_module, "_local", lambda workers: Local())
    monkeypatch.setattr(cluster_module, "available_bytes", lambda: 9_000)
    with connected(workers=3) as cluster:
        assert cluster.train(parts, parts.keys, **given)
    assert [task[-1] for task in Connected.tasks] == [3_000] * 2


def test_a_scheduler_that_cannot_be_reached_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cluster_module, "CONNECT_SECONDS", 1.0)
    monkeypatch.setenv("TOYMODELS_STORE", str(tmp_path / "store"))
    command = ["reproduce", "TMS-11", "--scale", "smoke", "--out", str(tmp_path / "o")]
    for address in ("tcp://127.0.0.1:9", "nowhere", "tcp://:x"):
        start = time.monotonic()
        assert main([*command, "--scheduler", address]) == 2
        assert time.monotonic() - start < 20
        error = capsys.readouterr().err
        assert error.startswith(f"toymodels: --scheduler: got '{address}', expected")
        assert error.count("\n") == 1
    assert not any(p.is_file() for p in tmp_path.rglob("*"))


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--workers", "2", "--scheduler", "tcp://a:1"], "one of the two"),
        (["--workers", "-1"], "--workers: got -1"),
        (["--workers", "1025"], "expected a whole number ≤ 1024"),
        (["--workers", "-1", "--only-plot"], "--workers: got -1"),
    ],
)
def test_contradictory_flags_are_one_line(flags, said, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TOYMODELS_STORE", str(tmp_path / "store"))
    command = ["reproduce", "TMS-11", "--scale", "smoke", "--out", str(tmp_path / "o")]
    assert main([*command, *flags]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


@pytest.mark.parametrize("options", [{"workers": 1}, {"scheduler": "tcp://a:1"}])
def test_without_dask_the_extra_is_named(options, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SettingsError, match=r"pip install 'toymodels\[cluster\]'"):
        with connected(**options):
            pass


def test_without_workers_there_is_no_cluster(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with connected() as cluster:
        assert cluster is None


@pytest.mark.slow
def test_reproduce_on_two_workers_writes_the_same_figures(tmp_path):
    def reproduce(name, *flags):
        command = "from toymodels.cli import main; raise SystemExit(main())"
        script = tmp_path / "toymodels_command.py"
        script.write_text(
            f"if __name__ == '__main__':\n{textwrap.indent(command, '    ')}"
        )
        out = tmp_path / name
        given = ["reproduce", "TMS-6", "--scale", "smoke", "--out", out, *flags]
        done = subprocess.run(
            [sys.executable, script, *given, "--store", tmp_path / f"store-{name}"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return {p.name: p.read_bytes() for p in out.iterdir()}

    alone = reproduce("alone")
    assert len(alone) == 4
    assert reproduce("together", "--workers", "2") == alone


@pytest.mark.slow
def test_the_benchmark_of_workers_runs_and_keeps_its_numbers(tmp_path):
    out = tmp_path / "cluster.json"
    script = ROOT / "benchmarks" / "cluster.py"
    flags = ["--blocks", "2", "--steps", "20", "--repeats", "1", "--out", out]
    done = subprocess.run(
        [str(word) for word in (sys.executable, script, *flags)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "efficiency from 1 to 2 workers" in done.stdout
    results = json.loads(out.read_text())
    assert results["efficiency"]["median"] > 0
    assert set(results["blocks_per_second"]) == {"1", "2"}
