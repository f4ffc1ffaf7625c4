"""How long a job will still take, from what earlier ones took."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from experiments.runner import Prepared
from toymodels.store import Store

# Seconds for an experiment that this store has never seen, on two cores.
BUDGETS = {"smoke": 5.0, "laptop": 24.0, "paper": 900.0}

# Drawing a figure from a stored result.
DRAWING = 1.0


@dataclass
class Estimate:
    """Expected seconds and steps of experiments, corrected by those that are done."""

    seconds: dict[str, float]
    """By experiment id."""
    steps: dict[str, int]
    """By experiment id; none where nothing is known."""
    at_once: int = 1
    """Experiments that are computed at the same time."""
    _expected: float = field(default=0.0, init=False)
    _taken: float = field(default=0.0, init=False)

    @classmethod
    def of(
        cls,
        prepared: Iterable[Prepared],
        store: Store,
        *,
        fresh: bool,
        at_once: int = 1,
    ) -> "Estimate":
        """From the manifests of the store, else from the budgets of the scales."""
        recorded: dict[tuple[str, str], list[tuple[float, int]]] = {}
        for m in store.manifests():
            if "scale" in m and "seconds" in m:
                place = (m.get("kind", ""), m["scale"])
                recorded.setdefault(place, []).append((m["seconds"], m["steps"]))
        seconds, steps = {}, {}
        for p in prepared:
            earlier = recorded.get((p.kind, p.scale), [])
            seconds[p.experiment.id] = BUDGETS.get(p.scale, BUDGETS["paper"])
            if earlier:
                seconds[p.experiment.id] = max(s for s, _ in earlier) + DRAWING
                steps[p.experiment.id] = max(n for _, n in earlier)
            if not fresh and p.stored(store):
                seconds[p.experiment.id] = DRAWING
        return cls(seconds, steps, at_once)

    def finished(self, id: str, seconds: float) -> None:
        """Learn from an experiment that is done."""
        self._expected += self.seconds.pop(id, 0.0)
        self._taken += seconds

    def left(
        self, current: str | None = None, elapsed: float = 0.0, share: float = 0.0
    ) -> float:
        """Seconds still to go.

        Args:
            current: id of the experiment that runs now.
            elapsed: seconds since it began.
            share: of its training that is done, in [0, 1].
        """
        pace = 1.0
        if self._expected > DRAWING:
            # Few experiments say little about the machine, so the pace is bounded.
            pace = min(max(self._taken / self._expected, 0.2), 5.0)
        rest = sum(s for id, s in self.seconds.items() if id != current)
        running = self.seconds.get(current, 0.0) if current else 0.0
        to_go = elapsed * (1 - share) / share if share else 0.0
        return rest * pace / self.at_once + max(running * pace - elapsed, to_go, 0.0)


def in_words(seconds: float) -> str:
    """A duration to the precision that an estimate has."""
    if seconds < 90:
        return f"{max(round(seconds, -1), 5):.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
