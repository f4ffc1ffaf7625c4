import errno
import json
import os
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toymodels import store as store_module
from toymodels.config import settings
from toymodels.disk import StoreError, check_writable, write_atomically
from toymodels.result import Result
from toymodels.store import DamagedEntry, Store, default_root


@settings
class StoredSettings:
    count: int
    rate: float
    name: str
    steps: tuple[int, ...]
    table: Any = None


EXAMPLE = Result(
    {
        "W": np.arange(6, dtype=np.float32).reshape(1, 2, 3),
        "file": np.array([True, False]),
        "meta": np.array(["digon", "pentagon"]),
        "a/b": np.array(3.5),
        "none": np.zeros((0, 4), np.int8),
        "complex": np.array([1j]),
    },
    {"title": "a “title”", "sizes": (1, 2), "n": np.int64(5), 7: None},
)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def same(a, b):
    assert a.meta == b.meta
    assert list(a.arrays) == list(b.arrays)
    for name, array in a.arrays.items():
        assert array.dtype == b[name].dtype
        np.testing.assert_array_equal(array, b[name])
    return True


def refuse(code):
    def function(*_, **__):
        raise OSError(code, os.strerror(code))

    return function


# results


def test_a_result_survives_the_disk_unchanged(store):
    store.save("k", EXAMPLE)
    assert same(store.load("k"), EXAMPLE)


def test_a_fresh_result_already_has_the_form_of_a_loaded_one():
    assert EXAMPLE.meta == {
        "title": "a “title”",
        "sizes": [1, 2],
        "n": 5,
        "7": None,
    }
    with pytest.raises(ValueError, match="read-only"):
        EXAMPLE["W"][0, 0, 0] = 1.0


def test_a_result_leaves_the_arrays_it_was_given_writable():
    given_array = np.zeros(2)
    Result({"x": given_array})
    given_array[0] = 1.0


@pytest.mark.parametrize(
    "array", [np.array([{}], dtype=object), np.zeros(2, "i4,f4"), jax.random.key(0)]
)
def test_a_result_refuses_what_would_have_to_be_pickled(array):
    with pytest.raises(TypeError):
        Result({"x": array})


def test_an_absent_array_is_named_with_the_ones_there_are():
    with pytest.raises(KeyError, match="no array 'w'.*W, file"):
        EXAMPLE["w"]
    assert "W" in EXAMPLE
    assert "w" not in EXAMPLE


def test_xarray_gets_names_for_all_axes():
    dataset = EXAMPLE.to_xarray({"W": ("runs", "d", "n")})
    assert dataset["W"].dims == ("runs", "d", "n")
    assert dataset["file"].dims == ("file_0",)
    assert dataset.attrs["sizes"] == [1, 2]
    with pytest.raises(ValueError, match="expected 3 axis names"):
        EXAMPLE.to_xarray({"W": ("d", "n")})


def test_xarray_that_is_not_installed_is_one_line_that_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ImportError, match=r"toymodels\[analysis\]"):
        EXAMPLE.to_xarray()


# keys

# Small domains, so that equal settings occur.
examples = st.builds(
    StoredSettings,
    count=st.integers(0, 2),
    rate=st.sampled_from([0.1, 0.1 + 1e-17, 0.1 + 1e-16, 1e300]),
    name=st.sampled_from(["", "a", "a,b", '"']),
    steps=st.lists(st.integers(0, 1), max_size=2).map(tuple),
)


@given(examples, examples)
def test_keys_are_equal_just_when_settings_are(a, b):
    store = Store(Path("unused"))
    assert (store.key(a, "train") == store.key(b, "train")) == (a == b)


@given(st.lists(st.floats(width=32), max_size=3), st.lists(st.floats(width=32)))
def test_keys_tell_arrays_apart_bit_by_bit(a, b):
    def key(values):
        table = np.asarray(values, np.float32)
        made = StoredSettings(count=1, rate=0.1, name="", steps=(), table=table)
        return Store(Path("unused")).key(made, "train")

    a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
    # All NaN are one value in JSON.
    same_bits = a.shape == b.shape and all(
        (np.isnan(x) and np.isnan(y)) or x.tobytes() == y.tobytes()
        for x, y in zip(a, b, strict=True)
    )
    assert (key(a) == key(b)) == same_bits


def test_keys_depend_on_all_that_decides_the_bits(store, monkeypatch):
    keys = [store.key({"n": 5}, "train"), store.key({"n": 5}, "other")]
    with jax.enable_x64(True):
        keys.append(store.key({"n": 5}, "train"))
    with jax.default_matmul_precision("float32"):
        keys.append(store.key({"n": 5}, "train"))
    with monkeypatch.context() as patch:
        patch.setattr(store_module, "SCHEMA_VERSION", 10**6)
        keys.append(store.key({"n": 5}, "train"))
    with monkeypatch.context() as patch:
        patch.setattr(jax, "default_backend", lambda: "gpu")
        keys.append(store.key({"n": 5}, "train"))
    with monkeypatch.context() as patch:
        patch.setattr(store_module, "_version", lambda package: f"{package} 0")
        keys.append(store.key({"n": 5}, "train"))
    assert len(set(keys)) == len(keys)
    assert store.key({"n": 5}, "train") == keys[0]


# entries


def test_equal_results_make_equal_files(tmp_path):
    for name in ("a", "b"):
        Store(tmp_path / name).save("k", EXAMPLE)
    a, b = (next((tmp_path / name).glob("*.npz")) for name in ("a", "b"))
    assert a.name == b.name
    assert a.read_bytes() == b.read_bytes()


def test_a_manifest_says_how_the_result_was_made(store):
    path = store.save("k", EXAMPLE, {"kind": "train", "seconds": 1.5})
    manifest = json.loads(path.read_text())
    assert manifest == store.manifest("k")
    assert manifest["seconds"] == 1.5
    assert manifest["versions"]["jax"] == jax.__version__
    assert set(manifest) >= {"command", "commit", "device", "backend", "precision"}
    assert [m["key"] for m in store.manifests()] == ["k"]


def test_others_may_read_what_is_stored(store):
    umask = os.umask(0o022)
    try:
        path = store.save("k", EXAMPLE)
    finally:
        os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o644


def test_nothing_is_loaded_from_an_empty_store(store):
    assert store.load("k") is None
    assert store.manifest("k") is None
    assert list(store.manifests()) == []
    assert not store.root.exists()


def test_cached_computes_once(store):
    calls = []

    def compute():
        calls.append(1)
        return Result({"x": np.array(len(calls))})

    for fresh, expected in ((False, 1), (False, 1), (True, 2), (False, 2)):
        assert store.cached({"n": 1}, "kind", compute, fresh=fresh)["x"] == expected
    # Replacing an entry leaves nothing of the old one.
    assert len(list(store.root.iterdir())) == 2


def truncate(store, share):
    payload = next(store.root.glob("*.npz"))
    data = payload.read_bytes()
    payload.write_bytes(data[: int(len(data) * share)])


def flip_a_bit(store):
    payload = next(store.root.glob("*.npz"))
    data = bytearray(payload.read_bytes())
    data[len(data) // 2] ^= 1
    payload.write_bytes(data)


def test_a_manifest_does_not_list_large_tables(store):
    def settings_with(rows):
        return StoredSettings(
            count=1, rate=0.5, name="a", steps=(1, 2), table=np.zeros((rows, 2))
        )

    for rows, listed in (
        (3, [[0.0, 0.0]] * 3),
        (9_000, "9000 × 2 numbers, not listed"),
    ):
        given = settings_with(rows)
        store.cached(given, "train", lambda: Result({}))
        found = store.manifest(store.key(given, "train"))["settings"]
        assert found["table"] == {"array": listed, "dtype": "float64"}
        assert found["steps"] == [1, 2] and found["name"] == "a"


def test_a_manifest_does_not_list_long_tuples(store):
    for length, listed in ((3, [0, 1, 2]), (20_000, "20000 values, not listed")):
        given = {"seeds": tuple(range(length)), "n": 3}
        store.cached(given, "train", lambda: Result({}))
        found = store.manifest(store.key(given, "train"))["settings"]
        assert found == {"dict": {"seeds": listed, "n": 3}}


def change_manifest(store, **changes):
    path = next(store.root.glob("*.json"))
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


DAMAGE = {
    "empty": lambda s: truncate(s, 0.0),
    "half": lambda s: truncate(s, 0.5),
    "all but a bit": lambda s: truncate(s, 0.99),
    "altered": flip_a_bit,
    "no payload": lambda s: next(s.root.glob("*.npz")).unlink(),
    "manifest cut": lambda s: next(s.root.glob("*.json")).write_text('{"key": "'),
    "manifest empty": lambda s: next(s.root.glob("*.json")).write_text(""),
    "manifest a list": lambda s: next(s.root.glob("*.json")).write_text("[]"),
    "of other settings": lambda s: change_manifest(s, key="another"),
    "hash of another": lambda s: change_manifest(s, payload_sha256="0" * 64),
    "hash a number": lambda s: change_manifest(s, payload_sha256=5),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_entry_is_named_and_built_again(store, damage):
    store.cached({"n": 1}, "kind", lambda: EXAMPLE)
    key = store.key({"n": 1}, "kind")
    damage(store)
    with pytest.raises(DamagedEntry, match=key) as caught:
        store.load(key)
    assert "\n" not in str(caught.value)
    with pytest.warns(UserWarning, match=rf"{key[:12]} \(kind\) is damaged"):
        again = store.cached({"n": 1}, "kind", lambda: EXAMPLE)
    assert same(again, EXAMPLE)
    assert same(store.load(key), EXAMPLE)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("place", ["os.replace", "os.fsync", "np.savez", "manifest"])
def test_a_refusing_disk_leaves_the_old_entry(store, monkeypatch, place, code):
    old = Result({"x": np.zeros(3)})
    store.save("k", old)
    before = sorted(p.name for p in store.root.iterdir())
    with monkeypatch.context() as patch:
        if place == "manifest":  # the second of two renames
            replace, calls = os.replace, []

            def second(*arguments):
                calls.append(1)
                return (replace if len(calls) == 1 else refuse(code))(*arguments)

            patch.setattr(os, "replace", second)
        else:
            module, name = place.split(".")
            patch.setattr({"os": os, "np": np}[module], name, refuse(code))
        with pytest.raises(StoreError) as caught:
            store.save("k", EXAMPLE)
    message = str(caught.value)
    assert "\n" not in message
    assert str(store.root) in message
    if code == errno.ENOSPC:
        assert "disk is full" in message
    assert sorted(p.name for p in store.root.iterdir()) == before
    assert same(store.load("k"), old)


def test_an_interrupt_while_saving_leaves_no_temporary_file(store, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        store.save("k", EXAMPLE)
    assert list(store.root.iterdir()) == []


def test_a_store_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "store")
    for action in (lambda: store.save("k", EXAMPLE), store.check_writable):
        with pytest.raises(StoreError, match="not a directory; try .*--store"):
            action()


def test_the_store_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.delenv("TOYMODELS_STORE", raising=False)
    assert str(default_root()) == os.path.join(".toymodels", "store")
    monkeypatch.setenv("TOYMODELS_STORE", str(tmp_path))
    assert default_root() == tmp_path


# single files


@pytest.mark.parametrize("place", ["replace", "fsync"])
def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch, place):
    path = tmp_path / "claims.json"
    write_atomically(path, b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, place, refuse(errno.ENOSPC))
        with pytest.raises(StoreError, match=r"claims\.json: the disk is full"):
            write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_checking_a_folder_makes_it_and_leaves_it_empty(tmp_path):
    check_writable(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []
