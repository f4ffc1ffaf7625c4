"""A deep boolean circuit in superposition, with and without correction between blocks.

The state is a set of s of n features that are on, held as h = E x in d < n dimensions
by random unit columns E. Each compute block picks pairs (a, b) of features and replaces
them by (a ∧ b, a ∨ b), which keeps the number of features that are on:

    r = Eᵀh,   c = ReLU(r_a + r_b − 1),   h ← h + Σ (E_a − E_b)(c − r_a)

Readoffs r are wrong by the features' overlaps, every block writes with that error, and
nothing in it is attenuated. Between compute blocks there is a correction block,

    h ← E θ(Eᵀh),   θ(r) = 5 ReLU(r − 0.4) − 5 ReLU(r − 0.6),

which sets readoffs near 0 to 0 and those near 1 to 1; or a control in its place:
nothing ("identity"), or θ(r) = r (M7).

Axis letters: n features, d dimensions, `depth` pairs of blocks, `batch` samples.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

CORRECTIONS = ("threshold", "identity", "linear")


@dataclass(frozen=True)
class Circuit:
    """Directions E and the pairs that every compute block acts on."""

    E: Float[np.ndarray, "d n"]
    pairs: Int[np.ndarray, "depth gates ends"]


def random_circuit(
    rng: np.random.Generator, *, n: int, d: int, depth: int, gates: int
) -> Circuit:
    """Random unit directions, and disjoint random pairs in every block."""
    E = rng.normal(size=(d, n)).astype(np.float32)
    E /= np.linalg.norm(E, axis=0)
    order = rng.permuted(np.tile(np.arange(n), (depth, 1)), axis=1)
    return Circuit(E, order[:, : 2 * gates].reshape(depth, gates, 2))


def threshold(r: Float[np.ndarray, "n batch"]) -> Float[np.ndarray, "n batch"]:
    """0 below 0.4, 1 above 0.6, linear between: two ReLU neurons."""
    return np.clip(5 * r - 2, 0, 1)


def truths(
    circuit: Circuit, start: Bool[np.ndarray, "n batch"]
) -> Bool[np.ndarray, "layers n batch"]:
    """The features that are on before the first block and after each."""
    states = [start]
    for pairs in circuit.pairs:
        state = states[-1].copy()
        a, b = state[pairs[:, 0]], state[pairs[:, 1]]
        state[pairs[:, 0]], state[pairs[:, 1]] = a & b, a | b
        states.append(state)
    return np.stack(states)


def computed(
    h: Float[np.ndarray, "d batch"],
    E: Float[np.ndarray, "d n"],
    pairs: Int[np.ndarray, "gates ends"],
) -> Float[np.ndarray, "d batch"]:
    """H after one compute block."""
    first, second = E[:, pairs[:, 0]], E[:, pairs[:, 1]]
    a, b = first.T @ h, second.T @ h
    both = np.maximum(a + b - 1, 0)
    return h + (first - second) @ (both - a)


def corrected(
    h: Float[np.ndarray, "d batch"], E: Float[np.ndarray, "d n"], kind: str
) -> Float[np.ndarray, "d batch"]:
    """H after a correction block, or after the control in its place."""
    if kind == "identity":
        return h
    r = E.T @ h
    return E @ (threshold(r) if kind == "threshold" else r)


def errors_by_depth(
    circuit: Circuit,
    start: Bool[np.ndarray, "n batch"],
    *,
    noise: float,
    correction: str,
    rng: np.random.Generator,
) -> Float[np.ndarray, " layers"]:
    """Root mean square of ‖h − E x‖/√s after 0, 1, … compute blocks.

    Args:
        circuit: what is computed.
        start: features that are on in each sample.
        noise: expected length of Gaussian noise on h, over √s, at the input.
        correction: one of `CORRECTIONS`, after the input and every compute block.
        rng: of the noise.
    """
    states = truths(circuit, start).astype(np.float32)
    size = np.sqrt(start.sum(axis=0).mean())
    d = len(circuit.E)
    h = circuit.E @ states[0]
    shift = noise * size / np.sqrt(d) * rng.normal(size=h.shape)
    h = h + shift.astype(np.float32)
    found = []
    for block, state in enumerate(states):
        if block:
            h = computed(h, circuit.E, circuit.pairs[block - 1])
        h = corrected(h, circuit.E, correction)
        wrong = h - circuit.E @ state
        found.append(np.sqrt((wrong**2).sum(axis=0).mean()) / size)
    return np.array(found)


def slope_over_depth(errors: Float[np.ndarray, "... layers"]) -> np.ndarray:
    """Least-squares slope of the error over depth, per block."""
    depth = np.arange(errors.shape[-1]) - (errors.shape[-1] - 1) / 2
    return errors @ depth / (depth @ depth)
