"""A folder of results: named by content, written whole or not at all, and checked.

An entry is a payload of arrays, `<key>.<hash>.npz`, and a manifest, `<key>.json`, that
gives the payload's SHA-256 and tells how it was made. The manifest is renamed into
place last, so at every moment an entry is the old one, the new one or absent.
"""

import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from toymodels.config import to_json
from toymodels.disk import StoreError, check_writable, explained, partial_file
from toymodels.result import Result, plain_text, read_payload, write_payload

SCHEMA_VERSION = 1
"""To be raised when the same settings begin to mean another computation."""

MOST_LISTED = 10_000
"""Numbers of one array, or values of one list, that a manifest lists."""


class DamagedEntry(StoreError):
    """A store entry that is truncated, altered or not what its name says.

    Args:
        name: the entry's key.
        reason: what is wrong with it.
    """

    def __init__(self, name: str, reason: str):
        super().__init__(f"store entry {name}", reason, "computing it again")
        self.name = name


@dataclass(frozen=True)
class Store:
    """A folder of results. It is made when something is first saved."""

    root: Path

    def key(self, settings: Any, kind: str) -> str:
        """The name of a result: SHA-256 of everything that its bits depend on.

        Args:
            settings: anything that `toymodels.config.to_json` takes.
            kind: what is computed from the settings, such as "train".

        Returns:
            64 hexadecimal digits.
        """
        identity = {
            "kind": kind,
            "settings": to_json(settings),
            "schema": SCHEMA_VERSION,
            **_numerics(),
        }
        text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def load(self, key: str) -> Result | None:
        """The result called `key`, or None where there is none.

        Raises:
            DamagedEntry: it is truncated, was altered, or belongs to other settings.
            StoreError: it is there and may not be read.
        """
        manifest = self.manifest(key)
        if manifest is None:
            return None
        digest = manifest["payload_sha256"]
        payload = self._payload(key, digest)
        if not payload.exists():
            raise DamagedEntry(key, "its payload is missing")
        with explained(payload), payload.open("rb") as handle:
            if hashlib.file_digest(handle, "sha256").hexdigest() != digest:
                raise DamagedEntry(key, "its payload is truncated or was altered")
            handle.seek(0)
            return read_payload(handle)

    def usable(self, key: str, kind: str = "result") -> Result | None:
        """As `load`, but a damaged entry is named in a warning and counts as absent."""
        try:
            return self.load(key)
        except DamagedEntry as error:
            warnings.warn(
                f"store entry {key[:12]} ({kind}) is damaged: {error.reason}; "
                "it is computed again",
                stacklevel=2,
            )
            return None

    def manifest(self, key: str) -> dict[str, Any] | None:
        """How the result called `key` was made, or None where there is none.

        Raises:
            DamagedEntry: the manifest is truncated or belongs to another entry.
            StoreError: it is there and may not be read.
        """
        path = self._manifest(key)
        if not path.exists():
            return None
        try:
            with explained(path):
                manifest = json.loads(path.read_bytes())
        except ValueError as error:
            raise DamagedEntry(key, "its manifest is truncated") from error
        if not isinstance(manifest, dict) or not isinstance(
            manifest.get("payload_sha256"), str
        ):
            raise DamagedEntry(key, "its manifest does not name a payload")
        if manifest.get("key") != key:
            raise DamagedEntry(key, "its manifest belongs to other settings")
        return manifest

    def manifests(self) -> Iterator[dict[str, Any]]:
        """Every readable manifest, in the order of the keys."""
        for path in sorted(self.root.glob("*.json")):
            with suppress(StoreError):
                manifest = self.manifest(path.stem)
                if manifest is not None:
                    yield manifest

    def save(
        self, key: str, result: Result, manifest: Mapping[str, Any] | None = None
    ) -> Path:
        """Write a result under `key`; an older one stays until the new one is whole.

        Args:
            key: the name, from `key`.
            result: what to keep.
            manifest: what to record besides the provenance, such as the seconds taken.

        Returns:
            The path of the manifest.

        Raises:
            StoreError: the folder cannot be written or the disk is full.
        """
        previous = None
        with suppress(DamagedEntry):
            previous = self.manifest(key)
        path, digest = self._manifest(key), ""
        try:
            with explained(self.root, _OTHER_STORE):
                self.root.mkdir(parents=True, exist_ok=True)
                with partial_file(self.root / f"{key}.npz") as (handle, rename):
                    write_payload(handle, result)
                    handle.seek(0)
                    digest = hashlib.file_digest(handle, "sha256").hexdigest()
                    rename(self._payload(key, digest))
                record = {
                    **provenance(),
                    **(manifest or {}),
                    "key": key,
                    "payload_sha256": digest,
                }
                with partial_file(path) as (handle, rename):
                    handle.write((plain_text(record, indent=1) + "\n").encode())
                    rename(path)
        finally:
            # Whichever payload the manifest does not name now: the old one, or after a
            # failure the new one.
            self._drop_unnamed(key, (previous or {}).get("payload_sha256"), digest)
        return path

    def cached(
        self,
        settings: Any,
        kind: str,
        compute: Callable[[], Result],
        *,
        fresh: bool = False,
    ) -> Result:
        """The stored result, or a computed one, which is then stored.

        A damaged entry is named in a warning and computed again.

        Args:
            settings: what the result depends on.
            kind: what is computed from the settings.
            compute: called when there is nothing to load.
            fresh: compute in any case.
        """
        key = self.key(settings, kind)
        found = None if fresh else self.usable(key, kind)
        if found is not None:
            return found
        start = time.monotonic()
        result = compute()
        record = {
            "kind": kind,
            "settings": _brief(to_json(settings)),
            "seconds": round(time.monotonic() - start, 3),
        }
        self.save(key, result, record)
        return result

    def check_writable(self) -> None:
        """Raise a `StoreError` now if nothing could be saved later."""
        check_writable(self.root, _OTHER_STORE)

    def _manifest(self, key: str) -> Path:
        return self.root / f"{key}.json"

    def _drop_unnamed(self, key: str, *digests: str | None) -> None:
        """Remove those of an entry's payloads that its manifest does not name."""
        with suppress(StoreError, OSError):
            named = (self.manifest(key) or {}).get("payload_sha256")
            for digest in digests:
                if digest and digest != named:
                    self._payload(key, digest).unlink(missing_ok=True)

    def _payload(self, key: str, digest: str) -> Path:
        # Another content is another file: replacing an entry never touches the old
        # payload before the new manifest is in place.
        return self.root / f"{key}.{digest[:16]}.npz"


def _brief(data: Any) -> Any:
    """JSON of settings without large arrays and lists: manifests are for people.

    Every manifest is read at every start, and a sweep may be over millions of members
    or seeds.
    """
    if isinstance(data, list):
        if len(data) > MOST_LISTED:
            return f"{len(data)} values, not listed"
        return [_brief(value) for value in data]
    if not isinstance(data, dict):
        return data
    if set(data) == {"array", "dtype"} and np.size(data["array"]) > MOST_LISTED:
        shape = " × ".join(map(str, np.shape(data["array"])))
        return {"array": f"{shape} numbers, not listed", "dtype": data["dtype"]}
    return {name: _brief(value) for name, value in data.items()}


_OTHER_STORE = "another store, with --store or TOYMODELS_STORE"


def default_root() -> Path:
    """`TOYMODELS_STORE`, or `.toymodels/store` in the current folder."""
    return Path(os.environ.get("TOYMODELS_STORE") or ".toymodels/store")


def provenance() -> dict[str, Any]:
    """How, from which commit and on what a result is being made."""
    import jax

    packages = ("toymodels", "jax", "jaxlib", "flax", "numpy")
    return {
        "schema": SCHEMA_VERSION,
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "commit": _commit(),
        "device": jax.devices()[0].device_kind,
        "versions": {
            "python": platform.python_version(),
            **{name: _version(name) for name in packages},
        },
        **_numerics(),
    }


def _numerics() -> dict[str, Any]:
    """What besides the settings decides the last bits of a number."""
    import jax

    flags: Any = jax.config  # its attributes are made at run time
    return {
        "jax": _version("jax"),
        "flax": _version("flax"),
        "backend": jax.default_backend(),
        "precision": {
            "x64": bool(flags.jax_enable_x64),
            "matmul": flags.jax_default_matmul_precision,
        },
    }


@functools.cache
def _version(package: str) -> str | None:
    with suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(package)
    return None


@functools.cache
def _commit() -> str | None:
    """The commit of this source tree, "-dirty" if changed; None where git has none."""
    here = Path(__file__)

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments],
            cwd=here.parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()

    try:
        # An installed copy may lie inside somebody else's repository.
        git("ls-files", "--error-unmatch", here.name)
        return git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    except (OSError, subprocess.SubprocessError):
        return None
