"""Pokes: their numbers are those of the library, and what cannot be poked says so."""

import dataclasses
import json
import threading

import httpx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toymodels.config import SettingsError
from toymodels.explorer import Controls, poke_commands, poke_contour, poke_curve
from toymodels.explorer import poke as pokes
from toymodels.explorer.poke import picture, take
from toymodels.explorer.poke_commands import MOST_TAKEN, MOST_WAITING, Pokes
from toymodels.explorer.poke_contour import LEVELS, contour
from toymodels.explorer.poke_curve import poke
from toymodels.explorer.poke_directions import REACHES, Push, Second, push_direction
from toymodels.explorer.serve import served_in_thread
from toymodels.explorer.sessions import Session, Sessions
from toymodels.explorer.trainer import Frame
from toymodels.geometry import pentagon
from toymodels.probes import (
    Rays,
    Subject,
    boundary_radii,
    fit_superellipse,
    output_of,
    response_curves,
)
from toymodels.probes.real_bases import labelled_bases

FIVE = Controls(n=5, d=2, sparsity=0.9, importance_decay=1.0)
LINE = Controls(n=3, d=1, sparsity=0.8)
FEATURE = Push(base=1, kind="feature", feature=3)


def frame_of(controls, W, b, step=7):
    W, b = np.asarray(W, np.float32), np.asarray(b, np.float32)
    return Frame(step, W, b, 0.1, controls)


def pentagon_frame(**changes):
    controls = dataclasses.replace(FIVE, **changes)
    return frame_of(controls, pentagon(), np.full(5, -0.2))


@pytest.fixture(scope="module")
def taken():
    return take(pentagon_frame(), seed=3)


@pytest.fixture(scope="module")
def many():
    """Ten features in four dimensions."""
    controls = Controls(n=10, d=4, sparsity=0.85)
    rng = np.random.default_rng(0)
    return take(
        frame_of(controls, 0.6 * rng.normal(size=(4, 10)), np.full(10, -0.1)), seed=1
    )


def outputs_of(taken, h):
    """ReLU(Wᵀh + b) in NumPy, for activations in columns."""
    W, b = (np.asarray(taken.subject.params[k], float) for k in ("W", "b"))
    return np.maximum(W.T @ h + b[:, None], 0.0)


# --- numbers -------------------------------------------------------------------------


def test_activations_and_their_unit_are_those_of_the_library(taken):
    frame = pentagon_frame()
    params = {"W": jnp.asarray(frame.W), "b": jnp.asarray(frame.b)}
    drawn = labelled_bases(
        Subject(FIVE.model(), params, "hidden"),
        FIVE.features(),
        jax.random.key(3),
        bases=pokes.REAL,
    )
    np.testing.assert_allclose(taken.bases.h, drawn.real, rtol=1e-6)
    np.testing.assert_allclose(taken.units["hidden"], drawn.unit, rtol=1e-5)
    shown = picture(taken)
    assert len(shown["activations"]) == taken.shown == pokes.SHOWN
    for one, x, h in zip(shown["activations"], drawn.x.T, drawn.real.T, strict=False):
        assert one["features"] == (np.flatnonzero(x) + 1).tolist() != []
        np.testing.assert_allclose(one["at"], h, atol=1e-5)


def test_more_dimensions_are_drawn_in_their_principal_components(many):
    shown = picture(many)
    real = np.asarray(many.bases.real, float)
    values = np.linalg.eigvalsh(np.cov(real))[::-1]
    assert shown["explained"] == pytest.approx(values[:2].sum() / values.sum(), 1e-4)
    at = np.array([one["at"] for one in shown["activations"]])
    centred = real - real.mean(axis=1, keepdims=True)
    spread = np.linalg.svd(centred)[0][:, :2].T @ centred[:, : many.shown]
    np.testing.assert_allclose(np.abs(at.T), np.abs(spread), atol=1e-4)


def test_a_curve_is_what_the_outputs_do(taken):
    push = Push(base=2, kind="feature", feature=3, sign=-1, reach=4)
    found = poke(taken, push)
    W = np.asarray(taken.subject.params["W"], float)
    h = np.asarray(taken.bases.h, float)[:, 1:2]
    v = -W[:, 2] / np.linalg.norm(W[:, 2])
    lengths = np.asarray(found["lengths"])
    assert lengths[-1] == 4 and len(lengths) == poke_curve.RADII
    outputs = outputs_of(taken, h + v[:, None] * lengths * taken.units["hidden"])
    np.testing.assert_allclose(np.transpose(found["outputs"]), outputs, atol=2e-5)
    moved = np.linalg.norm(outputs - outputs[:, :1], axis=0) / taken.units["output"]
    np.testing.assert_allclose(found["curve"], moved, atol=5e-5)
    straight = lengths * taken.units["hidden"] * np.linalg.norm(W.T @ v)
    straight /= taken.units["output"]
    np.testing.assert_allclose(found["linear"], straight, atol=5e-5)
    assert found["r10_linear"] == pytest.approx(0.4, abs=1e-4)
    # By hand: the first length at which a tenth of the largest is reached.
    tenth = np.interp(
        0.1 * moved.max(), moved[: moved.argmax()], lengths[: moved.argmax()]
    )
    assert found["r10"] == pytest.approx(tenth, abs=1e-3)


@pytest.mark.parametrize(
    "kind", ["isotropic", "covariance", "adversarial", "real_other"]
)
def test_other_directions_agree_with_the_library(many, kind):
    push = Push(base=4, kind=kind, other=6, draw=2, reach=1)
    base = many.base(3)
    v = push_direction(many.bases, base, push, many.key, shown=many.shown)
    assert np.linalg.norm(v) == pytest.approx(1, abs=1e-5)
    curves = response_curves(
        base,
        jnp.asarray(v[None, None], jnp.float32),
        jnp.linspace(0, 1, poke_curve.RADII, dtype=jnp.float32),
        units={name: jnp.float32(unit) for name, unit in many.units.items()},
    )
    found = poke(many, push)
    np.testing.assert_allclose(
        found["curve"], curves.distance["output"][0, 0], atol=5e-5
    )
    # What the library counts as crossed, the page can count: outputs past ½.
    outputs = np.asarray(found["outputs"])
    past = ((outputs > 0.5) != (outputs[0] > 0.5)).mean(axis=1)
    np.testing.assert_allclose(past, curves.crossed[0, 0], atol=1e-6)


def test_the_strongest_answer_is_stronger_than_others(many):
    strongest = poke(many, Push(base=1, kind="adversarial", reach=1))
    assert strongest["curve"][2] >= max(c[2] for c in strongest["compared"]) - 1e-6
    another = poke(many, Push(base=1, kind="isotropic", draw=1, reach=1))
    assert (
        another["curve"] != poke(many, Push(base=1, kind="isotropic", reach=1))["curve"]
    )


def test_readoffs_cross_where_outputs_switch(taken):
    found = poke(taken, FEATURE)
    assert found["crossings"], "nothing crosses"
    turned = {one["feature"]: one for one in found["crossings"]}
    outputs, lengths = np.asarray(found["outputs"]), np.asarray(found["lengths"])
    for i in range(5):
        changed = (outputs[:, i] > 0) != (outputs[0, i] > 0)
        assert changed.any() == (i + 1 in turned)
        if changed.any():
            one = turned[i + 1]
            first = int(changed.argmax())
            assert lengths[first - 1] - 1e-4 <= one["length"] <= lengths[first] + 1e-4
            assert one["on"] == (outputs[0, i] == 0)
    ordered = [one["length"] for one in found["crossings"]]
    assert ordered == sorted(ordered)


def test_a_plateau_is_flat_to_the_threshold():
    """A digon whose other line is on: nothing happens until −b is passed."""
    W = np.array([[1.0, -1.0, 0, 0, 0], [0, 0, 1.0, -1.0, 0]])
    taken = take(frame_of(FIVE, W, np.full(5, -0.3)), seed=0)
    shown = picture(taken)["activations"]
    base = next(k for k, one in enumerate(shown) if one["features"] == [3])
    found = poke(taken, Push(base=base + 1, kind="feature", feature=1))
    threshold = 0.3 / taken.units["hidden"]
    assert found["crossings"] == [
        {"feature": 1, "length": pytest.approx(threshold, abs=1e-4), "on": True}
    ]
    curve, lengths = np.asarray(found["curve"]), np.asarray(found["lengths"])
    assert curve[lengths < threshold].max() < 1e-6 < curve[lengths > threshold].min()
    assert found["still"][0] == 0
    assert found["still"][1] == pytest.approx(threshold, abs=0.04)
    assert found["slope"] == 0 and found["r10"] > threshold > found["r10_linear"]
    assert found["nearest"] == 1 and found["to_nearest"] == 0
    assert found["to_base"] == 90


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        (np.linspace(0, 1, 101), None),
        (np.r_[np.zeros(41), np.linspace(0, 1, 60)], [0, 0.8]),
        (np.r_[np.linspace(0, 1, 31), np.ones(40), np.linspace(1, 3, 30)], [0.6, 1.4]),
        (np.r_[np.zeros(3), np.linspace(0, 1, 98)], None),
        (np.zeros(101), [0, 2]),
        (np.full(101, np.nan), None),
    ],
)
def test_where_a_response_stands_still(curve, expected):
    found = poke_curve.still_stretch(np.linspace(0, 2, 101), curve)
    if expected is None:
        assert found is None
    else:
        assert found == pytest.approx(expected, abs=0.021)


def test_a_linear_model_is_its_own_control(taken):
    linear = take(pentagon_frame(activation="identity"), seed=3)
    found = poke(linear, FEATURE)
    np.testing.assert_allclose(found["curve"], found["linear"], atol=2e-5)
    assert found["slope"] == pytest.approx(1, abs=1e-3)
    assert found["still"] is None
    assert found["crossings"] is None
    plane = contour(linear, FEATURE, Second("feature", 5))
    for level in plane["levels"]:
        for quarter in level["quarters"]:
            assert quarter["p"] is None or quarter["p"] == pytest.approx(2, abs=0.05)


def test_contours_are_those_of_the_library(many):
    push = Push(base=3, kind="feature", feature=2)
    found = contour(many, push, Second("feature", 7))
    W, b = (np.asarray(many.subject.params[k], float) for k in ("W", "b"))
    u = W[:, 1] / np.linalg.norm(W[:, 1])
    v = W[:, 6] / np.linalg.norm(W[:, 6])
    assert found["angle"] == pytest.approx(np.degrees(np.arccos(u @ v)), abs=0.1)
    v = v - (u @ v) * u
    v /= np.linalg.norm(v)
    unit, base = many.units["hidden"], many.base(2)
    tau = np.array([level["tau"] for level in found["levels"]]) * many.units["output"]
    # At twice the resolution, in d̄ instead of shares of the reach.
    rays = Rays(reach=2.0, angles=31, coarse=192, halvings=6)
    column = lambda vector: jnp.asarray(unit * vector[:, None], jnp.float32)  # noqa: E731
    radii = boundary_radii(
        output_of(base.subject),
        base.h,
        base.x,
        column(u),
        column(v),
        jnp.asarray(tau[:, None], jnp.float32),
        rays,
    )[:, 0]
    fits = fit_superellipse(rays.phi(), np.asarray(radii))
    assert len(found["levels"]) == len(LEVELS)
    reached = 0
    for place, level in enumerate(found["levels"]):
        quarter = level["quarters"][0]
        mine = np.array([np.nan if r is None else r for r in quarter["radii"]])
        np.testing.assert_allclose(mine, radii[place], atol=2e-3)
        assert quarter["missing"] == pytest.approx(np.isnan(mine).mean(), abs=1e-4)
        if quarter["p"] is not None and not quarter["at_bound"]:
            assert quarter["p"] == pytest.approx(float(fits.exponent[place]), rel=0.02)
            assert quarter["low"] <= quarter["p"] <= quarter["high"]
            reached += 1
        # On every quarter's boundary the output has moved by τ.
        for other in level["quarters"]:
            for angle, radius in zip(found["phi"], other["radii"], strict=True):
                if radius is None:
                    continue
                h = np.asarray(base.h, float)[:, 0]
                s, t = other["signs"]
                moved = h + radius * unit * (
                    s * np.cos(angle) * u + t * np.sin(angle) * v
                )
                change = outputs_of(many, np.stack([h, moved], axis=1))
                size = np.linalg.norm(change[:, 1] - change[:, 0])
                assert size == pytest.approx(tau[place], rel=5e-3)
        # Without ReLU the output moves by ‖Wᵀ·push‖, whatever the activation.
        across = np.stack([np.cos(found["phi"]), np.sin(found["phi"])])
        for other in level["linear"]:
            push_by = np.stack([u, v], axis=1) @ (
                np.array(other["signs"])[:, None] * across
            )
            expected = tau[place] / np.linalg.norm(W.T @ push_by, axis=0) / unit
            radius = np.array([np.nan if r is None else r for r in other["radii"]])
            np.testing.assert_allclose(
                radius, np.where(expected < 2, expected, np.nan), rtol=2e-3
            )
    assert reached >= 3


def test_no_boundary_within_reach_is_reported(taken):
    found = contour(taken, dataclasses.replace(FEATURE, reach=1), Second("feature", 5))
    far = max(found["levels"], key=lambda level: level["tau"])
    missing = [quarter["missing"] for quarter in far["quarters"]]
    assert max(missing) > 0
    for level in found["levels"]:
        for quarter in level["quarters"]:
            share = np.mean([radius is None for radius in quarter["radii"]])
            assert quarter["missing"] == pytest.approx(share, abs=1e-4)
            if None in quarter["axes"]:
                assert quarter["p"] is None and quarter["low"] is None


def test_other_draws_and_lengths_compile_nothing_again(taken):
    poke(taken, FEATURE)
    contour(taken, FEATURE, Second("feature", 5))
    programs = (pokes._drawn, poke_curve._answers, poke_contour._contours)
    before = [program._cache_size() for program in programs]
    other = take(pentagon_frame(sparsity=0.7), seed=9)
    poke(other, Push(base=5, kind="mixture", feature=1, with_feature=2, reach=4))
    contour(other, Push(base=5, kind="feature", feature=1, reach=4), Second())
    assert [program._cache_size() for program in programs] == before


def test_a_suggestion_can_be_followed(taken, many):
    for one in (taken, many):
        chosen = picture(one)["suggested"]
        on = picture(one)["activations"][chosen["base"] - 1]["features"]
        assert chosen["feature"] not in on and chosen["second"] != chosen["feature"]
        push = Push(base=chosen["base"], kind="feature", feature=chosen["feature"])
        contour(one, push, Second("feature", chosen["second"]))


@pytest.mark.parametrize("S", [0.0, 0.999])
def test_dense_and_very_sparse_worlds_have_activations(S):
    one = take(pentagon_frame(sparsity=S), seed=0)
    shown = picture(one)["activations"]
    assert 1 <= len(shown) <= pokes.SHOWN and all(a["features"] for a in shown)
    json.dumps(poke(one, FEATURE), allow_nan=False)
    json.dumps(contour(one, FEATURE, Second("feature", 5)), allow_nan=False)


# --- what cannot be poked ------------------------------------------------------------


def test_diverged_and_silent_models_say_so():
    with pytest.raises(SettingsError, match="not diverged") as refused:
        take(frame_of(FIVE, np.full((2, 5), np.nan), np.zeros(5)), seed=0)
    assert refused.value.field == "weights"
    with pytest.raises(SettingsError, match="all the same"):
        take(frame_of(FIVE, np.zeros((2, 5)), np.zeros(5)), seed=0)
    with pytest.raises(SettingsError, match="answers all real samples alike"):
        take(frame_of(FIVE, pentagon(), np.full(5, -9.0)), seed=0)
    with pytest.raises(SettingsError, match="beyond all bounds"):
        take(frame_of(FIVE, 1e18 * np.asarray(pentagon()), np.zeros(5)), seed=0)


def test_a_world_without_features_says_so(monkeypatch):
    drawn = pokes._drawn

    def empty(*arguments):
        bases, units = drawn(*arguments)
        return dataclasses.replace(bases, active=bases.active & False), units

    monkeypatch.setattr(pokes, "_drawn", empty)
    with pytest.raises(SettingsError, match="active feature"):
        take(pentagon_frame(), seed=0)


@pytest.mark.parametrize(
    ("push", "field"),
    [
        (Push(base=1, kind="feature", feature=5), "feature"),
        (Push(base=1, kind="mixture", feature=1, with_feature=5), "with_feature"),
        (Push(base=1, kind="mixture", feature=1, with_feature=2), "with_feature"),
    ],
)
def test_directions_that_do_not_exist_name_their_field(push, field):
    W = np.array([[1.0, -1.0, 0, 0, 0], [0, 0, 1.0, -1.0, 0]])
    one = take(frame_of(FIVE, W, np.zeros(5)), seed=0)
    with pytest.raises(SettingsError) as refused:
        poke(one, push)
    assert refused.value.field == field


def test_parallel_directions_span_no_plane(taken):
    with pytest.raises(SettingsError, match="parallel") as refused:
        contour(taken, FEATURE, Second("feature", 3))
    assert refused.value.field == "second"


def test_one_dimension_has_curves_and_no_contour():
    one = take(frame_of(LINE, [[1.0, -1.0, 0.4]], np.zeros(3)), seed=0)
    places = [activation["at"] for activation in picture(one)["activations"]]
    np.testing.assert_allclose(places, [[h, 0] for h in one.bases.h[0, :60]], atol=1e-5)
    for kind in ("isotropic", "covariance", "adversarial", "feature"):
        json.dumps(poke(one, Push(base=1, kind=kind, feature=2)), allow_nan=False)
    with pytest.raises(SettingsError, match="a plane") as refused:
        contour(one, Push(base=1), Second())
    assert refused.value.field == "second"


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"base": 0}, "base"),
        ({"base": 61}, "base"),
        ({"base": "1"}, "base"),
        ({"base": None}, "base"),
        ({"kind": "sideways"}, "kind"),
        ({"kind": ["feature"]}, "kind"),
        ({"kind": "feature"}, "feature"),
        ({"kind": "feature", "feature": 6}, "feature"),
        ({"kind": "feature", "feature": 1.5}, "feature"),
        ({"kind": "feature", "feature": 1, "sign": 0}, "sign"),
        ({"kind": "feature", "feature": 1, "sign": True}, "sign"),
        ({"kind": "mixture", "feature": 1, "with_feature": 6}, "with_feature"),
        ({"kind": "mixture", "feature": 1, "with_feature": 1}, "with_feature"),
        ({"kind": "real_other", "other": 61}, "other"),
        ({"kind": "real_other", "other": 1}, "other"),
        ({"reach": 3}, "reach"),
        ({"reach": 10**30}, "reach"),
        ({"reach": [1]}, "reach"),
        ({"draw": -1}, "draw"),
        ({"draw": 2**40}, "draw"),
    ],
)
def test_bad_pushes_name_their_field(data, field):
    with pytest.raises(SettingsError) as refused:
        Push.of(data, n=5, shown=60)
    assert refused.value.field == field


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)
LIKELY = st.sampled_from(
    ["feature", "mixture", "real_other", "isotropic", 1, 2, 5, 60, -1, *REACHES]
)
FIELDS = ("base", "kind", "feature", "with_feature", "other", "sign", "draw", "reach")


@given(st.dictionaries(st.sampled_from((*FIELDS, "x")), ANYTHING | LIKELY))
def test_whatever_is_sent_is_a_push_or_refused(data):
    try:
        push = Push.of(data, n=5, shown=60)
    except SettingsError as error:
        assert error.field in FIELDS
    else:
        assert 1 <= push.base <= 60 and push.reach in REACHES
        assert push.sign in (1, -1) and 1 <= push.feature <= 5


@given(ANYTHING | st.dictionaries(st.sampled_from(["kind", "feature"]), LIKELY))
def test_whatever_is_sent_is_a_second_direction_or_refused(data):
    try:
        second = Second.of(data, n=5)
    except SettingsError as error:
        assert error.field == "second"
    else:
        assert 1 <= second.feature <= 5


# --- in a session --------------------------------------------------------------------


@pytest.fixture
def session():
    made = Session(dataclasses.replace(FIVE, batch=16))
    yield made
    made.trainer.close()


def test_a_poke_belongs_to_its_weights_while_training_goes_on(session):
    first = poke_commands.poke_take(session, {"step": 0})
    assert first["step"] == 0 and first["taken"] == 1
    asked = {"taken": first["taken"], "base": 2, "kind": "feature", "feature": 1}
    before = poke_commands.poke_push(session, asked)
    version = session.trainer.version
    session.trainer.step(40)
    while session.trainer.newest.step < 40:
        version = session.trainer.wait(version, 10)
    assert poke_commands.poke_push(session, asked) == before
    later = poke_commands.poke_take(session, {"step": 40})
    assert later["step"] == 40
    now = poke_commands.poke_push(session, asked | {"taken": later["taken"]})
    assert now["curve"] != before["curve"]


def test_few_weights_are_kept(session):
    for _ in range(MOST_TAKEN + 1):
        newest = poke_commands.poke_take(session, {"step": 0})["taken"]
    assert len(session.pokes._taken) == MOST_TAKEN
    with pytest.raises(SettingsError) as refused:
        poke_commands.poke_push(session, {"taken": 1})
    assert refused.value.field == "taken"
    poke_commands.poke_push(session, {"taken": newest})


def test_few_questions_wait():
    pokes = Pokes()
    entered, leave = threading.Event(), threading.Event()

    def hold():
        with pokes.turn():
            entered.set()
            leave.wait(60)

    threads = [threading.Thread(target=hold) for _ in range(MOST_WAITING)]
    for thread in threads:
        thread.start()
    assert entered.wait(60)
    while pokes._places._value:  # the others are on their way to the queue
        pass
    with pytest.raises(SettingsError, match="at most"), pokes.turn():
        pass
    leave.set()
    for thread in threads:
        thread.join(60)
    with pokes.turn():
        pass


def test_pokes_over_the_wire():
    kept = Sessions(most=1)
    with served_in_thread(kept) as base, httpx.Client(base_url=base, timeout=60) as one:
        settings = {"settings": {"n": 5, "d": 2, "batch": 16}}
        name = one.post("/api/sessions", json=settings).json()["session"]
        path = f"/api/sessions/{name}"
        found = one.post(f"{path}/poke-take", json={"step": 0}).json()
        asked = {"taken": found["taken"], "base": 1, "kind": "feature", "feature": 2}
        answer = one.post(f"{path}/poke-push", json=asked).json()
        assert len(answer["curve"]) == len(answer["outputs"]) == poke_curve.RADII
        plane = asked | {"second": {"kind": "feature", "feature": 4}}
        levels = one.post(f"{path}/poke-contour", json=plane).json()["levels"]
        assert [level["name"] for level in levels] == [str(level) for level in LEVELS]
        refused = one.post(f"{path}/poke-push", json=asked | {"feature": 6})
        assert refused.status_code == 422 and refused.json()["field"] == "feature"
        for name, data in (
            ("poke-take", {}),
            ("poke-take", {"step": "now"}),
            ("poke-push", {}),
            ("poke-contour", {"taken": found["taken"], "second": 3}),
        ):
            assert one.post(f"{path}/{name}", json=data).status_code == 422
