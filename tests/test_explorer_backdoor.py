"""The explorer's planted point and its quiz, without a browser."""

import dataclasses
import json
import threading
import time

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import toymodels as tm
from toymodels.anomaly import (
    SCENARIOS,
    Context,
    auroc,
    draw_scenario,
    make_detector,
    observe,
    planted_worlds,
)
from toymodels.anomaly.scenarios import models_of
from toymodels.explorer import Controls, quiz_room, script
from toymodels.explorer.description import describe
from toymodels.explorer.planted_point import describe_point, parse_point
from toymodels.explorer.presets import PLANTED_EXAMPLES
from toymodels.explorer.quiz import (
    QUESTIONS,
    REFERENCE,
    SAMPLES,
    TRUTHS,
    Quiz,
    combinations_for,
    quiz_world,
)
from toymodels.explorer.quiz_detectors import DETECTORS, thresholds_of
from toymodels.explorer.quiz_room import (
    QuizRoom,
    begin_quiz,
    has_seen,
    take_guess,
)
from toymodels.explorer.sessions import PACES
from toymodels.explorer.trainer import Frame, LiveTrainer
from toymodels.geometry import pentagon

PLANTED = Controls(backdoor_point="1:1 3:1", backdoor_rate=0.05, batch=16)


def pentagon_frame(controls=PLANTED, scale=1.0):
    W = (np.asarray(pentagon()) * scale).astype(np.float32)
    return Frame(7, W, np.full(5, -0.2, np.float32), 0.1, controls)


@pytest.fixture(scope="module")
def quiz():
    """One that is only looked at."""
    return Quiz(pentagon_frame(), seed=3)


def fresh():
    return Quiz(pentagon_frame(), seed=3)


# --- the point -----------------------------------------------------------------------


def test_a_point_is_read_from_pairs():
    np.testing.assert_array_equal(parse_point("1:0.9  3:.5", 4), [0.9, 0, 0.5, 0])
    np.testing.assert_array_equal(parse_point("2:1e-1,1:1", 2), [1, 0.1])


@given(st.text(max_size=30), st.integers(2, 20))
def test_any_text_is_a_point_or_refused_at_its_field(text, n):
    try:
        point = parse_point(text, n)
    except tm.SettingsError as error:
        assert error.field == "backdoor_point" and "\n" not in str(error)
    else:
        assert point.shape == (n,) and point.any()
        assert ((point >= 0) & (point <= 1)).all()


def test_the_place_of_a_point_is_what_a_hand_computes():
    frame = pentagon_frame()
    stored = np.ones(5, bool)
    place = describe_point(frame.W, frame.b, stored, PLANTED.point(), "relu")
    # Corners 1 and 3 are 144° apart: their sum is 2 cos 72° long, towards corner 2.
    assert place["length"] == pytest.approx(2 * np.cos(np.radians(72)), abs=1e-4)
    assert (place["nearest"], place["features"]) == (1, [0, 2])
    assert place["degrees"] == pytest.approx(0, abs=0.1)
    x = PLANTED.point()
    out = np.maximum(frame.W.T @ (frame.W @ x) + frame.b, 0)
    expected = 1 - np.sum((out - x) ** 2) / 2
    assert place["returned"] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_the_place_of_a_point_is_json_whatever_the_weights(value):
    W = np.full((2, 5), value, np.float32)
    place = describe_point(W, W[0], np.ones(5, bool), PLANTED.point(), "gelu")
    json.dumps(place, allow_nan=False)
    assert place["returned"] is None


def test_earlier_frames_show_the_point_that_is_planted_now():
    before = pentagon_frame(Controls())
    assert describe(before, [])["planted"] is None
    assert describe(before, [], PLANTED)["planted"]["features"] == [0, 2]
    other = dataclasses.replace(PLANTED, n=7)
    assert describe(before, [], other)["planted"] is None


@pytest.mark.parametrize("example", PLANTED_EXAMPLES, ids=lambda one: one.name)
def test_planted_examples_are_valid(example):
    assert example.controls().planted and example.pace in PACES


def test_a_raised_rate_gives_the_point_a_corner_of_its_own():
    corner, *_ = PLANTED_EXAMPLES
    controls = corner.controls()
    trainer = LiveTrainer(controls)
    try:
        before = trained(trainer, 2000)
        assert before["length"] < 0.3
        trainer.change(dataclasses.replace(controls, backdoor_rate=0.05))
        after = trained(trainer, 4500)
    finally:
        trainer.close()
    assert after["length"] > 1.5 and after["degrees"] > 60 and after["returned"] > 0.9


def trained(trainer, until):
    trainer.step(until - trainer.newest.step)
    deadline = 600
    while trainer.newest.step < until or trainer.status == "playing":
        version = trainer.version
        trainer.wait(version, timeout=1)
        deadline -= 1
        assert deadline
    return describe(trainer.newest, [])["planted"]


# --- the quiz ------------------------------------------------------------------------


def test_numbers_are_those_of_the_library_on_the_same_draws(quiz):
    frame = pentagon_frame()
    params = {"W": frame.W[None], "b": frame.b[None]}
    world = models_of(planted_worlds(PLANTED.spec(), params))[0]
    keys = jax.random.split(jax.random.key(3), 6)
    combined = combinations_for(world)
    wanted = [
        ("reference", SCENARIOS["N"], REFERENCE),
        ("calibration", SCENARIOS["N"], REFERENCE),
        ("normal", SCENARIOS["N"], REFERENCE),
        ("unusual", combined, SAMPLES),
        ("whole", SCENARIOS["B"], SAMPLES // 2),
        ("part", SCENARIOS["B'"], SAMPLES // 2),
    ]
    drawn = {
        name: draw_scenario(scenario, world, key, size).x
        for (name, scenario, size), key in zip(wanted, keys, strict=True)
    }
    seen = {name: observe(world.model, world.params, x) for name, x in drawn.items()}
    for row, name in enumerate(["norm", "mahalanobis", "nearest neighbours"]):
        one = make_detector(name)
        fitted = one.fit(seen["reference"], Context())
        score = {k: np.asarray(one.score(fitted, seen[k])) for k in seen}
        backdoor = np.concatenate([score["whole"], score["part"]])
        said = quiz.about()["detectors"][row]
        for other in ("normal", "unusual"):
            expected = auroc(backdoor, score[other])
            assert said["auroc"][other] == pytest.approx(expected, abs=2e-3)
        limit = np.quantile(score["calibration"], 0.99, method="higher")
        assert said["threshold"] == pytest.approx(limit, rel=1e-2)
        share = np.mean(score["unusual"] > limit)
        assert said["rates"][1] == pytest.approx(share, abs=0.02)


def test_combinations_are_as_long_as_the_backdoor(quiz):
    lengths = [
        np.linalg.norm(quiz.frame.W @ quiz.draws.of(truth), axis=0) for truth in TRUTHS
    ]
    normal, unusual, backdoor = map(np.sort, lengths)
    np.testing.assert_allclose(unusual.mean(), backdoor.mean(), rtol=0.05)
    assert abs(normal.mean() - backdoor.mean()) > 0.1
    found = {one["title"]: one["auroc"] for one in quiz.about()["detectors"]}
    assert found["Length"]["unusual"] == pytest.approx(0.5, abs=0.06)
    assert found["Random"]["unusual"] == pytest.approx(0.5, abs=0.07)
    assert found["Length"]["normal"] > 0.8


def test_thresholds_let_one_in_a_hundred_pass_even_with_ties():
    scores = np.stack([np.arange(1000.0), np.zeros(1000)])
    limits = thresholds_of(scores)
    assert (scores[0] > limits[0]).sum() == 9
    assert not (scores[1] > limits[1]).any()


def test_a_normal_sample_seldom_raises_an_alarm(quiz):
    for one in quiz.about()["detectors"]:
        # 2,000 samples against a threshold from 2,000: three standard errors of both.
        assert one["rates"][0] < 0.01 + 3 * np.sqrt(2 * 0.01 / REFERENCE)


def test_nothing_tells_the_truth_before_the_guess(quiz):
    question = quiz.question()
    assert set(question) == {"number", "h", "length"}
    about = json.dumps(quiz.about(), allow_nan=False)
    assert "seed" not in about and "truth" not in about


def test_all_questions_are_answered_and_counted():
    one = fresh()
    rng = np.random.default_rng(0)
    truths, hits = [], np.zeros((len(DETECTORS), 3), int)
    for number in range(1, QUESTIONS + 1):
        asked = one.question()
        assert asked is not None and asked["number"] == number
        said = one.guess(number, TRUTHS[rng.integers(3)])
        assert said["h"] == asked["h"] and said["features"]
        x = np.zeros(5)
        x[said["features"]] = said["values"]
        np.testing.assert_allclose(one.frame.W @ x, said["h"], atol=1e-4)
        truth = TRUTHS.index(said["truth"])
        truths.append(truth)
        hits[:, truth] += said["alarms"]
        limits = one.scored.thresholds
        above = np.array(said["scores"]) > limits
        close = np.isclose(said["scores"], limits, rtol=1e-3)
        assert (above == said["alarms"])[~close].all()
    tally = one.tally()
    assert np.sum(tally["person"], axis=1).tolist() == np.bincount(truths).tolist()
    assert tally["alarms"] == hits.tolist()
    assert min(np.bincount(truths, minlength=3)) > 10
    assert one.question() is None
    with pytest.raises(tm.SettingsError, match="question"):
        one.guess(QUESTIONS + 1, "normal")


@pytest.mark.parametrize(
    ("number", "word"), [(2, "normal"), (0, "normal"), (1, "x"), (1, "")]
)
def test_other_guesses_are_refused_and_change_nothing(quiz, number, word):
    with pytest.raises(tm.SettingsError) as caught:
        quiz.guess(number, word)
    assert caught.value.field == "guess" and quiz.answered == 0


def test_the_same_seed_asks_the_same(quiz):
    again = fresh()
    assert again.question() == quiz.question() and again.about() == quiz.about()
    other = Quiz(pentagon_frame(), seed=4)
    assert other.about()["detectors"] != quiz.about()["detectors"]


def test_share_zero_is_a_control_that_can_be_asked_about():
    control = Quiz(
        pentagon_frame(dataclasses.replace(PLANTED, backdoor_rate=0.0)), seed=3
    )
    assert control.about()["rate"] == 0
    # The weights are the same, so all that is drawn is: the rate is of training alone.
    assert control.about()["detectors"] == fresh().about()["detectors"]


NAN = np.full((2, 5), np.nan, np.float32)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pentagon_frame(Controls()), "no planted point"),
        (dataclasses.replace(pentagon_frame(), W=NAN), "diverged"),
        (pentagon_frame(scale=0.0), "stored features at step 7"),
        (
            pentagon_frame(dataclasses.replace(PLANTED, backdoor_point="1:1")),
            "of one feature",
        ),
    ],
)
def test_what_cannot_be_asked_about_is_said(frame, words):
    with pytest.raises(tm.SettingsError, match=words) as caught:
        quiz_world(frame)
    assert caught.value.field == "quiz" and caught.value.hint


@pytest.mark.parametrize(
    "controls",
    [
        Controls(n=3, d=1, sparsity=0.999, backdoor_point="1:1 2:0.5"),
        Controls(n=6, d=3, groups="anticorrelated", group_size=3, backdoor_size=3),
        Controls(n=6, d=4, groups="correlated", sparsity=0.0, backdoor_size=6),
        Controls(n=4, d=3, activation="gelu", backdoor_point="1:1 2:0.001"),
    ],
)
def test_quizzes_of_every_kind_of_world(controls):
    rng = np.random.default_rng(0)
    W = rng.normal(size=(controls.d, controls.n)).astype(np.float32)
    W += 0.8 * np.sign(W)
    one = Quiz(Frame(3, W, np.zeros(controls.n, np.float32), 0.1, controls), seed=0)
    json.dumps([one.about(), one.question()], allow_nan=False)
    for number in range(1, QUESTIONS + 1):
        json.dumps(one.guess(number, "normal"), allow_nan=False)


def test_dimensions_that_stay_empty_are_told():
    W = np.asarray(pentagon(), np.float32)
    flat = np.concatenate([W, np.zeros((1, 5), np.float32)])
    controls = dataclasses.replace(PLANTED, d=3)
    one = Quiz(Frame(3, flat, np.zeros(5, np.float32), 0.1, controls), seed=0)
    (doubt,) = one.about()["doubts"]
    assert "empty" in doubt


# --- the room ------------------------------------------------------------------------


def test_a_room_keeps_its_newest_quiz_and_refuses_older_ones():
    room = QuizRoom()
    assert room.state() == {"quiz": None}
    with pytest.raises(tm.SettingsError, match="newest quiz"):
        room.guess(1, 1, "normal")
    first = room.begin(pentagon_frame(), 0)
    said = room.guess(first["quiz"], 1, "unusual")
    assert room.state()["last"] == said["last"]
    assert room.state()["question"]["number"] == 2
    second = room.begin(pentagon_frame(), 1)
    assert second["last"] is None and second["tally"]["answered"] == 0
    with pytest.raises(tm.SettingsError, match="newest quiz"):
        room.guess(first["quiz"], 2, "normal")


def test_a_quiz_that_cannot_be_made_leaves_the_one_before():
    room = QuizRoom()
    first = room.begin(pentagon_frame(), 0)
    with pytest.raises(tm.SettingsError):
        room.begin(pentagon_frame(Controls()), 0)
    assert room.state() == first


def test_one_quiz_is_made_at_a_time_and_one_waits(monkeypatch):
    inside, finish = threading.Event(), threading.Event()

    def slow(frame, *, seed):
        inside.set()
        assert finish.wait(30)
        raise tm.SettingsError("quiz", "stopped", "nothing")

    monkeypatch.setattr("toymodels.explorer.quiz_room.Quiz", slow)
    errors = []

    def begin():
        try:
            QuizRoom().begin(pentagon_frame(), 0)
        except tm.SettingsError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=begin) for _ in range(2)]
    threads[0].start()
    assert inside.wait(30)
    threads[1].start()
    places = quiz_room._making._places
    deadline = time.monotonic() + 30
    while places._value:  # the other one is on its way to the queue
        assert time.monotonic() < deadline
        time.sleep(0.005)
    begin()
    finish.set()
    for thread in threads:
        thread.join(30)
    assert ["at most 2" in text for text in errors] == [True, False, False]


def test_no_quiz_is_made_of_two_trainings(monkeypatch):
    trainer = LiveTrainer(PLANTED)

    def begun_anew(one, frame):
        one.restart()
        return has_seen(one, frame)

    monkeypatch.setattr(quiz_room, "has_seen", begun_anew)
    try:
        with pytest.raises(tm.SettingsError, match="training that ended"):
            begin_quiz(QuizRoom(), trainer, {})
    finally:
        trainer.close()


def test_two_threads_cannot_answer_one_question_twice():
    room = QuizRoom()
    made = room.begin(pentagon_frame(), 0)
    outcomes = []

    def guess():
        try:
            outcomes.append(room.guess(made["quiz"], 1, "normal")["tally"]["answered"])
        except tm.SettingsError:
            outcomes.append(None)

    threads = [threading.Thread(target=guess) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes, key=str) == [1] + [None] * 7


def test_a_quiz_is_about_the_step_that_is_shown_and_the_settings_that_hold():
    trainer = LiveTrainer(dataclasses.replace(PLANTED, backdoor_point=""))
    try:
        with pytest.raises(tm.SettingsError, match="no planted point"):
            begin_quiz(QuizRoom(), trainer, {})
        trainer._newest = dataclasses.replace(
            pentagon_frame(), controls=trainer.controls
        )
        trainer.change(dataclasses.replace(PLANTED, backdoor_rate=0.25))
        made = begin_quiz(QuizRoom(), trainer, {"seed": 1})
        assert (made["about"]["step"], made["about"]["rate"]) == (7, 0.25)
        # Before training the columns are random; that can be asked about too.
        untrained = begin_quiz(QuizRoom(), trainer, {"step": 0})
        assert untrained["about"]["step"] == 0
        assert untrained["about"]["W"] != made["about"]["W"]
        assert untrained["origin"] == {
            "generation": trainer.generation,
            "seen": False,
        }
    finally:
        trainer.close()


def test_a_control_is_a_model_that_was_never_shown_the_point():
    controls = dataclasses.replace(PLANTED, backdoor_rate=0.0)
    trainer = LiveTrainer(controls)
    seen = []

    def ask(changes, step):
        trainer.change(dataclasses.replace(controls, **changes))
        trained(trainer, step)
        seen.append(has_seen(trainer, trainer.newest))

    try:
        ask({}, 2)
        ask({"backdoor_rate": 0.1, "backdoor_point": "2:1 3:1"}, 4)
        ask({}, 6)
        ask({"backdoor_rate": 0.1}, 8)
        ask({}, 10)
    finally:
        trainer.close()
    assert seen == [False, True, False, True, True]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(["step", "seed", "quiz", "number", "guess"]), JSON, max_size=5
    )
)
def test_malformed_commands_are_refused_in_one_way(data):
    trainer = LiveTrainer(Controls(batch=16))
    room = QuizRoom()
    for work in (
        lambda: begin_quiz(room, trainer, data),
        lambda: take_guess(room, data),
    ):
        with pytest.raises(tm.SettingsError) as caught:
            work()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("planted", [False, True])
def test_the_head_of_a_script_fits_in_a_line(planted):
    names = script._live(planted)
    head = script._head(names)
    assert max(map(len, head.splitlines())) <= script.LINE
    made = {}
    exec(f"{head}\n    return locals()", made)  # noqa: S102
    given = dict.fromkeys(names, 1)
    assert made["spec"](**given) == given
