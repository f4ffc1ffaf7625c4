"""Compiled programs are kept on disk, so that only the first command waits for them.

JAX can keep them; it has to be told where before the first compilation. The commands
do that, `import toymodels` does not: in a script of your own, call `keep_compiled()`.
"""

import contextlib
import ctypes
import os
from pathlib import Path

import jax

from toymodels.store import default_root

# How many threads XLA divides a computation among; it looks when it is first used.
XLA_THREADS = "PJRT_NPROC"
# A third of what Linux allows: an experiment of many models adds some thousand.
MOST_MAPS = 20_000


def keep_compiled(folder: str | Path | None = None) -> None:
    """Keep compiled programs in `folder`, and take them from there.

    A place that was chosen before (`JAX_COMPILATION_CACHE_DIR`) stays, and
    `JAX_ENABLE_COMPILATION_CACHE=false` turns keeping off. The folder may be deleted at
    any time; one that cannot be written costs a warning.

    Args:
        folder: `compiled` in the default store when None.
    """
    chosen = jax.config.jax_compilation_cache_dir  # pyright: ignore
    if chosen is None:
        folder = default_root() / "compiled" if folder is None else folder
        jax.config.update("jax_compilation_cache_dir", str(Path(folder).absolute()))
        # JAX keeps what took over a second; most programs here take less.
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def limit_threads(count: int) -> None:
    """Let XLA divide one computation among `count` threads; a user's own value stays.

    Threads of one computation wait for each other: where somebody else has work for the
    other cores, one thread does a step in less processor time than two, to the same
    bits. It has to be called before JAX computes anything.
    """
    os.environ.setdefault(XLA_THREADS, str(max(count, 1)))


def release_compiled() -> None:
    """Let go of the compiled programs in memory; those on disk stay.

    All figures together compile some thousand programs, six gigabytes of them. Freed
    memory is given back to the system where the C library is asked to (glibc).
    """
    jax.clear_caches()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def is_crowded() -> bool:
    """Whether compiled programs should be released before more are made.

    Every program of XLA's takes several memory maps of the process. Linux allows 65,530
    (`vm.max_map_count`), past which the compiler dies of a segmentation fault. Where
    maps cannot be counted, False.
    """
    try:
        with Path("/proc/self/maps").open("rb") as maps:
            return sum(1 for _ in maps) > MOST_MAPS
    except OSError:
        return False
