"""Settings of training: what is refused, presets, objectives, memory, status."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels.config import check_count, content_hash, from_json, to_json
from toymodels.training import check_memory, estimate_bytes
from toymodels.training.optimiser import PRESETS
from toymodels.training.status import (
    BUDGET_SPENT,
    CONVERGED,
    NON_FINITE,
    has_converged,
    run_status,
)


def spec_of(**changes):
    values = {
        "model": tm.Autoencoder(n=5, d=2),
        "features": tm.IndependentFeatures(n=5, probability=0.2),
        "steps": 40,
        "batch": 16,
    }
    return tm.TrainSpec(**values | changes)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: tm.Autoencoder(n=5, d=5), ["d: got 5", "fewer than n = 5"]),
        (lambda: tm.Autoencoder(n=0, d=1), ["n: got 0", "≥ 1"]),
        (lambda: tm.Autoencoder(n=5, d=0), ["d: got 0"]),
        (lambda: check_count("d", 2.5), ["d: got 2.5", "whole number"]),
        (lambda: tm.Autoencoder(n=5, d=2, activation="rleu"), ["rleu", "try relu"]),
        (lambda: tm.ComputationModel(n=3, neurons=0), ["neurons: got 0"]),
        (lambda: tm.Autoencoder(n=5, d=2, init_name="he"), ["init_name", "xavier_2d"]),
        (lambda: tm.Objective(kind="total"), ["kind", "one of sum, mean"]),
        (lambda: tm.Objective(exponent=0.5), ["exponent: got 0.5"]),
        (lambda: tm.Objective(target="cube"), ["target", "identity"]),
        (lambda: tm.Optimiser(learning_rate=0.0), ["learning_rate: got 0.0", "> 0"]),
        (lambda: tm.Optimiser(learning_rate=float("nan")), ["learning_rate: got nan"]),
        (lambda: tm.Optimiser(name="adm"), ["adm", "try adam"]),
        (lambda: tm.Optimiser(warmup=-1), ["warmup: got -1"]),
        (lambda: tm.preset("tsm"), ["preset", "tms"]),
        (lambda: spec_of(batch=0), ["batch: got 0"]),
        (lambda: spec_of(steps=0), ["steps: got 0"]),
        (lambda: spec_of(history=0), ["history: got 0"]),
        (lambda: spec_of(seeds=0), ["seeds: got 0"]),
        (lambda: spec_of(seeds=(1, 1)), ["seeds", "different"]),
        (lambda: spec_of(seed=-1), ["seed: got -1"]),
        (lambda: spec_of(members=0), ["members: got 0"]),
        (lambda: spec_of(importance=[1.0, 2.0]), ["importance: got '2 values'", "5"]),
        (lambda: spec_of(importance=[1, 1, 1, 1, np.nan]), ["importance[4]: got nan"]),
        (lambda: spec_of(importance=np.inf), ["importance: got inf"]),
        (lambda: spec_of(importance=-1.0), ["importance: got -1"]),
        (lambda: spec_of(learning_rate=[1e-3, -1.0]), ["learning_rate[1]: got -1"]),
        (
            lambda: spec_of(learning_rate=[1e-3, 1e-2], importance=np.ones((3, 5))),
            ["learning_rate", "members = 3"],
        ),
        (lambda: spec_of(snapshots=(5, 3)), ["snapshots", "increasing"]),
        (lambda: spec_of(snapshots=(0, 41)), ["snapshots", "0 to 40"]),
        (lambda: spec_of(model=tm.Autoencoder(n=6, d=2)), ["features.n: got 5", "6"]),
    ],
)
def test_bad_settings_are_named_in_one_line(make, said):
    with pytest.raises(tm.SettingsError) as caught:
        make()
    message = str(caught.value)
    assert "\n" not in message
    for words in said:
        assert words in message


def test_a_control_without_a_bottleneck_can_be_asked_for():
    assert tm.Autoencoder(n=5, d=5, compression=False).d == 5


def test_spec_round_trips_through_json_and_its_hash_sees_every_field():
    spec = spec_of(importance=0.9 ** np.arange(5), learning_rate=[1e-3, 2e-3], seeds=3)
    again = from_json(json.loads(json.dumps(to_json(spec))))
    assert again == spec and hash(again) == hash(spec)
    assert content_hash(again) == content_hash(spec)
    for change in (
        {"steps": 41},
        {"seed": 1},
        {"seeds": 4},
        {"learning_rate": np.float32([1e-3, 2.0001e-3])},
        {"objective": tm.Objective(exponent=4.0)},
        {"features": tm.IndependentFeatures(n=5, probability=0.21)},
    ):
        assert content_hash(dataclasses.replace(spec, **change)) != content_hash(spec)


def test_unknown_settings_in_json_are_refused_by_name():
    data = to_json(tm.Objective())
    with pytest.raises(tm.SettingsError, match="Objective.exponnt"):
        from_json(data | {"exponnt": 2.0})
    with pytest.raises(tm.SettingsError, match="os.system"):
        from_json({"type": "os.system"})


@pytest.mark.parametrize("exponent", [1.0, 2.0, 3.0])
def test_loss_conventions(exponent):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.uniform(-1, 1, size=(4, 10)), jnp.float32)
    out = jnp.asarray(rng.uniform(size=(4, 10)), jnp.float32)
    importance = jnp.asarray([1.0, 0.5, 2.0, 0.0])
    weighted = np.asarray(importance)[:, None] * np.abs(np.abs(x) - out) ** exponent
    expected = {
        "sum": weighted.sum() / 10,
        "mean": weighted.sum() / 40,
    }
    for kind, value in expected.items():
        objective = tm.Objective(kind=kind, exponent=exponent, target="abs")
        loss = objective.loss(x, out, importance)
        np.testing.assert_allclose(loss, value, rtol=1e-6)


def test_targets():
    x = jnp.asarray([[-1.0, 2.0]])
    for name, expected in {
        "identity": [[-1, 2]],
        "abs": [[1, 2]],
        "relu": [[0, 2]],
        "x_plus_relu": [[-1, 4]],
    }.items():
        np.testing.assert_array_equal(tm.Objective(target=name).targets(x), expected)


def test_schedule_warms_up_and_falls_to_zero():
    factor = tm.Optimiser(schedule="cosine", warmup=10)._factor(110)
    counts = jnp.arange(111)
    with jax.numpy_dtype_promotion("standard"):  # as in the training step
        values = np.asarray([factor(c) for c in counts])
    np.testing.assert_allclose(values[:11], np.arange(11) / 10, atol=1e-6)
    np.testing.assert_allclose(values[60], 0.5, atol=1e-6)
    np.testing.assert_allclose(values[110], 0.0, atol=1e-6)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_takes_a_step(name):
    chosen = tm.preset(name)
    run = tm.train(spec_of(optimiser=chosen.optimiser, steps=3))
    assert np.isfinite(run.params["W"]).all()


@pytest.mark.parametrize(
    "hidden", ["relu", "gelu", "tanh3", "jumprelu", "solu", "solu_layernorm"]
)
def test_every_activation_trains(hidden):
    model = tm.Autoencoder(n=5, d=3, hidden_activation=hidden, threshold=0.1)
    run = tm.train(spec_of(model=model, learning_rate=1e-2, steps=200, batch=128))
    assert (run.status != NON_FINITE).all()
    assert run.history.loss[-20:].mean() < 0.9 * run.history.loss[:20].mean()


def test_solu_needs_the_unit_axis_and_layer_norm_its_variance():
    from toymodels.models.activations import activation

    z = jnp.asarray([[1.0, 0.0], [2.0, 0.0], [4.0, 3.0]])
    share = np.exp(z) / np.exp(z).sum(axis=0)
    np.testing.assert_allclose(activation("solu")(z), z * share, rtol=1e-6)
    normed = np.asarray(activation("solu_layernorm")(z))
    np.testing.assert_allclose(normed.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(normed.var(axis=0), 1, atol=1e-3)


def test_initial_scales():
    from toymodels.models.initialisers import initial_matrix, initial_scale

    assert initial_scale("xavier_2d", 20, 80) == pytest.approx((2 / 100) ** 0.5)
    assert initial_scale("xavier_3d", 20, 200, 20) == pytest.approx(
        (2 / (200 * 20 + 20 * 20)) ** 0.5
    )
    matrix = initial_matrix(jax.random.key(0), 100, 200, "xavier_2d")
    # 20,000 entries: the sample deviation has a relative standard error of 0.5 %.
    assert np.std(matrix) == pytest.approx((2 / 300) ** 0.5, rel=0.025)


def test_memory_is_checked_before_the_start():
    spec = spec_of(batch=2**30, seeds=4096)
    with pytest.raises(tm.SettingsError, match=r"GiB.*try batch=\d+"):
        tm.train(spec)
    needed = estimate_bytes(spec)
    assert check_memory(spec, available=needed) == needed
    with pytest.raises(tm.SettingsError) as caught:
        check_memory(spec, available=needed // 8)
    fits = int(str(caught.value).split("batch=")[-1])
    check_memory(dataclasses.replace(spec, batch=fits), available=needed // 8)
    with pytest.raises(tm.SettingsError, match="at most"):
        check_memory(spec, available=2**20)


def test_the_batch_that_memory_advises_fits_also_beside_large_parameters():
    spec = spec_of(
        model=tm.Autoencoder(n=2000, d=500),
        features=tm.IndependentFeatures(n=2000, probability=0.2),
        snapshots=tuple(range(30)),
        batch=100_000,
    )
    available = 2 * 10**9
    with pytest.raises(tm.SettingsError) as caught:
        check_memory(spec, available=available)
    fits = int(str(caught.value).split("batch=")[-1])
    check_memory(dataclasses.replace(spec, batch=fits), available=available)
    with pytest.raises(tm.SettingsError, match="try a smaller n or d, or fewer snap"):
        check_memory(spec, available=10**6)


def test_long_histories_of_long_runs_count_their_windows_right():
    from toymodels.training.state import plan_of, window_ends

    spec = spec_of(steps=2**31 - 1, history=100_000)
    ends = window_ends(plan_of(spec))
    assert ends[-1] == spec.steps and (np.diff(ends) > 0).all()
    # A run in the middle of a long one adds its losses to the right windows.
    run = tm.train(spec_of(steps=50, history=7))
    assert run.history.step.tolist() == [8, 15, 22, 29, 36, 43, 50]
    fine = tm.train(spec_of(steps=50, history=50))
    expected = [
        w.mean() for w in np.split(fine.history.loss[:, 0], [8, 15, 22, 29, 36, 43])
    ]
    np.testing.assert_allclose(run.history.loss[:, 0], expected, rtol=1e-6)


def test_a_last_update_that_breaks_the_parameters_is_seen():
    spec = spec_of(learning_rate=[1e-3, 1e4], weight_decay=[0.0, 3e38], steps=1)
    with pytest.warns(tm.DivergedWarning):
        run = tm.train(spec)
    assert run.status.tolist() == [0, NON_FINITE]


def test_a_loss_can_be_given_relative_to_predicting_zero():
    p = 0.3
    spec = spec_of(
        model=tm.Autoencoder(n=5, d=2, init_name="zeros"),
        features=tm.IndependentFeatures(n=5, probability=p),
        steps=1,
    )
    run = tm.train(spec)
    assert run.final_loss(relative=True) == pytest.approx(1.0, abs=0.01)
    assert run.final_loss(2**16) == pytest.approx(5 * p / 3, rel=0.03)


def test_status_of_loss_curves():
    windows = np.arange(100)
    flat, falling = np.ones(100), np.exp(-windows / 30)
    loss = np.stack([flat, falling, np.where(windows < 50, 1, np.nan)], axis=1)
    assert has_converged(loss[:, :2]).tolist() == [True, False]
    assert not has_converged(loss[:10]).any()
    failed_at = np.asarray([-1, -1, 50])
    expected = [CONVERGED, BUDGET_SPENT, NON_FINITE]
    assert run_status(loss, failed_at).tolist() == expected


def test_divergence_is_a_status_and_a_warning():
    spec = spec_of(learning_rate=[1e-3, 1e30])
    with pytest.warns(tm.DivergedWarning, match="1 of 2 runs became non-finite"):
        run = tm.train(spec)
    assert run.status.tolist()[1] == NON_FINITE and run.status[0] != NON_FINITE
    assert run.status_step[1] < 5 and run.status_step[0] == spec.steps
    assert np.isfinite(run.params["W"][0]).all()


def test_best_ignores_diverged_restarts():
    # Seeds share a learning rate, so make one fail by hand.
    run = tm.train(spec_of(seeds=3, learning_rate=[1e-3, 1e-2]))
    W = run.params["W"].copy()
    W[0] = np.nan
    run = dataclasses.replace(run, params=run.params | {"W": W})
    best = run.best_indices()
    assert best[0] in (2, 4) and best[1] in (1, 3, 5)
    losses = run.final_loss()
    assert losses[best[1]] == losses[[1, 3, 5]].min()


def test_early_stop_ends_a_flat_run():
    spec = spec_of(
        features=tm.IndependentFeatures(n=5, probability=1.0),
        model=tm.Autoencoder(n=5, d=2).linear_control(),
        learning_rate=3e-3,
        steps=20_000,
        batch=64,
        early_stop=True,
    )
    run = tm.train(spec)
    assert run.status_step[0] < spec.steps and (run.status == CONVERGED).all()
    assert len(run.history.loss) == len(run.history.step) < spec.history


def test_snapshots_are_the_parameters_at_their_steps():
    spec = spec_of(seeds=2, snapshots=(0, 3, 40))
    run = tm.train(spec)
    early = tm.train(dataclasses.replace(spec, steps=3, snapshots=()))
    np.testing.assert_array_equal(run.snapshots.params["W"][1], early.params["W"])
    np.testing.assert_array_equal(run.snapshots.params["W"][2], run.params["W"])
    assert run.snapshots.step.tolist() == [0, 3, 40]


def test_snapshot_spacings():
    assert tm.linear_steps(100, 4) == (0, 25, 50, 75, 100)
    spaced = tm.log_spaced_steps(10_000, 20)
    assert spaced[0] == 0 and spaced[-1] == 10_000 and len(set(spaced)) == len(spaced)


def test_selecting_runs_keeps_everything_aligned():
    run = tm.train(spec_of(seeds=3, learning_rate=[1e-3, 1e-2], snapshots=(0, 40)))
    chosen = run.select([5, 2])
    np.testing.assert_array_equal(chosen.params["W"], run.params["W"][[5, 2]])
    np.testing.assert_array_equal(chosen.history.loss, run.history.loss[:, [5, 2]])
    np.testing.assert_array_equal(
        chosen.snapshots.params["b"], run.snapshots.params["b"][:, [5, 2]]
    )
    with pytest.raises(tm.SettingsError, match="2 selected runs"):
        chosen.final_loss()
