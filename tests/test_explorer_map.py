"""The map: what a store has, what is made here, and training on from a point."""

import dataclasses
import json
import runpy
import time

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import toymodels as tm
from toymodels.explorer import Controls, LiveTrainer, map_making, map_store
from toymodels.explorer.map import (
    ABSENT,
    ALONE,
    SHARED,
    Axis,
    Map,
    best_of,
    describe_map,
    phases,
    start_words,
)
from toymodels.explorer.map_making import BusyError, MapMaking, spec_of, sweep_around
from toymodels.explorer.map_store import arranged, load_map, stored_maps, sweep_of
from toymodels.explorer.script import run_script
from toymodels.explorer.serve import served_in_thread
from toymodels.explorer.sessions import Sessions
from toymodels.explorer.trainer import EndedError, Start
from toymodels.store import Store
from toymodels.theory import boundary, template_losses
from toymodels.training import Run

LEVELS = (1.0, 0.5, 0.3, 0.1, 0.05)
QUICK = Controls(n=3, d=2, batch=16)


def sweep_spec(**changes):
    """A small sweep over sparsity, as an experiment would train it."""
    settings = {
        "model": tm.Autoencoder(n=3, d=2),
        "features": tm.IndependentFeatures(n=3, probability=np.array(LEVELS)[:, None]),
        "importance": 0.9 ** np.arange(3),
        "seeds": 2, "steps": 4, "batch": 8, "history": 1,
    }  # fmt: skip
    return tm.TrainSpec(**(settings | changes))


def grid_spec(p=LEVELS, r=(0.5, 1.0, 2.0)):
    p, r = (axis.ravel() for axis in np.meshgrid(p, r, indexing="ij"))
    return tm.TrainSpec(
        model=tm.Autoencoder(n=2, d=1),
        features=tm.IndependentFeatures(n=2, probability=p[:, None]),
        importance=np.stack([np.ones_like(r), r], axis=1),
        seeds=2, steps=4, batch=8, history=1,
    )  # fmt: skip


def stored(store, spec):
    """As the experiments keep a training."""
    run = tm.train(spec)
    store.cached(spec, "train with some code", run.to_result)
    return run


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A store with two maps in it, and the trainings that they are."""
    store = Store(tmp_path_factory.mktemp("store"))
    return store, stored(store, sweep_spec()), stored(store, grid_spec())


def until(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)


# --- what a point is -----------------------------------------------------------------


def test_phases_of_models_that_are_known():
    own = np.eye(2, 3)
    digon = np.array([[1.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    lost = np.full((2, 3), np.nan)
    found = phases(np.stack([own, digon, lost]).astype(np.float32))
    assert found.tolist() == [
        [ALONE, ALONE, ABSENT],
        [SHARED, ALONE, SHARED],
        [-1, -1, -1],
    ]


def test_the_best_restart_is_kept_and_diverged_ones_are_not():
    controls = [Controls(n=2, d=1, sparsity=0.5, importance_decay=1.0)] * 2
    good, bad = np.array([[1.0, 0.0]]), np.array([[3.0, 3.0]])
    lost = np.full((1, 2), np.nan)
    W = np.stack([[bad, good, lost], [lost, lost, lost]]).astype(np.float32)
    params = {"W": W, "b": np.zeros((2, 3, 2), np.float32)}
    kept, loss = best_of(controls[0].model(), params, controls)
    np.testing.assert_array_equal(kept["W"][0], good)
    # The first is exact; the second, never answered, has E x² = 0.5 / 3.
    assert loss[0] == pytest.approx(0.5 / 3, rel=0.1) and np.isnan(loss[1])


def test_a_diverged_point_is_described_without_numbers():
    controls = (QUICK,) * 5
    W = np.ones((5, 2, 3), np.float32)
    W[2] = np.inf
    made = Map("x", "", (Axis("sparsity", LEVELS),), controls, W, W[:, 0], W[:, 0, 0])
    found = describe_map(made)
    point = found["points"][2]
    assert point["phases"] == [None] * 3 and point["norms"] == [None] * 3
    assert found["points"][1]["norms"][0] == pytest.approx(2**0.5, abs=1e-4)
    json.dumps(found, allow_nan=False)


# --- maps of a store -----------------------------------------------------------------


def test_a_store_is_read_by_what_it_contains(shelf):
    store, sweep, grid = shelf
    found = stored_maps(store)
    assert [(one.n, one.d) for one in found] == [(2, 1), (3, 2)]
    line = load_map(store, found[1].key)
    assert [axis.name for axis in line.axes] == ["sparsity"]
    np.testing.assert_allclose(line.axes[0].values, 1 - np.array(LEVELS), atol=1e-6)
    # Every point is the lowest of the two restarts, where the training has it.
    W = sweep.params["W"].reshape(2, 5, 2, 3)
    for k in range(5):
        assert any(np.array_equal(line.W[k], one) for one in W[:, k])
        assert line.controls[k].sparsity == pytest.approx(1 - LEVELS[k])
        assert line.controls[k].importance_decay == pytest.approx(0.9)
    assert "best of 2 restarts of 4 steps" in line.source


def test_a_grid_goes_along_sparsity_then_importance(shelf):
    store, _, grid = shelf
    found = load_map(store, stored_maps(store)[0].key)
    assert [len(axis.values) for axis in found.axes] == [5, 3]
    assert [c.sparsity for c in found.controls[:5]] == list(found.axes[0].values)
    ratios = [c.importance_decay for c in found.controls[::5]]
    assert ratios == list(found.axes[1].values) == [0.5, 1.0, 2.0]
    # Member of p = 0.1 (the fourth) and r = 2 (the third) of the training.
    member = grid.params["W"].reshape(2, 5, 3, 1, 2)[:, 3, 2]
    point = next(
        k
        for k, c in enumerate(found.controls)
        if (c.sparsity, c.importance_decay) == (0.9, 2.0)
    )
    assert any(np.array_equal(found.W[point], one) for one in member)
    curve, upright = describe_map(found)["boundary"]
    S, r = np.array(curve).T
    np.testing.assert_allclose(1 - S, boundary(r, bias="optimal"), atol=1e-4)
    assert upright[0] == [0.0, 1.0] and 0 < upright[1][0] < 1


@pytest.mark.parametrize(
    "spec",
    [
        sweep_spec(model=tm.Autoencoder(n=3, d=2, bias=False)),
        sweep_spec(model=tm.Autoencoder(n=3, d=2, tied=False)),
        sweep_spec(importance=np.array([1.0, 0.5, 0.4])),
        sweep_spec(learning_rate=np.linspace(1e-3, 1e-2, 5)),
        sweep_spec(features=tm.IndependentFeatures(n=3, probability=0.1)),
        sweep_spec(noise=0.1),
        sweep_spec(
            features=tm.IndependentFeatures(
                n=3, probability=np.array(LEVELS)[:, None] * [1, 1, 0.5]
            )
        ),
        sweep_spec(
            features=tm.IndependentFeatures(n=3, probability=np.array(LEVELS)[:4, None])
        ),
    ],
)
def test_other_trainings_are_no_maps(spec):
    assert sweep_of(spec) is None


def test_a_training_that_is_large_is_no_map(monkeypatch):
    assert sweep_of(sweep_spec()) is not None
    monkeypatch.setattr(map_store, "MOST_STORED_NUMBERS", 59)
    assert sweep_of(sweep_spec()) is None  # 10 runs of 6 weights


def test_points_that_fill_no_grid_are_no_map():
    points = [dataclasses.replace(QUICK, sparsity=S) for S in (0.1, 0.2, 0.3, 0.4, 0.5)]
    assert arranged(points) is not None
    assert arranged([*points[:4], points[0]]) is None
    other = dataclasses.replace(points[4], importance_decay=0.5)
    assert arranged([*points[:4], other]) is None


def test_the_newest_of_the_same_is_listed(shelf, tmp_path):
    store = Store(tmp_path)
    assert stored_maps(store) == []
    stored(store, sweep_spec())
    time.sleep(0.02)  # files have times of some milliseconds
    stored(store, sweep_spec(steps=5))
    assert [" 5 steps" in one.source for one in stored_maps(store)] == [True]
    (tmp_path / "broken.json").write_text("{")
    assert len(stored_maps(store)) == 1


def planted(point, rate=0.1):
    base = tm.IndependentFeatures(n=3, probability=np.array(LEVELS)[:, None])
    return tm.RepeatedPoint(base=base, point=np.array(point), rate=rate)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"exponent": 4.0}, "q = 4"),
        ({"weight_decay": 0.05}, "weight decay 0.05"),
        ({"features": planted([1.0, 0.0, 0.5])}, "planted point of 2 features"),
    ],
)
def test_titles_tell_what_is_unusual(tmp_path, changes, words):
    store = Store(tmp_path)
    stored(store, sweep_spec())
    stored(store, sweep_spec(**changes))
    titles = [one.title for one in stored_maps(store)]
    assert len(titles) == 2 and [words in title for title in titles].count(True) == 1


def test_maps_of_one_title_are_told_apart_by_their_training(tmp_path):
    store = Store(tmp_path)
    for rate in (1e-3, 2e-3):
        stored(store, sweep_spec(learning_rate=rate))
    first, second = stored_maps(store)
    assert first.title != second.title
    for one in (first, second):
        assert one.title.endswith(f"training {one.key[:8]}")


def test_maps_of_other_importances_are_two_and_with_decay_no_line(tmp_path):
    store = Store(tmp_path)
    stored(store, sweep_spec())
    stored(store, sweep_spec(importance=0.5 ** np.arange(3)))
    assert len({one.title for one in stored_maps(store)}) == 2
    stored(store, dataclasses.replace(grid_spec(), weight_decay=0.1))
    pair = next(one for one in stored_maps(store) if one.n == 2)
    assert describe_map(load_map(store, pair.key))["boundary"] is None


# --- maps that are made --------------------------------------------------------------


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(map_making, "STEPS", 6)
    monkeypatch.setattr(map_making, "CHUNK", 2)
    monkeypatch.setattr(map_making, "COLUMNS", 5)
    monkeypatch.setattr(map_making, "GRID", 5)


def test_a_map_is_made_around_the_run(tiny):
    making = MapMaking()
    assert making.progress() == {"state": "idle"}
    controls = Controls(n=4, d=2, groups="correlated", seed=7, learning_rate=0.2)
    making.begin(controls)
    until(lambda: making.progress()["state"] != "training")
    (found,) = making.maps()
    assert making.progress() == {"state": "done", "map": found.id}
    assert found.W.shape == (5, 2, 4) and np.isfinite(found.loss).all()
    assert {c.groups for c in found.controls} == {"correlated"}
    assert {c.learning_rate for c in found.controls} == {map_making.LEARNING_RATE}
    # The points' settings train to the points' weights.
    spec = spec_of(sweep_around(controls))
    run = tm.train(spec)
    assert any(
        np.allclose(found.W[3], one, atol=1e-6)
        for one in run.by_seed(run.params["W"])[:, 3]
    )


def test_two_features_make_a_grid(tiny):
    sweep = sweep_around(Controls(n=2, d=1, importance_decay=0.3))
    assert [len(axis.values) for axis in sweep.axes] == [5, 5]
    assert sweep.axes[1].values[0] == 0.1 and sweep.axes[1].values[-1] == 10.0


@pytest.mark.parametrize("n, d, seeds", [(2, 1, 16), (5, 2, 4), (100, 20, 1)])
def test_large_models_have_fewer_restarts(n, d, seeds):
    assert len(spec_of(sweep_around(Controls(n=n, d=d))).seeds) == seeds


def expected_pair_loss(W, b, p, r, side=60):
    """Of ReLU(WᵀWx + b) for two uniform features, by the midpoints of a square."""
    W, b, p, r = (a[..., None, None] for a in (W[:, 0].T, b.T, p, r))
    x = (np.arange(side) + 0.5) / side
    one, other = x[:, None], x[None, :]

    def error(first, second):
        h = W[0] * first + W[1] * second
        missed = [
            (value - np.maximum(w * h + bias, 0)) ** 2
            for value, w, bias in zip((first, second), W, b, strict=True)
        ]
        return (missed[0] + r * missed[1]).mean(axis=(1, 2), keepdims=True)

    alone = error(one, 0) + error(0, other)
    total = (1 - p) ** 2 * error(0, 0) + p * (1 - p) * alone + p**2 * error(one, other)
    return total[:, 0, 0]


def test_the_expected_loss_of_known_pairs_is_the_closed_form():
    p, r = np.array([0.3, 0.05]), np.array([0.7, 2.0])
    digon = expected_pair_loss(np.array([[[1.0, -1.0]]] * 2), np.zeros((2, 2)), p, r)
    exact = (1 + r) * p**2 / 6
    assert digon == pytest.approx(exact, rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 3, 4])
def test_no_point_of_a_pair_misses_the_best_solution(seed, monkeypatch):
    monkeypatch.setattr(map_making, "GRID", 6)
    made = MapMaking()._trained(Controls(n=2, d=1, importance_decay=1.0, seed=seed))
    p = np.array([1 - one.sparsity for one in made.controls])
    r = np.array([one.importance_decay for one in made.controls])
    # On 4,096 samples rare coincidences are chance, so not the loss of the map.
    loss = expected_pair_loss(made.W, made.b, p, r)
    best = template_losses(p, r, bias="optimal").min(axis=0)
    assert (loss / best).max() < 1.2


def test_one_map_at_a_time_and_it_can_be_given_up(monkeypatch, tiny):
    monkeypatch.setattr(map_making, "STEPS", 10**6)
    first, second = MapMaking(), MapMaking()
    first.begin(QUICK)
    for other in (first, second):
        with pytest.raises(BusyError, match="another map"):
            other.begin(QUICK)
    until(lambda: first.progress().get("step"))
    first.give_up(wait=True)
    assert first.progress() == {"state": "given up"} and not first.maps()
    monkeypatch.setattr(map_making, "STEPS", 6)
    second.begin(QUICK)
    until(lambda: second.progress()["state"] == "done")


def test_a_map_whose_time_is_over_shows_what_there_is(monkeypatch, tiny):
    monkeypatch.setattr(map_making, "STEPS", 10**6)
    monkeypatch.setattr(map_making, "MOST_SECONDS", 0.0)
    making = MapMaking()
    making.begin(QUICK)
    until(lambda: making.progress()["state"] == "done")
    (found,) = making.maps()
    assert "2 steps" in found.source and "time was over" in found.source


def test_what_goes_wrong_is_said(monkeypatch, tiny):
    def fails(*_):
        raise RuntimeError("no room")

    monkeypatch.setattr(map_making, "spec_of", fails)
    making = MapMaking()
    making.begin(QUICK)
    until(lambda: making.progress()["state"] == "failed")
    assert making.progress()["message"] == "no room"
    with pytest.raises(RuntimeError):
        making._trained(QUICK)
    assert map_making._working.acquire(blocking=False)
    map_making._working.release()


def test_only_the_last_ones_are_kept(tiny):
    making = MapMaking()
    for _ in range(map_making.MOST_MADE + 1):
        making.begin(QUICK)
        until(lambda: making.progress()["state"] == "done")
        until(lambda: not map_making._working.locked())
    assert [one.id for one in making.maps()] == ["made-2", "made-3", "made-4"]


# --- training on from a point --------------------------------------------------------


@pytest.fixture
def live():
    one = LiveTrainer(QUICK)
    yield one
    one.close()


def start_of(seed=0, n=3, d=2):
    rng = np.random.default_rng(seed)
    W, b = rng.normal(size=(d, n)), rng.normal(size=n)
    return Start(W.astype(np.float32), b.astype(np.float32), "a test")


def stepped(one, count):
    target = one.newest.step + count
    one.step(count)
    until(lambda: one.newest.step >= target and one.status != "playing")
    return one.newest


def test_training_goes_on_from_given_weights(live, tmp_path):
    stepped(live, 3)
    start = start_of()
    other = dataclasses.replace(QUICK, sparsity=0.5)
    live.begin_from(other, start)
    assert live.newest.step == 0 and live.newest.start == "a test"
    np.testing.assert_array_equal(live.newest.W, start.W)
    trained = stepped(live, 5)
    assert not np.array_equal(trained.W, start.W)
    live.change(dataclasses.replace(other, learning_rate=0.02))
    trained = stepped(live, 5)
    # The script begins there too, and ends at the same bits.
    path = tmp_path / "run.py"
    path.write_text(run_script(live, 10))
    made = runpy.run_path(str(path))
    np.testing.assert_array_equal(made["W"], trained.W)
    np.testing.assert_array_equal(made["b"], trained.b)


def test_a_restart_keeps_the_given_weights_unless_it_is_fresh(live):
    live.begin_from(QUICK, start_of())
    first = stepped(live, 4).W
    live.restart()
    np.testing.assert_array_equal(live.newest.W, start_of().W)
    np.testing.assert_array_equal(stepped(live, 4).W, first)
    live.restart(fresh=True)
    assert live.newest.start is None
    assert not np.array_equal(live.newest.W, start_of().W)
    assert "START" not in run_script(live, stepped(live, 1).step)


def test_a_setting_that_restarts_forgets_the_given_weights(live):
    live.begin_from(QUICK, start_of())
    assert live.change(dataclasses.replace(QUICK, seed=1))
    assert live.newest.start is None


@pytest.mark.parametrize("bad", [start_of(n=4), start_of(d=3)])
def test_weights_of_another_size_are_refused(live, bad):
    with pytest.raises(tm.SettingsError, match="shape"):
        live.begin_from(QUICK, bad)


def test_weights_that_diverged_are_refused(live):
    bad = dataclasses.replace(start_of(), b=np.full(3, np.nan, np.float32))
    with pytest.raises(tm.SettingsError, match="diverged"):
        live.begin_from(QUICK, bad)


# --- the server ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def address():
    with served_in_thread(Sessions(most=2)) as base:
        yield base


@pytest.fixture
def client(shelf, address, monkeypatch):
    """A session of its own, with the store of `shelf`."""
    monkeypatch.setenv("TOYMODELS_STORE", str(shelf[0].root))
    with httpx.Client(base_url=address, timeout=60) as one:
        answer = one.post("/api/sessions", json={"settings": {"batch": 16}})
        one.base_url = f"{address}/api/sessions/{answer.json()['session']}/"
        yield one


def test_a_point_of_the_store_is_loaded_and_trained_on(client, shelf):
    maps = client.get("maps").json()
    assert maps["making"] == {"state": "idle"}
    listed = next(one for one in maps["maps"] if one["n"] == 3)
    found = client.get("map", params={"id": listed["id"]}).json()
    assert found["title"] == listed["title"] and len(found["points"]) == 5
    body = {"map": listed["id"], "point": 4}
    assert client.post("begin-from", json=body).json() == {"restarted": True}
    frame = client.post("frame", json={"step": 0}).json()
    np.testing.assert_allclose(frame["W"], found["points"][4]["W"], atol=1e-5)
    assert frame["controls"]["sparsity"] == pytest.approx(0.95)
    key = next(one.key for one in stored_maps(shelf[0]) if one.id == listed["id"])
    assert frame["start"] == start_words(load_map(shelf[0], key), 4)
    # It was begun playing.
    until(lambda: client.get("history").json()["steps"][-1] > 0)
    assert client.post("restart", json={"fresh": True}).json() == {"restarted": True}
    assert client.post("frame", json={"step": 0}).json()["start"] is None


def test_a_map_is_made_over_the_wire(client, tiny):
    assert client.post("make-map", json={}).json()["state"] == "training"
    until(lambda: client.get("map-making").json()["state"] == "done")
    listed = client.get("maps").json()["maps"][0]
    assert listed["id"] == client.get("map-making").json()["map"]
    assert "made here" in listed["title"]
    assert client.get("map", params={"id": listed["id"]}).status_code == 200
    assert client.post("begin-from", json={"map": listed["id"], "point": 0}).is_success


def test_a_second_map_has_to_wait(client, tiny, monkeypatch):
    monkeypatch.setattr(map_making, "STEPS", 10**6)
    client.post("make-map", json={})
    again = client.post("make-map", json={})
    assert again.status_code == 503 and "another map" in again.json()["message"]
    client.post("give-up-map", json={})
    until(lambda: client.get("map-making").json()["state"] == "given up")


@pytest.mark.parametrize(
    "body, field",
    [
        ({}, "map"),
        ({"map": "../../etc"}, "map"),
        ({"map": ["x"]}, "map"),
        ({"map": "LISTED", "point": 5}, "point"),
        ({"map": "LISTED", "point": -1}, "point"),
        ({"map": "LISTED", "point": 1.5}, "point"),
    ],
)
def test_a_point_that_is_none_is_refused(client, body, field):
    identity = next(m["id"] for m in client.get("maps").json()["maps"] if m["n"] == 3)
    if body.get("map") == "LISTED":
        body = body | {"map": identity}
    answer = client.post("begin-from", json=body)
    assert answer.status_code == 422 and answer.json()["field"] == field


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def test_malformed_requests_are_refused_in_one_way(client):
    @given(JSON, JSON)
    def check(one, point):
        text = json.dumps({"map": one, "point": point})
        answer = client.post(
            "begin-from", content=text, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 422 and answer.json()["field"] == "map"

    check()


def test_a_damaged_map_is_said(client, shelf, tmp_path, monkeypatch):
    store = Store(tmp_path)
    stored(store, sweep_spec())
    for payload in tmp_path.glob("*.npz"):
        payload.write_bytes(b"no")
    monkeypatch.setenv("TOYMODELS_STORE", str(tmp_path))
    map_store.kept_map.cache_clear()
    listed = client.get("maps").json()["maps"][0]
    answer = client.get("map", params={"id": listed["id"]})
    assert answer.status_code == 422 and "can be read" in answer.json()["message"]


def test_a_session_that_ends_gives_its_map_up(tiny, monkeypatch):
    monkeypatch.setattr(map_making, "STEPS", 10**6)
    kept = Sessions(most=1)
    session = kept.begin(QUICK)
    session.maps.begin(QUICK)
    kept.close()
    assert session.maps.progress()["state"] == "given up"
    assert not map_making._working.locked()
    with pytest.raises(EndedError):
        session.maps.begin(QUICK)
    assert not map_making._working.locked()


def test_runs_of_a_store_are_those_of_the_library(shelf):
    store = shelf[0]
    found = Run.from_result(store.load(stored_maps(store)[0].key))
    assert found.spec == grid_spec()
