"""MAD: every file at smoke scale, from training to claims."""

import functools

import pytest

import toymodels as tm
from experiments.mad import (
    backdoor_or_coincidence,
    dimensions,
    explanations,
    hidden_by_superposition,
    noisy_trigger,
    references,
    stability,
    that_not_which,
    train_or_held_out,
)
from experiments.registry import settings_class
from toymodels.config import content_hash

FILES = {
    backdoor_or_coincidence: (
        {"summary", "parts"},
        "superposed normal gap unsolved bound near inverted planted",
    ),
    dimensions: ({"dimensions"}, "drop code"),
    explanations: ({"explanations"}, "linear soft output search"),
    that_not_which: ({"that_not_which", "backtracking"}, "that difference logistic"),
    references: ({"references"}, "hidden restored"),
    hidden_by_superposition: ({"d", "length"}, "dimensionality"),
    train_or_held_out: (
        {"leverage"},
        "memorised others hit supremum rank copies mahalanobis",
    ),
    noisy_trigger: ({"share"}, "share half"),
    stability: ({"stability", "shifts", "causes"}, "winner order flagged causes"),
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
@pytest.mark.parametrize("module", FILES, ids=lambda module: module.__name__[16:])
def test_the_file_runs_at_smoke_scale(module, train):
    figures, names = FILES[module]
    result = module.compute(settings_class(module).preset("smoke"), train)
    assert set(module.plot(result)) == figures
    judged = module.claims(result)
    assert [claim.id.partition(".")[2] for claim in judged] == names.split()
    ids = module.IDS if hasattr(module, "IDS") else (module.ID,)
    assert {claim.experiment for claim in judged} == set(ids)
    assert all(claim.controls for claim in judged)


@pytest.mark.parametrize("module", FILES, ids=lambda module: module.__name__[16:])
@pytest.mark.parametrize("scale", ["smoke", "laptop", "paper"])
def test_every_scale_has_settings(module, scale):
    assert settings_class(module).preset(scale).scale == scale
