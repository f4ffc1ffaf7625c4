"""How many superposed inputs a constructed universal AND can serve.

Inputs live in `embedding` dimensions as random unit vectors, and each neuron reads p·m
of m inputs, so that the others move it by about √(p m ℓ/d₀): gates misfire at m ~ d₀/p.
With p = √(overlap/d), the expected number of neurons that read a whole gate is the same
at every width d, and m ~ d₀ √d.

Samples have two active inputs. Two errors are measured for gates with both inputs on,
one on and none on: that of the readoff, and what superposition adds to it, the mean
change against the same gates with the inputs as they are. The former is of order p
without any superposition, and p falls with the width; the latter tells the misfiring by
itself.

Axis letters: `widths` d, `points` m, `gates` of each case.
"""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from experiments.cis._gates import (
    first_crossing,
    gates_with_samples,
    log_slope,
    readoff_errors,
)
from toymodels.models import UniversalAnd

ACTIVE = 2
CASES = (2, 1, 0)  # inputs of the gate that are on


def error_curves(
    model: UniversalAnd,
    features: Sequence[int],
    *,
    gates: int,
    seed: tuple[int, ...],
) -> Float[np.ndarray, "points kinds"]:
    """Errors against the number of inputs in superposition, for one draw.

    Args:
        model: with as many inputs as the last of `features`.
        features: m, rising; fewer inputs are the first ones of the same draw.
        gates: of each of the three cases.
        seed: of weights, gates and samples.

    Returns:
        The largest of the three cases' mean absolute errors, and the mean over cases of
        what superposition adds.
    """
    entropy = np.random.SeedSequence(seed).generate_state(1)[0]
    params = model.init(jax.random.key(int(entropy)))
    plain = dataclasses.replace(model, embedding=0)
    curve = []
    for m in features:
        # Columns of absent inputs are emptied: one program serves every m.
        kept = jnp.asarray(np.arange(model.n) < m, jnp.float32)[None]
        used = {name: value * kept for name, value in params.items()}
        rng = np.random.default_rng([*seed, m])
        drawn = [
            gates_with_samples(rng, m, gates=gates, active=ACTIVE, on=on)
            for on in CASES
        ]
        chosen = np.concatenate([one[0] for one in drawn])
        active = np.concatenate([one[1] for one in drawn])
        read, without = (
            readoff_errors(one, given, chosen, active, 0.0, block=len(chosen)).reshape(
                len(CASES), gates
            )
            for one, given in ((model, used), (plain, {"W1": used["W1"]}))
        )
        truth = (np.array(CASES) == 2)[:, None].astype(float)
        wrong = np.nanmean(np.abs(read - truth), axis=1)
        curve.append((wrong.max(), np.nanmean(np.abs(read - without))))
    return np.array(curve)


def capacities(
    curves: Float[np.ndarray, "seeds widths points"],
    features: Int[np.ndarray, "widths points"],
    level: float,
) -> Float[np.ndarray, "seeds widths"]:
    """The m where the error first exceeds the level; NaN if never, or at once."""
    return np.array(
        [
            [first_crossing(m, y, level) for m, y in zip(features, of, strict=True)]
            for of in curves
        ]
    )


def capacity_slopes(
    widths: Sequence[int], capacity: Float[np.ndarray, "seeds widths"]
) -> Float[np.ndarray, " seeds"]:
    """Slope of log capacity over log width."""
    return log_slope(widths, capacity)


def middle_of(capacity: Float[np.ndarray, "seeds widths"]) -> float:
    """Median at the middle width, for a line of theory to pass through; or NaN."""
    column = capacity[:, capacity.shape[1] // 2]
    finite = column[np.isfinite(column)]
    return float(np.median(finite)) if finite.size else np.nan


def and_model(
    width: int, *, n: int, embedding: int, probability: float
) -> UniversalAnd:
    """The construction on superposed inputs."""
    return UniversalAnd(
        n=n, neurons=width, probability=probability, embedding=embedding
    )


def scan(
    models: Sequence[UniversalAnd],
    features: Int[np.ndarray, "widths points"],
    *,
    gates: int,
    seeds: int,
    seed: int,
) -> Float[np.ndarray, "seeds widths points kinds"]:
    """Error curves of every width and seed."""
    return np.array(
        [
            [
                error_curves(
                    dataclasses.replace(model, n=int(m[-1])),
                    m.tolist(),
                    gates=gates,
                    seed=(seed, k, width),
                )
                for width, (model, m) in enumerate(zip(models, features, strict=True))
            ]
            for k in range(seeds)
        ]
    )
