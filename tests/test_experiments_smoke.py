"""MAD, PLT, ISO, RO, SPH, CIS: every file at smoke scale, from training to claims."""

import functools
from importlib import import_module

import pytest

import toymodels as tm
from experiments.registry import settings_class
from experiments.sph.many_dimensions import PAIRS
from toymodels.config import content_hash

# Of each file its figures, and its claims in their order.
FILES = {
    "mad.backdoor_or_coincidence": (
        "summary parts",
        "superposed normal gap unsolved bound near inverted planted",
    ),
    "mad.dimensions": ("dimensions", "drop code"),
    "mad.explanations": ("explanations", "linear soft output search"),
    "mad.that_not_which": (
        "that_not_which backtracking",
        "that difference logistic",
    ),
    "mad.references": ("references", "hidden restored"),
    "mad.hidden_by_superposition": ("d length", "dimensionality"),
    "mad.train_or_held_out": (
        "leverage",
        "memorised others hit supremum rank copies mahalanobis",
    ),
    "mad.noisy_trigger": ("share", "share half"),
    "mad.stability": ("stability shifts causes", "winner order flagged causes"),
    "plt.plateaus": (
        "plateaus directions",
        "kl distance squared linear kl kl_baseline distance distance_baseline squared "
        "squared_baseline",
    ),
    "plt.story_zero": ("story_zero", "story_0 root distance argmax"),
    "plt.story_one": ("story_one", "story_1 squared logistic last"),
    "plt.story_two": (
        "story_two",
        "story_2 gaussian story_2_logistic gaussian_logistic",
    ),
    "plt.thresholds": ("thresholds", "threshold squared_none"),
    "plt.without_superposition": (
        "without_superposition",
        "superposition distance kl more directions",
    ),
    "plt.noise": (
        "noise plateaus",
        "squared squared_isotropic squared_size distance distance_isotropic "
        "distance_size kl kl_isotropic kl_size plateau plateau_size",
    ),
    "iso.feature_pairs": (
        "contours contours_peak exponents",
        "features features_peak random linear",
    ),
    "iso.misalignment": (
        "misalignment",
        "falls drop round falls_peak drop_peak round_peak",
    ),
    "iso.activations": ("activations unreached", "linear"),
    "iso.trained": ("exponents thresholds training", "m1 m4 m3 m3_stream sparsity"),
    "iso.sizes": ("density size", "density size"),
    "ro.determined_by_readoffs": ("explained", "readoffs length"),
    "ro.flat_then_linear": ("sweep knees", "flat.own knee.own flat.total knee.total"),
    "ro.random_vectors": ("readoff output", "readoff output trained"),
    "ro.welch_floor": ("floor", "floor tight random ratio"),
    "ro.above_threshold": ("recovery errors", "half linear beats"),
    "ro.several_terms": ("terms", "correlated quoted independent embedding"),
    "sph.few_dimensions": (
        "circle sphere",
        " ".join(
            f"{name}.{part}"
            for name in ("circle", "sphere")
            for part in ("share", "ratio", "set.share", "set.ratio")
        ),
    ),
    "sph.many_dimensions": (
        "agreement signs ratio counts",
        " ".join(
            f"{name}{part}"
            for name in PAIRS
            for part in (".share", ".ratio", "", ".rise")
        )
        + " relu.late",
    ),
    "cis.absolute_value": ("features", "all_solved superposition"),
    "cis.universal_and": ("errors", "both_on one_on none_on"),
    "cis.superposed_inputs": ("errors capacity", "scaling"),
    "cis.fan_in": ("fan_in quadratic", "fan_in_3 scaling_2 scaling_3 quadratic"),
    "cis.trained_and": ("loss participation", "dense beats_construction"),
    "cis.noisy_labels": (
        "loss eigenspace",
        "with_mixing clean_labels grows not_the_relu eigenspace",
    ),
    "cis.loss_exponent": (
        "features exponents",
        "half_solved all_served served not_rising",
    ),
    "cis.capacity": ("capacity", "faster_than_width"),
    "cis.error_correction": ("depth", "flat growth"),
    "cis.bigrams": ("errors largest", "noise grows"),
}


@pytest.fixture(scope="module")
def train():
    """Trains every ensemble once, as the store does."""
    runs = {}

    @functools.wraps(tm.train)
    def trained(spec: tm.TrainSpec) -> tm.Run:
        key = content_hash(spec)
        if key not in runs:
            runs[key] = tm.train(spec)
        return runs[key]

    return trained


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_the_file_runs_at_smoke_scale(name, train):
    figures, claims = FILES[name]
    module = import_module(f"experiments.{name}")
    result = module.compute(settings_class(module).preset("smoke"), train)
    assert set(module.plot(result)) == set(figures.split())
    judged = module.claims(result)
    assert [claim.id.partition(".")[2] for claim in judged] == claims.split()
    ids = module.IDS if hasattr(module, "IDS") else (module.ID,)
    assert {claim.experiment for claim in judged} == set(ids)
    # What is exact for every input has no seeds, and may have no control.
    assert all(claim.controls or claim.seeds == 0 for claim in judged)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("scale", ["smoke", "laptop", "paper"])
def test_every_scale_has_settings(name, scale):
    module = import_module(f"experiments.{name}")
    assert settings_class(module).preset(scale).scale == scale
