"""The live training: settings that act at once, pause, restart, history, divergence."""

import dataclasses
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import toymodels as tm
from toymodels.explorer import Controls, LiveTrainer, programs, trainer
from toymodels.explorer.description import held_until
from toymodels.explorer.trainer import EndedError, Start

QUICK = Controls(batch=32)


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.005)


@pytest.fixture
def live():
    made = []

    def make(controls=QUICK):
        made.append(LiveTrainer(controls))
        return made[-1]

    yield make
    for one in made:
        one.close()


def stepped(one, count):
    target = one.newest.step + count
    one.step(count)
    until(lambda: one.newest.step >= target and one.status != "playing")
    return one.newest


class Held:
    """A function of a module that waits to be let go, each time it is called."""

    def __init__(self, monkeypatch, name):
        self.real, self.calls = getattr(trainer, name), []
        self.inside, self.free = threading.Event(), threading.Event()
        monkeypatch.setattr(trainer, name, self)

    def __call__(self, *arguments):
        self.calls.append(arguments)
        self.inside.set()
        assert self.free.wait(60)
        return self.real(*arguments)


@pytest.fixture
def held_chunk(monkeypatch):
    """Chunks of steps that wait to be let go."""
    held = Held(monkeypatch, "_advanced")
    yield held
    held.free.set()


def test_steps_are_those_of_the_trainer(live):
    one = live()
    stepped(one, 7)
    stepped(one, 5)
    spec = dataclasses.replace(QUICK.spec(), steps=12)
    expected = tm.train(spec)
    np.testing.assert_allclose(one.newest.W, expected.params["W"][0], rtol=1e-5)
    assert one.newest.step == 12 and one.status == "paused"


def test_it_plays_until_it_is_paused(live):
    one = live()
    assert one.newest.step == 0 and one.status == "paused"
    one.play()
    until(lambda: one.newest.step > 20)
    assert one.status == "playing" and one.steps_per_second > 0
    one.pause()
    stepped(one, 1)
    at = one.newest.step
    time.sleep(0.1)
    assert one.newest.step == at


def test_live_settings_act_without_a_restart(live):
    one = live()
    before = stepped(one, 20)
    changed = dataclasses.replace(QUICK, learning_rate=1e-6)
    assert not one.change(changed)
    after = stepped(one, 20)
    assert after.step == 40
    still = np.abs(after.W - before.W).max()
    one.change(QUICK)
    moved = np.abs(stepped(one, 20).W - after.W).max()
    assert still < 1e-4 < moved
    assert [f.controls.learning_rate for f in (before, after)] == [3e-3, 1e-6]


def test_a_frame_knows_since_when_its_settings_hold(live):
    one = live()
    assert stepped(one, 20).since == 0
    one.change(dataclasses.replace(QUICK, sparsity=0.5))
    assert one.newest.since == 0, "no step was done with them yet"
    assert stepped(one, 5).since == 20 and stepped(one, 5).since == 20
    one.change(dataclasses.replace(QUICK, sparsity=0.9))
    one.change(dataclasses.replace(QUICK, sparsity=0.7))
    assert stepped(one, 5).since == 30
    ends = {f.since: held_until(f, one.frames())["until"] for f in one.frames()}
    assert ends == {0: 20, 20: 30, 30: None}
    one.restart()
    assert one.newest.since == 0 and stepped(one, 5).since == 0


@pytest.mark.parametrize("name", Controls.live)
def test_no_live_setting_compiles_again(live, name):
    controls = dataclasses.replace(QUICK, backdoor_size=2, backdoor_rate=0.1)
    one = live(controls)
    stepped(one, 2)
    programs = trainer.advance._cache_size()
    values = {"sparsity": 0.5, "exponent": 3.0, "backdoor_size": 3}
    value = {**values, "backdoor_point": "2:0.5 4:1"}.get(name, 0.25)
    one.change(dataclasses.replace(controls, **{name: value}))
    assert np.isfinite(stepped(one, 2).W).all()
    assert trainer.advance._cache_size() == programs


def test_other_settings_restart_and_go_on_playing(live):
    one = live()
    one.play()
    until(lambda: one.newest.step > 5)
    assert one.change(dataclasses.replace(QUICK, n=7))
    until(lambda: one.newest.W.shape == (2, 7) and one.newest.step > 5)
    assert all(frame.W.shape == (2, 7) for frame in one.frames())
    one.restart()
    assert one.frames()[0].step == 0


def test_a_seed_begins_the_same_way_again(live):
    one = live()
    first = stepped(one, 9).W
    one.restart()
    np.testing.assert_array_equal(stepped(one, 9).W, first)


def test_history_is_thinned_evenly_and_keeps_its_ends(live, monkeypatch):
    monkeypatch.setattr(trainer, "MOST_FRAMES", 8)
    one = live()
    for _ in range(40):
        stepped(one, 1)
    frames = one.frames()
    steps = [frame.step for frame in frames]
    assert len(frames) <= 9 and steps[0] == 0 and steps[-1] == 40
    gaps = np.diff(steps[:-1])
    assert gaps.min() >= 4 and len(set(gaps)) == 1
    assert one.at(17).step == min(steps, key=lambda s: abs(s - 17))


def test_divergence_is_said_and_a_change_recovers(live):
    one = live(dataclasses.replace(QUICK, exponent=8.0, learning_rate=1.0))
    with np.errstate(all="ignore"):
        one.change(dataclasses.replace(QUICK, exponent=8.0, learning_rate=1.0))
        one._state.params["W"] = one._state.params["W"] * np.float32(1e20)
        one.play()
        until(lambda: one.status == "diverged")
    one.play()
    assert one.status == "diverged"
    one.restart()
    stepped(one, 2)
    assert one.status == "paused"


def test_a_bias_that_is_not_finite_is_divergence(live):
    one = live()
    lost = np.full(5, np.nan, np.float32)
    frame = dataclasses.replace(one.newest, step=1, loss=0.1, b=lost)
    with one._changed:
        one._take(one._state, frame, 1)
    assert one.status == "diverged"


def test_what_goes_wrong_is_said_and_a_restart_goes_on(live, monkeypatch):
    def fails(*_):
        raise RuntimeError("no room\n" + "x" * 1000)

    one = live()
    stepped(one, 1)
    with monkeypatch.context() as patched:
        patched.setattr(trainer, "_advanced", fails)
        one.play()
        until(lambda: one.status == "failed")
    found = one.snapshot()
    assert found.failure.startswith("RuntimeError: no room x")
    assert len(found.failure) == trainer.MOST_SIGNS and found.newest.step == 1
    one.play()
    one.step()
    assert one.status == "failed"
    one.restart()
    assert one.snapshot().failure is None
    assert stepped(one, 2).step == 2 and one.status == "paused"


def test_steps_that_are_asked_for_in_a_chunk_come_on_top(live, held_chunk):
    one = live()
    one.play()
    assert held_chunk.inside.wait(60)
    one.step(3)  # while a step of playing is computed
    held_chunk.free.set()
    until(lambda: one.status == "paused")
    counts = [arguments[-1] for arguments in held_chunk.calls]
    assert counts[0] == 1 and sum(counts) == one.newest.step == 4


def test_a_pause_in_a_chunk_forgets_the_steps_before_it_alone(live, held_chunk):
    one = live()
    one.step(100)
    assert held_chunk.inside.wait(60)
    one.pause()
    one.step(2)
    held_chunk.free.set()
    until(lambda: one.status == "paused")
    assert one.newest.step == 3


def test_a_pause_is_seen_between_two_chunks(live):
    one = live()
    stepped(one, 2)
    one.slow_down(10)
    one.play()
    until(lambda: one.newest.step > 2)
    one.pause()  # while it waits for its next turn
    until(lambda: one.status == "paused")


def test_a_pace_is_kept_and_said(live):
    one = live()
    stepped(one, 2)
    one.slow_down(50)
    one.play()
    until(lambda: one.newest.step > 4)
    began, first = time.monotonic(), one.newest.step
    until(lambda: one.newest.step > first + 20)
    done, seconds = one.newest.step - first, time.monotonic() - began
    assert done <= 50 * seconds + 2
    assert one.steps_per_second <= 51


def test_segments_say_which_settings_held_until_when(live):
    one = live()
    assert one.segments(0) == [trainer.Segment(0, QUICK)]
    stepped(one, 4)
    other = dataclasses.replace(QUICK, sparsity=0.5)
    one.change(other)
    stepped(one, 3)
    one.change(dataclasses.replace(QUICK, sparsity=0.1))  # never trained with
    one.change(QUICK)
    stepped(one, 2)
    whole = [(4, QUICK), (7, other), (9, QUICK)]
    assert [(s.until, s.controls) for s in one.segments(9)] == whole
    assert [(s.until, s.controls) for s in one.segments(6)] == [(4, QUICK), (6, other)]
    assert [(s.until, s.controls) for s in one.segments(4)] == [(4, QUICK)]


def test_more_changes_than_are_kept_are_no_segments(live, monkeypatch):
    monkeypatch.setattr(trainer, "MOST_CHANGES", 2)
    one = live()
    for sparsity in (0.5, 0.6, 0.7):
        one.change(dataclasses.replace(QUICK, sparsity=sparsity))
        stepped(one, 1)
    assert one.segments(3) is None


def test_closing_ends_the_thread(live):
    one = live()
    one.play()
    until(lambda: one.newest.step > 0)
    thread = one._thread
    one.close()
    assert not thread.is_alive() and one.status == "ended"
    one.play()
    assert one.status == "ended"


def test_a_closed_training_is_not_revived(live, held_chunk):
    one = live()
    one.play()
    assert held_chunk.inside.wait(60)
    closing = threading.Thread(target=one.close)
    closing.start()  # waits for the chunk
    until(lambda: one.status == "ended")
    start = Start(one.newest.W, one.newest.b, "a test")
    for command in (
        one.restart,
        lambda: one.change({"sparsity": 0.5}),
        lambda: one.change({"n": 7}),
        lambda: one.begin_from(QUICK, start),
    ):
        with pytest.raises(EndedError):
            command()
        one.play()
        one.step()
    held_chunk.free.set()
    closing.join(60)
    assert not closing.is_alive() and one.status == "ended"
    assert one.generation == 1 and len(held_chunk.calls) == 1


def test_what_is_seen_at_one_moment_is_of_one_training(live, monkeypatch):
    one = live()
    before = stepped(one, 3)
    held = Held(monkeypatch, "_frame")
    changing = threading.Thread(target=one.change, args=({"n": 7},))
    changing.start()
    assert held.inside.wait(60)
    # Whoever looks without the lock sees the old training, whole.
    assert (one.generation, one.newest, one.controls) == (1, before, QUICK)
    seen = []
    looking = threading.Thread(target=lambda: seen.append(one.snapshot()))
    looking.start()
    held.free.set()
    changing.join(60)
    looking.join(60)
    (found,) = seen
    assert (found.generation, found.controls.n, found.newest.step) == (2, 7, 0)
    assert {frame.W.shape for frame in found.frames} == {(2, 7)}


def test_changes_are_merged_with_what_holds(live):
    one = live()
    assert not one.change({"learning_rate": 0.02})
    assert not one.change({"sparsity": 0.5})
    expected = dataclasses.replace(QUICK, learning_rate=0.02, sparsity=0.5)
    assert one.controls == expected
    with pytest.raises(tm.SettingsError, match="fewer than n"):
        one.change({"d": 5})
    assert one.controls == expected and one.generation == 1
    assert one.change({"d": 3})
    assert one.controls == dataclasses.replace(expected, d=3)
    assert one.change(QUICK) and one.controls == QUICK


def test_programs_are_let_go_when_there_are_many_kinds(monkeypatch):
    released, crowded = [], []
    monkeypatch.setattr(programs, "_met", set())
    monkeypatch.setattr(programs, "MOST_KINDS", 3)
    monkeypatch.setattr(programs, "release_compiled", lambda: released.append(1))
    monkeypatch.setattr(programs, "is_crowded", lambda: bool(crowded))
    for n in (3, 4, 5, 3):
        programs.make_room("training", Controls(n=n))
    # What is traced is no other program.
    programs.make_room("training", Controls(n=5, sparsity=0.1, seed=3))
    assert not released
    programs.make_room("poke", Controls(n=3))
    assert len(released) == 1
    programs.make_room("map", Controls(n=3), 24, 4)
    crowded.append(1)
    programs.make_room("map", Controls(n=3), 24, 4)
    assert len(released) == 1
    programs.make_room("map", Controls(n=3), 24, 1)
    assert len(released) == 2


def test_training_goes_on_while_programs_are_let_go(live, monkeypatch):
    monkeypatch.setattr(programs, "MOST_KINDS", 1)
    one, other = live(), live()
    one.play()
    for n in (4, 5, 6, 7):
        other.change({"n": n})
        assert stepped(other, 3).W.shape == (2, n)
    until(lambda: one.newest.step > 20)
    assert one.status == "playing"


def test_waiting_ends_with_the_next_frame(live):
    one = live()
    version = one.version
    assert one.wait(version, timeout=0.01) == version
    one.step(1)
    assert one.wait(version, timeout=60) > version


def test_groups_and_backdoor_are_what_is_trained():
    grouped = Controls(n=6, groups="anticorrelated", group_size=3, sparsity=0.25)
    np.testing.assert_allclose(grouped.features().activity(), 0.25)
    planted = Controls(n=9, backdoor_size=3, backdoor_rate=0.2)
    assert (planted.point() > 0).sum() == 3
    assert planted.features().rate == pytest.approx(0.2)


def test_a_point_is_planted_and_taken_out_without_a_restart(live):
    one = live()
    before = stepped(one, 5)
    planted = dataclasses.replace(QUICK, backdoor_point="1:1 2:1", backdoor_rate=0.4)
    assert not one.change(planted)
    changed = stepped(one, 5)
    assert changed.step == 10 and changed.controls.planted
    assert not one.change(QUICK)
    assert stepped(one, 5).step == 15
    other = live()
    np.testing.assert_array_equal(stepped(other, 5).W, before.W)
    assert np.abs(stepped(other, 5).W - changed.W).max() > 1e-4


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"n": 101}, "n"),
        ({"n": 1}, "n"),
        ({"n": 5.0}, "n"),
        ({"n": True}, "n"),
        ({"d": 5}, "d"),
        ({"n": 50, "d": 21}, "d"),
        ({"sparsity": 1.0}, "sparsity"),
        ({"sparsity": -0.1}, "sparsity"),
        ({"sparsity": float("nan")}, "sparsity"),
        ({"sparsity": "0.5"}, "sparsity"),
        ({"sparsity": 10**400}, "sparsity"),
        ({"seed": 10**400}, "seed"),
        ({"exponent": 9.0}, "exponent"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"activation": "eval"}, "activation"),
        ({"groups": "correlated", "n": 5}, "group_size"),
        ({"backdoor_size": 6}, "backdoor_size"),
        ({"backdoor_rate": 0.9}, "backdoor_rate"),
        ({"backdoor_point": "6:1"}, "backdoor_point"),
        ({"backdoor_point": "0:1"}, "backdoor_point"),
        ({"backdoor_point": "1:0"}, "backdoor_point"),
        ({"backdoor_point": "1:1.1"}, "backdoor_point"),
        ({"backdoor_point": "1:1 1:1"}, "backdoor_point"),
        ({"backdoor_point": "one"}, "backdoor_point"),
        ({"backdoor_point": " "}, "backdoor_point"),
        ({"backdoor_point": "1:1 " * 900}, "backdoor_point"),
        ({"backdoor_point": 1}, "backdoor_point"),
        ({"batch": 10**9}, "batch"),
        ({"seed": -1}, "seed"),
        ({"importance_decay": 0.0}, "importance_decay"),
        ({"importance_decay": 11.0}, "importance_decay"),
        ({"importance_decay": 2.0, "n": 50}, "importance_decay"),
        ({"colour": "red"}, "settings"),
        ([1], "settings"),
    ],
)
def test_bad_settings_name_their_field(data, field):
    with pytest.raises(tm.SettingsError) as caught:
        Controls.of(data)
    assert caught.value.field.partition("[")[0] == field


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(
    st.dictionaries(
        st.sampled_from([f.name for f in dataclasses.fields(Controls)]), JSON
    )
)
def test_anything_else_is_refused_in_one_way(data):
    try:
        controls = Controls.of(data)
    except tm.SettingsError as error:
        assert "\n" not in str(error)
    else:
        assert controls.spec().runs == 1
