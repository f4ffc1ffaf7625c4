"""PLT: statistics on constructed inputs."""

import numpy as np
import pytest

import toymodels as tm
from experiments.denoisers import Denoisers, only
from experiments.plt import (
    noise,
    plateaus,
    story_one,
    story_two,
    story_zero,
    thresholds,
    without_superposition,
)
from experiments.plt._measures import (
    cohen_d,
    plateau,
    plateau_ratio,
    typical,
)
from experiments.registry import settings_class
from toymodels.claims import INCONCLUSIVE, NOT_SUPPORTED, SUPPORTED
from toymodels.config import to_json
from toymodels.probes import Perturbed, Responses
from toymodels.result import Result

SEEDS = 6
RADII = np.linspace(0, 1, 51)


@pytest.mark.parametrize("scale", ["smoke", "laptop", "paper"])
def test_every_scale_has_models(scale):
    settings = Denoisers.preset(scale)
    assert settings.spec().runs == settings.seeds * len(settings.noises)
    assert settings.judged(head="softmax").objective.measure == "softmax"


# --- ensembles ---------------------------------------------------------------------


def test_only_keeps_the_runs_of_a_noise_level():
    settings = Denoisers.preset("smoke")
    spec = settings.spec(steps=2)
    run = tm.train(spec)
    alone = only(run, settings.place)
    assert alone.spec.members == 1 and alone.runs == settings.seeds
    np.testing.assert_allclose(alone.spec.noise, [settings.noise], rtol=1e-6)
    by_seed = run.by_seed(run.params["U"])
    np.testing.assert_array_equal(alone.params["U"], by_seed[:, settings.place])


# --- statistics --------------------------------------------------------------------


def curves(slope):
    """(runs, families, bases, directions, radii) responses that start flat."""
    flat_until = np.asarray(slope, float)[..., None]
    return np.maximum(RADII - flat_until, 0)[:, :, :, None, :]


def test_ratio_of_plateaus_pairs_the_bases():
    real = curves([[[0.4, 0.1, 0.2]]])
    matched = curves([[[0.0, 0.1, 0.0]]])
    r10 = plateau(RADII, real)[0, 0]
    np.testing.assert_allclose(r10, [0.46, 0.19, 0.28], atol=1e-6)
    np.testing.assert_allclose(plateau_ratio(RADII, real, matched), [[2.8]], rtol=1e-5)
    np.testing.assert_allclose(plateau_ratio(RADII, matched, matched), 1)


def test_effect_size_of_pairs():
    rng = np.random.default_rng(0)
    base = rng.normal(size=(2, 4000))
    np.testing.assert_allclose(
        cohen_d(base + 0.5 + rng.normal(size=base.shape), base), 0.5, atol=0.05
    )
    np.testing.assert_allclose(
        cohen_d(base, base + rng.normal(size=base.shape)), 0, atol=0.06
    )


def test_typical_is_the_median_base():
    found = typical(curves([[[0.0, 0.2, 0.9]]]))
    np.testing.assert_allclose(found[0, 0], np.maximum(RADII - 0.2, 0), atol=1e-6)


def test_gap_compares_the_first_family_with_the_last():
    found = story_one.gap(RADII, curves([[[0.4], [0.9], [0.1]]]))
    np.testing.assert_allclose(found, np.log(0.46 / 0.19), rtol=1e-5)


def test_falling_over_two_layers_in_a_row():
    shares = np.array(
        [
            [1.0, 0.9, 0.7, 0.8],  # twice
            [1.0, 0.5, 0.9, 0.4],  # never twice in a row
            [1.0, 3.0, 2.0, 1.5],  # falls, but not below 1
            [1.0, 1.0, 1.0, 1.0],
        ]
    )
    found = story_two.falls(shares)
    np.testing.assert_allclose(found[[0, 2, 3]], [0.9, 1.5, 1.0])
    assert found[1] > 1


def test_what_is_left_of_a_push():
    def responses(left):
        curve = np.full((SEEDS, 3, 4, 1, 5), np.nan)
        curve[:, 0] = 0.2 * left * np.linspace(0, 1, 5)
        return curve

    nothing = np.zeros((SEEDS, 3, 4, 1, 5))
    found = Responses(
        kl=nothing,
        distance={"h1": responses(0.5), "h2": responses(0.25), "output": nothing},
        flipped=nothing,
        crossed=nothing,
    )
    left = story_two.left_over(Perturbed(found, {}), 2, 0.2)
    np.testing.assert_allclose(left, np.tile([1, 0.5, 0.25], (SEEDS, 1)))


def test_response_ratio_at_a_length():
    mean = np.zeros((1, 3, 2, 1, 51))
    mean[:, 0], mean[:, 1], mean[:, 2] = RADII, RADII**2, 2 * RADII
    np.testing.assert_allclose(noise.at_length(RADII, mean, 0.3), [[0.5, 0.15]])


# --- verdicts on hand-made results ---------------------------------------------------


def near(value, *shape, width=0.01):
    rng = np.random.default_rng(0)
    return value + width * rng.normal(size=(SEEDS, *shape))


def verdicts(module, arrays, **changes):
    settings = settings_class(module)(seeds=SEEDS, **changes)
    result = Result(arrays=arrays, meta={"settings": to_json(settings)})
    return {
        claim.id.partition(".")[2]: claim.verdict for claim in module.claims(result)
    }


def test_story_zero_is_supported_by_lines_alone():
    arrays = {}
    for model in ("relu", "identity"):
        for answer, slope in (
            *(("kl", 1.0), ("root", 1.0), ("distance", 1.0), ("argmax", 0.0)),
        ):
            arrays[f"{answer}/{model}/slope"] = near(slope, 2)
    found = verdicts(story_zero, arrays)
    assert set(found.values()) == {SUPPORTED}
    arrays["kl/relu/slope"] = near(0.05, 2)
    found = verdicts(story_zero, arrays)
    assert found["story_0"] == NOT_SUPPORTED and found["root"] == SUPPORTED
    # A statistic that cannot see that the argmax is flat supports nothing.
    arrays["argmax/relu/slope"] = near(1.0, 2)
    found = verdicts(story_zero, arrays)
    assert found["distance"] == INCONCLUSIVE and found["argmax"] == NOT_SUPPORTED


def test_story_one_needs_a_gap_that_the_linear_model_lacks():
    def gaps(first, last):
        return np.stack([near(first), near(first / 2), near(last)], axis=1)

    names = list(story_one.MODELS)
    arrays = {f"output/{name}": gaps(0.0, 0.0) for name in names}
    arrays |= {f"kl/{name}": gaps(0.3, 0.3) for name in names}
    assert set(verdicts(story_one, arrays).values()) <= {NOT_SUPPORTED, INCONCLUSIVE}
    for name in ("squared", "normalised"):
        arrays[f"output/{name}"] = gaps(0.4, 0.0)
    found = verdicts(story_one, arrays)
    assert found["story_1"] == found["squared"] == found["last"] == SUPPORTED
    arrays["output/linear normalised"] = gaps(0.4, 0.0)
    assert verdicts(story_one, arrays)["story_1"] == INCONCLUSIVE
    arrays["output/normalised"] = gaps(0.4, 0.3)  # the readout makes it
    assert verdicts(story_one, arrays)["story_1"] == NOT_SUPPORTED


def test_thresholds_must_widen_the_plateau():
    arrays = {
        "squared/jump": near(0.1, 5) + 0.1 * np.arange(5),
        "squared/identity": near(0.1, width=1e-4),
        "squared/relu": near(0.1, width=1e-4),
        "squared/bias": near(0.2, width=1e-4),
        "squared/tanh3": near(0.2, width=1e-4),
    }
    assert set(verdicts(thresholds, arrays).values()) == {SUPPORTED}
    arrays["squared/jump"] = arrays["squared/jump"][:, ::-1]
    arrays["squared/relu"] = arrays["squared/bias"]
    assert set(verdicts(thresholds, arrays).values()) == {NOT_SUPPORTED}


def test_plateaus_without_superposition_need_the_linear_control():
    arrays = {
        f"{answer}/{model}": near(1.5 if model == "relu" else 1.0, 2)
        for answer in ("squared", "distance", "kl")
        for model in ("relu", "identity")
    }
    arrays["kl/identity"] = near(1.4, 2)
    arrays["squared/relu/effect"] = near(0.9, 2)
    arrays["squared/identity/effect"] = near(0.0, 2)
    found = verdicts(without_superposition, arrays)
    assert found["superposition"] == found["distance"] == SUPPORTED
    assert found["directions"] == SUPPORTED
    assert found["kl"] == INCONCLUSIVE and found["more"] == NOT_SUPPORTED


def test_noise_must_do_more_than_a_linear_model_learns():
    fall = np.array([1.0, 0.8, 0.6, 0.4])
    arrays = {}
    for answer in ("squared", "distance", "kl"):
        for model in ("relu", "identity"):
            same = model == "identity" and answer != "kl"
            level = np.array([1.0, 1.3, 0.9, 1.2]) if same else fall
            wide = np.repeat(level[None, :, None], SEEDS, axis=0)
            arrays[f"{answer}/{model}"] = np.repeat(wide, 2, axis=2) + near(
                0, 4, 2, width=1e-3
            )
            arrays[f"{answer}/{model}/plateau"] = np.tile(2 - level, (SEEDS, 1))
    found = verdicts(noise, arrays)
    for answer in ("squared", "distance"):
        assert found[answer] == found[f"{answer}_size"] == SUPPORTED
    assert found["kl"] == found["kl_size"] == INCONCLUSIVE
    assert found["plateau"] == SUPPORTED


def test_directions_must_beat_the_linear_model_and_shuffled_features():
    rng = np.random.default_rng(0)
    rows = plateaus.PLACE
    base = rng.normal(size=(SEEDS, 200))

    def areas(effects):
        made = base[:, None] + rng.normal(size=(SEEDS, len(rows), 200))
        for name, effect in effects.items():
            made[:, rows[name]] += 1.5 * effect
        return made

    arrays = {}
    for answer in plateaus.ANSWERS:
        for model in ("relu", "identity"):
            strong = model == "relu" or answer == "kl"
            effect = {"feature": 1.0, "real_other": 1.2} if strong else {}
            arrays[f"{answer}/{model}/area"] = areas(effect)
            ratio = near(1.5 if model == "relu" else 1.0, len(rows))
            arrays[f"{answer}/{model}/ratio"] = ratio
    settings = plateaus.Plateaus(seeds=SEEDS)
    result = Result(arrays=arrays, meta={"settings": to_json(settings)})
    found = {claim.id: claim.verdict for claim in plateaus.claims(result)}
    for answer in ("distance", "squared"):
        assert found[f"PLT-1.{answer}"] == found[f"PLT-2.{answer}"] == SUPPORTED
    assert found["PLT-1.linear"] == SUPPORTED
    assert found["PLT-2.kl"] == INCONCLUSIVE  # the linear model does it too
