"""Writing files whole or not at all, and saying in one line why a disk refuses."""

import errno
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


class StoreError(RuntimeError):
    """Something on disk that cannot be read or written, said in one line.

    Args:
        place: the file, folder or entry.
        reason: what is wrong with it.
        hint: one thing to try, without a full stop.
    """

    def __init__(self, place: str | Path, reason: str, hint: str = ""):
        self.place = str(place)
        self.reason = reason
        message = f"{place}: {reason}"
        super().__init__(f"{message}; try {hint}" if hint else message)


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path`; until it is whole, an older file stays as it was.

    Raises:
        StoreError: the folder cannot be written or the disk is full.
    """
    with explained(path), partial_file(path) as (handle, rename):
        handle.write(data)
        rename(path)


def check_writable(folder: Path, hint: str = "another folder") -> None:
    """Make `folder` and write a byte into it, or say in one line why not.

    Raises:
        StoreError: the folder cannot be made or written.
    """
    with explained(folder, hint):
        folder.mkdir(parents=True, exist_ok=True)
        with partial_file(folder / "probe") as (handle, _):
            handle.write(b"0")
            handle.flush()


@contextmanager
def partial_file(
    path: Path,
) -> Iterator[tuple[BinaryIO, Callable[[Path], None]]]:
    """A temporary file beside `path`, and a function that syncs and renames it.

    The file is removed unless it was renamed. Not `tempfile`: its files can be read by
    their owner only, and would stay so.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")

    def rename(target: Path) -> None:
        handle.flush()
        os.fsync(handle.fileno())
        handle.close()
        os.replace(partial, target)

    with partial.open("xb+") as handle:
        try:
            yield handle, rename
        finally:
            # Closed first: Windows does not remove open files. What a full disk leaves
            # in the buffer cannot be written then either.
            with suppress(OSError):
                handle.close()
            with suppress(FileNotFoundError):
                partial.unlink()


@contextmanager
def explained(place: Path, hint: str = "another folder") -> Iterator[None]:
    """Turn an `OSError` about `place` into a `StoreError`."""
    try:
        yield
    except OSError as error:
        raise _in_words(place, error, hint) from error


def _in_words(place: Path, error: OSError, hint: str) -> StoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreError(
            place,
            "the disk is full; what was finished before is kept",
            "freeing some space and running the same command again",
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StoreError(place, "permission denied", hint)
    return StoreError(place, (error.strerror or str(error)).lower(), hint)
