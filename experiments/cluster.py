"""Parts of a divided training as tasks on Dask distributed (extra `cluster`).

Dask does what a cluster needs: it sends tasks to workers, starts the tasks of a lost
worker again, and runs on Slurm, Kubernetes or a list of machines. A task here is "train
this part unless it is in the store"; arrays travel through the store alone, so only
names pass through the scheduler. The name of a task is the folder and the content key
of its part: whoever asks for it twice gets it once.

Three kinds of failure look different: a lost worker costs the part it was training; a
lost scheduler or client costs what was unfinished, when the same command is given
again; a worker that refuses is said. If it refuses the settings, such as for memory,
that experiment fails; if the disk or another version is the reason, the job ends.
"""

import contextlib
import hashlib
import logging
import os
import signal
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import jax

from experiments.parts import KIND, Parts, keep, spec_of
from toymodels.compilation import keep_compiled
from toymodels.config import SettingsError, check_count
from toymodels.disk import StoreError
from toymodels.interrupt import calm_interrupt
from toymodels.store import Store
from toymodels.training import check_memory, finish, part, run_chunks
from toymodels.training.blocks import Block
from toymodels.training.memory import available_bytes

# A scheduler on another machine answers within this time or is not there.
CONNECT_SECONDS = 10.0
# Times that Dask tries a part again whose training raised an error of the machine. Lost
# workers are counted apart, by Dask's own `distributed.scheduler.allowed-failures`.
RETRIES = 2
POLL_SECONDS = 0.1
# Each is a process with its own copy of JAX; more are a slip of the keyboard.
MOST_WORKERS = 1_024
# For the outcome of a finished part, a few bytes; then its worker may have died.
RESULT_SECONDS = 2.0

_BEFORE_START = "distributed.nanny.pre-spawn-environ"


class ClusterLost(StoreError):
    """The cluster went away in the middle; what was finished is in the store."""


def train_part(
    folder: str, settings: str, key: str, block: Block, memory: int | None = None
) -> dict[str, Any]:
    """One task, run by a worker: a part is in the store afterwards.

    Args:
        folder: of the parts.
        settings: key of those of the whole, which lie there.
        key: of the part, as the client sees it.
        block: which part.
        memory: bytes that this worker may use; what is available when None.

    Returns:
        Whether it was trained now, the seconds; or why it is refused, in one line, and
        the `setting` that is.
    """
    try:
        return _train_part(Store(Path(folder)), settings, key, block, memory)
    # Not raised: trying again would not help, and the classes cannot be pickled.
    except SettingsError as error:
        setting = (error.field, error.value, error.expected, error.hint)
        return {"refused": str(error), "setting": setting}
    except StoreError as error:
        return {"refused": str(error)}


def _train_part(
    store: Store, settings: str, key: str, block: Block, memory: int | None
) -> dict[str, Any]:
    start = time.monotonic()
    spec = part(spec_of(store.root, settings), block)
    if store.key(spec, KIND) != key:
        return {"refused": "a worker has other code, versions or devices than this"}
    with warnings.catch_warnings():
        # The client says what is damaged or diverged, of all parts together.
        warnings.simplefilter("ignore")
        absent = store.usable(key) is None
        if absent:
            if memory is not None:
                check_memory(spec, memory)
            last = deque(run_chunks(spec), maxlen=1).pop()
            keep(store, key, finish(spec, last.state), time.monotonic() - start)
    return {"trained": absent, "seconds": time.monotonic() - start}


@dataclass(frozen=True)
class Cluster:
    """Workers that train parts.

    Args:
        client: of Dask.
        address: of its scheduler, for messages.
        memory: bytes for each worker; None where a worker has what its machine has.
    """

    client: Any
    address: str
    memory: int | None = None

    def train(
        self,
        parts: Parts,
        absent: Mapping[str, Block],
        *,
        report: Callable[[int, int], None],
        stop: Callable[[], bool],
    ) -> bool:
        """Train parts; they are in the store afterwards.

        Args:
            parts: their folder and the whole.
            absent: which ones, by key.
            report: called with the number of finished ones and of workers.
            stop: asked again and again; running parts go on where they can.

        Returns:
            Whether all are finished; False after a wish to stop.

        Raises:
            ClusterLost: the scheduler went away.
            SettingsError: a worker refuses the settings of a part, such as for memory.
            StoreError: a worker has another version, or the disk refuses.
            RuntimeError: training a part failed on several workers.
        """
        from distributed import as_completed

        folder = str(parts.store.root)
        place = hashlib.sha256(folder.encode()).hexdigest()[:16]
        futures = []
        try:
            for key, block in absent.items():
                whole = (folder, parts.settings_key)
                task = (train_part, *whole, key, block, self.memory)
                name = f"toymodels-part-{place}-{key}"
                futures.append(self.client.submit(*task, key=name, retries=RETRIES))
            finished, done = as_completed(futures), 0
            while done < len(futures):
                for future in finished.next_batch(block=False):
                    if self._check(future):
                        done += 1
                        continue
                    finished.add(future)
                    if stop():
                        return False
                report(done, self.workers())
                if stop():
                    return False
                time.sleep(POLL_SECONDS if done < len(futures) else 0)
            return True
        finally:
            with contextlib.suppress(Exception):  # a lost scheduler has none of them
                self.client.cancel(futures)

    def workers(self) -> int:
        """How many there are now.

        Raises:
            ClusterLost: the scheduler does not answer.
        """
        try:
            return len(self.client.nthreads())
        except Exception as error:
            raise self._lost() from error

    def _check(self, future: Any) -> bool:
        """Whether a finished part is still finished.

        Not so where the worker that held the outcome died before it was fetched: Dask
        then gives the part to another worker.
        """
        if future.status in ("pending", "lost"):
            return False
        try:
            failed = future.status == "error"
            error = future.exception(RESULT_SECONDS) if failed else None
            outcome = {} if error else future.result(RESULT_SECONDS)
        except TimeoutError:  # `workers` will tell if the scheduler is the reason
            return False
        except (OSError, CancelledError) as lost:
            raise self._lost() from lost
        if error:
            raise RuntimeError(f"a part failed on the cluster: {error}") from error
        if "setting" in outcome:
            raise SettingsError(*outcome["setting"])
        if "refused" in outcome:
            raise StoreError(self.address, outcome["refused"])
        return True

    def _lost(self) -> ClusterLost:
        return ClusterLost(
            self.address,
            "the scheduler went away; finished parts are kept",
            "the same command again when it is back",
        )


def check_cluster(workers: int, scheduler: str | None) -> None:
    """Raise a `SettingsError` for numbers of workers and addresses that cannot be."""
    check_count("--workers", workers, minimum=0, maximum=MOST_WORKERS)
    if workers and scheduler:
        raise SettingsError("--scheduler", "also --workers", "one of the two")


@contextlib.contextmanager
def connected(
    workers: int = 0, scheduler: str | None = None
) -> Iterator[Cluster | None]:
    """A cluster while open: a local one, a running one, or None for this process.

    Args:
        workers: processes of a local cluster, one core each; none if 0.
        scheduler: address of a running scheduler such as "tcp://host:8786".

    Raises:
        SettingsError: the extra is not installed, or nothing answers at the address.
    """
    check_cluster(workers, scheduler)
    if not workers and not scheduler:
        yield None
        return
    try:
        import dask.config
        import distributed
    except ImportError:
        raise SettingsError(
            "--workers" if workers else "--scheduler",
            "no Dask here",
            "the extra cluster",
            "pip install 'toymodels[cluster]'",
        ) from None
    with _quiet(), contextlib.ExitStack() as stack:
        if workers:
            # For the processes, which come to life before a plugin could tell them.
            quiet = {f"{_BEFORE_START}.DASK_LOGGING__DISTRIBUTED": "critical"}
            stack.enter_context(dask.config.set(quiet))
            with _interrupts_held():
                local = _local(workers)
                stack.callback(local.close, timeout=10)
                client = stack.enter_context(distributed.Client(local))
                client.register_plugin(_own_core())
            yield Cluster(client, "the local cluster", _share(workers))
        else:
            try:
                client = distributed.Client(scheduler, timeout=CONNECT_SECONDS)
            except (OSError, ValueError, TypeError):
                raise SettingsError(
                    "--scheduler",
                    scheduler,
                    f"a scheduler that answers within {CONNECT_SECONDS:.0f} s",
                    "tcp://HOST:PORT as `dask scheduler` prints it",
                ) from None
            stack.enter_context(client)
            yield Cluster(client, str(scheduler))


def _share(workers: int) -> int | None:
    """Bytes for each of them, by what is available before they train.

    Asked once: later, what the others have taken would be missing, and be shared again.
    """
    available = available_bytes()
    return None if available is None else available // workers


def _local(workers: int) -> Any:
    from distributed import LocalCluster

    return LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        # The estimate of each part is checked before it starts. Dask's limit is an
        # equal share, and a worker that passes it is paused for ever.
        memory_limit=0,
        # Loopback alone, and no fixed port, so that two commands get along.
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    )


def _own_core() -> Any:
    """A plugin that gives each worker of a local cluster a core of its own.

    Without it the threads of every worker would be as many as all cores.
    """
    from distributed import WorkerPlugin

    cores = sorted(getattr(os, "sched_getaffinity", lambda _: ())(0))
    flags: Any = jax.config  # its attributes are made at run time
    compiled = flags.jax_compilation_cache_dir

    class OwnCore(WorkerPlugin):
        name = "toymodels-own-core"

        def setup(self, worker: Any) -> None:
            with contextlib.suppress(ValueError):  # a thread may not, and has no need
                signal.signal(signal.SIGINT, signal.SIG_IGN)
            # Threads inherit it: those of the tasks, of XLA and of `blocks` come later.
            if cores:
                os.sched_setaffinity(0, {cores[int(worker.name) % len(cores)]})
            if compiled:
                keep_compiled(compiled)

    return OwnCore()


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits for the end, and is not heard by processes that begin meanwhile.

    A terminal sends it to all processes, and workers are stopped by the client alone.
    They inherit the mask from the thread that starts them, which is Dask's: it inherits
    it here and keeps it, so workers that replace lost ones have it as well.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # Python removes the mask when it starts this
    # A thread of before may still hear it.
    with calm_interrupt(lambda text: None) as interrupted:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    if interrupted():
        raise KeyboardInterrupt


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Dask logs what we say in one line, and workers that come and go."""
    names = [n for n in logging.root.manager.loggerDict if n.startswith("distributed")]
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
