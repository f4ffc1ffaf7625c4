"""`toymodels construct`: built models, and other commands that read them."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from toymodels.cli import main
from toymodels.training import load_weights

SMALL = ("--n", "48", "--neurons", "16", "--seeds", "2")
AND = ("--kind", "universal-and", "--n", "6", "--neurons", "24", "--density", "0.4")


def weights(folder):
    return load_weights(folder / "weights.safetensors")


@pytest.fixture(scope="module")
def frozen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frozen") / "run"
    assert main(["construct", "--out", str(folder), *SMALL]) == 0
    return folder


def test_each_frozen_denoiser_has_scales_of_its_own_that_denoise(frozen):
    run = weights(frozen)
    assert type(run.spec.model).__name__ == "FrozenDenoiser"
    assert run.params["c_out"].shape == (2,)
    assert run.params["c_out"][0] != run.params["c_out"][1]
    drawn = run.spec.features.sample_labelled(jax.random.key(1), 2048)
    wanted = np.asarray(drawn.active, np.float32)
    for of in range(2):
        params = {name: value[of] for name, value in run.params.items()}

        def error(factor, params=params):
            changed = params | {"c_out": params["c_out"] * np.float32(factor)}
            found = np.asarray(run.spec.model.apply(changed, drawn.x))
            return ((found - wanted) ** 2).mean()

        # c_out is the least-squares scale of samples like these.
        assert error(1.0) < min(error(0.7), error(1.4), error(0.0))


def test_the_probe_reads_it(frozen, tmp_path, capsys):
    flags = ("--perturbation", "iso", "--layer", "input", "--bases", "4", "--json")
    out = ("--radii", "12", "--reach", "6", "--out", str(tmp_path))
    assert main(["probe", str(frozen), *flags, *out]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {row["direction"] for row in rows} == {"feature", "isotropic"}


def test_the_same_command_again_changes_nothing(frozen, capsys):
    before = (frozen / "weights.safetensors").read_bytes()
    assert main(["construct", "--out", str(frozen), *SMALL]) == 0
    # Lines are broken where the terminal ends.
    assert "is there already" in " ".join(capsys.readouterr().err.split())
    assert main(["construct", "--out", str(frozen), *SMALL, "--seed", "3"]) == 2
    assert "another --out" in capsys.readouterr().err
    assert (frozen / "weights.safetensors").read_bytes() == before


def test_a_universal_and_has_an_output_for_each_pair(tmp_path):
    assert main(["construct", "--out", str(tmp_path / "and"), *AND]) == 0
    run = weights(tmp_path / "and")
    assert run.spec.model.outputs == 15
    assert run.spec.objective.target == "pairwise_and"
    assert set(np.unique(run.params["W1"])) <= {0.0, 1.0}


def test_about_eight_neurons_read_a_gate(tmp_path, capsys):
    flags = ("--kind", "universal-and", "--n", "24", "--neurons", "400")
    assert main(["construct", "--out", str(tmp_path / "and"), *flags]) == 0
    W1 = weights(tmp_path / "and").params["W1"][0]
    readers = (W1.T @ W1)[np.triu_indices(24, 1)]
    assert readers.mean() == pytest.approx(8, rel=0.15)
    # Of so few neurons, many gates are read by none.
    capsys.readouterr()
    few = (*flags, "--density", "0.03", "--out", str(tmp_path / "few"))
    assert main(["construct", *few]) == 0
    W1 = weights(tmp_path / "few").params["W1"][0]
    share = ((W1.T @ W1)[np.triu_indices(24, 1)] == 0).mean()
    assert 0.3 < share < 1
    assert f"{share:.2g} of the gates are read by no neuron" in capsys.readouterr().err


def test_inputs_of_a_universal_and_in_superposition(tmp_path, capsys):
    flags = (*AND, "--embedding", "5", "--out", str(tmp_path / "and"))
    assert main(["construct", *flags]) == 0
    run = weights(tmp_path / "and")
    assert run.params["E"].shape == (1, 5, 6) and run.spec.model.embedding == 5


def test_a_quadratic_and_computes_what_it_says_and_the_probe_reads_it(tmp_path):
    folder = str(tmp_path / "squares")
    flags = ("--kind", "quadratic-and", "--n", "4", "--rank", "64")
    assert main(["construct", "--out", folder, *flags]) == 0
    run = weights(tmp_path / "squares")
    assert type(run.spec.model).__name__ == "QuadraticAnd"
    assert run.spec.objective.target == "pairwise_and"
    x = np.array([[1, 1], [1, 0], [0, 0], [0, 0]], np.float32)
    found = run.spec.model.apply({"E": jnp.asarray(run.params["E"][0])}, x)
    wanted = run.spec.objective.targets(jnp.asarray(x))
    np.testing.assert_allclose(found, wanted, atol=0.5)
    probe = ("--layer", "input", "--bases", "4", "--radii", "5")
    assert main(["probe", folder, *probe]) == 0


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--n", "0"), "n"),
        (("--noise", "-1"), "noise"),
        (("--density", "2"), "density"),
        (("--kind", "universal-and", "--active", "0"), "active"),
        (("--kind", "universal-and", "--density", "1.5"), "density: got 1.5"),
        (("--kind", "universal-and", "--embedding", "-1"), "embedding: got -1"),
        (("--kind", "universal-and", "--k", "3"), "no --k,"),
        (("--kind", "universal-and", "--noise", "0.1"), "no --noise,"),
        (("--kind", "universal-and", "--threshold", "0.1"), "no --threshold,"),
        (("--kind", "quadratic-and", "--neurons", "9"), "no --neurons,"),
        (("--kind", "quadratic-and", "--rank", "1"), "rank: got 1"),
        (("--active", "3"), "no --active,"),
        (("--threshold", "0.1"), "--activation jumprelu"),
    ],
)
def test_what_cannot_be_built_is_named(tmp_path, capsys, flags, said):
    assert main(["construct", "--out", str(tmp_path / "no"), *flags]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "no").exists()
