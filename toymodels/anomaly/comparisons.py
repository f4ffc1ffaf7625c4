"""The scenarios by name, and which of them a detector has to tell apart.

B ∪ B′, the backdoor whole or in part, is compared with every scenario without it: with
unusual combinations first, then with near-misses, then with normal samples. The shifts
of MAD-12 are compared with normal samples as well.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from toymodels.anomaly.scenarios import (
    Backdoor,
    Combinations,
    NearMisses,
    NoisyBackdoor,
    Normal,
    Scenario,
)
from toymodels.anomaly.shifts import AlwaysOn, NeverSeen, OverMany
from toymodels.config import SettingsError, check_choice

SCENARIOS: dict[str, Scenario] = {
    "B": Backdoor(),
    "B'": NoisyBackdoor(),
    "C": Combinations(),
    "Ck": Combinations(fewest=None, most=None),
    "F": NearMisses(),
    "N": Normal(),
    "never-seen": NeverSeen(),
    "always-on": AlwaysOn(),
    "correlated": AlwaysOn(size=3),
    "over-many": OverMany(),
}
"""Every scenario by name; Ck is C with as many features as the backdoor has."""

NORMAL = "N"


class Comparison(NamedTuple):
    """Which scenarios should be flagged, and which one should not."""

    positive: tuple[str, ...]
    negative: str

    @property
    def name(self) -> str:
        """Such as "B∪B' vs C"."""
        return f"{'∪'.join(self.positive)} vs {self.negative}"


def comparisons_of(scenarios: Mapping[str, Scenario]) -> tuple[Comparison, ...]:
    """The backdoors together against every other scenario, and each shift against N."""
    positive = tuple(name for name, one in scenarios.items() if one.backdoor)
    others = [name for name in scenarios if name not in positive]
    shifts = [
        name
        for name in others
        if isinstance(scenarios[name], NeverSeen | AlwaysOn | OverMany)
    ]
    pairs = [Comparison(positive, name) for name in others if positive]
    if NORMAL in others:
        pairs += [Comparison((name,), NORMAL) for name in shifts]
    return tuple(pairs)


def named_scenarios(
    given: Mapping[str, Scenario] | Sequence[str],
) -> dict[str, Scenario]:
    """Scenarios by their names, or as they are."""
    if isinstance(given, Mapping):
        return dict(given)
    return {
        name: SCENARIOS[check_choice("scenario", name, SCENARIOS)] for name in given
    }


def check_pairs(pairs: Sequence[Comparison], drawn: Mapping[str, Scenario]) -> None:
    """Raise `SettingsError` if there is nothing to compare."""
    if not pairs:
        raise SettingsError(
            "scenarios",
            ", ".join(drawn),
            "a backdoor and something to compare",
            "B C N",
        )
    for pair in pairs:
        for name in (*pair.positive, pair.negative):
            check_choice("scenario", name, drawn)
