"""How wrong the constructed universal AND is, to leading order and exactly.

A gate of fan-in k reads the mean of z = ReLU(Σ − (k − 1)) over the neurons that read
all its inputs, where Σ counts the active inputs that such a neuron reads. Of ℓ active
inputs let k − j belong to the gate (j of its inputs are off). The gate's own part of Σ
is certain, the other ℓ − k + j inputs are each read with probability p, so that

    z = max(Bin(ℓ − k + j, p) + 1 − j, 0)

and, since the gate is 1 for j = 0 and 0 otherwise, the error z − [j = 0] has the mean

    j = 0   (ℓ − k) p                                exactly
    j = 1   (ℓ − k + 1) p                            exactly
    j ≥ 2   C(ℓ − k + j, j) p^j                      to leading order

For pairs these are (ℓ − 2)p, (ℓ − 1)p and C(ℓ, 2)p². z is never below its truth, so
they are mean absolute errors as well.

Axis letters: none; scalars in, scalars out.

References:
    Vaintrob, Mendel & Hänni 2024, *Toward a Mathematical Framework for Computation in
    Superposition*, "Universal AND"; the errors are derived here.
"""

import math

import scipy.stats

from toymodels.config import SettingsError, check_count, check_probability


def gate_error(probability: float, active: int, *, off: int, fan_in: int = 2) -> float:
    """Leading-order mean absolute error of a readoff.

    Args:
        probability: p, of a neuron reading an input.
        active: ℓ, active inputs in all.
        off: j, inputs of the gate that are off, 0 to k.
        fan_in: k.
    """
    others = _others(probability, active, off, fan_in)
    if off == 0:
        return others * probability
    return math.comb(others, off) * probability**off


def exact_gate_error(
    probability: float, active: int, *, off: int, fan_in: int = 2
) -> float:
    """Mean absolute error of a readoff over the draws of Ŵ, without approximation."""
    others = _others(probability, active, off, fan_in)
    counts = range(others + 1)
    chance = scipy.stats.binom.pmf(list(counts), others, probability)
    truth = 1 if off == 0 else 0
    return float(
        sum(
            c * (max(k + 1 - off, 0) - truth)
            for k, c in zip(counts, chance, strict=True)
        )
    )


def linear_gate_error(
    probability: float, active: int, *, off: int, fan_in: int = 2
) -> float:
    """Mean error of the linear control: that of Bin(ℓ − k + j, p) + 1 − j.

    The same as with the ReLU for j = 0 and j = 1, where nothing is ever negative: only
    gates with two or more inputs off show that there is a nonlinearity.
    """
    others = _others(probability, active, off, fan_in)
    return others * probability + 1 - off - (1 if off == 0 else 0)


def gate_overlap(neurons: int, probability: float, *, fan_in: int = 2) -> float:
    """Expected number of neurons that read a whole gate, d·p^k."""
    check_probability("probability", probability)
    return check_count("neurons", neurons) * probability**fan_in


def probability_for_overlap(neurons: int, size: float, *, fan_in: int = 2) -> float:
    """The p at which so many neurons read a whole gate: (size/d)^(1/k).

    The source's p = log²n/d^(1/k) without its logarithms, which exceed 1 at toy sizes.
    """
    p = (size / check_count("neurons", neurons)) ** (1 / fan_in)
    return check_probability("probability", p)


def embedding_noise(
    probability: float, features: int, dimensions: int, active: int
) -> float:
    """Standard deviation of what superposed inputs add to a neuron, √(p m ℓ/d₀).

    A neuron reads p·m features, each of which the ℓ active ones move by about 1/√d₀.
    Gates misfire when it reaches about 1: at m ~ d₀/p ~ d₀√d features.

    Args:
        probability: p.
        features: m in superposition.
        dimensions: d₀ that hold them.
        active: ℓ.
    """
    check_probability("probability", probability)
    return math.sqrt(probability * features * active / dimensions)


def _others(probability: float, active: int, off: int, fan_in: int) -> int:
    """Active inputs that do not belong to the gate."""
    check_probability("probability", probability)
    check_count("active", active, minimum=0)
    if not 0 <= off <= fan_in:
        raise SettingsError("off", off, f"0 to fan_in = {fan_in} inputs that are off")
    others = active - fan_in + off
    if others < 0:
        raise SettingsError(
            "active", active, f"at least the {fan_in - off} of the gate itself"
        )
    return others
