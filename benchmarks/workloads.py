"""What the sides of the benchmark train, and how they talk to `run.py`.

A side is a process of its own, so that no framework's threads, allocator or import time
weighs on another. It reads one JSON request a line and answers each with one line; the
time it reports is measured around its training steps alone.

Letters: `runs` models trained together, n features, d hidden dimensions.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LEARNING_RATE = 1e-3
WEIGHT_DECAY = 1e-2


@dataclass(frozen=True)
class Workload:
    """One ensemble of ReLU-output autoencoders.

    Attributes:
        runs: models trained together, ≥ 1.
        n: features.
        d: hidden dimensions, < n.
        batch: samples in each step, drawn afresh.
        steps: updates in each timed repeat; about a second of eager PyTorch.
    """

    runs: int
    n: int
    d: int
    batch: int
    steps: int

    @property
    def name(self) -> str:
        """The sizes, as tables show them."""
        return f"runs {self.runs}, n {self.n}, d {self.d}"

    @property
    def probability(self) -> list[float]:
        """Feature probability of each run, 1 to 1/20 as in the original notebook."""
        last = max(self.runs - 1, 1)
        return [20 ** -(run / last) for run in range(self.runs)]

    @property
    def importance(self) -> list[float]:
        """Importance 0.9^i of each feature."""
        return [0.9**i for i in range(self.n)]

    @property
    def product_operations(self) -> int:
        """Floating-point operations of a step's matrix products.

        Two forward (encode, decode) and three backward: the gradient of the hidden
        layer, and those of W as encoder and as decoder. Each costs 2 n d a sample.
        """
        return 5 * 2 * self.n * self.d * self.batch * self.runs


WORKLOADS = (
    Workload(runs=10, n=5, d=2, batch=1024, steps=1000),
    Workload(runs=400, n=2, d=1, batch=1024, steps=50),
    Workload(runs=7, n=20, d=5, batch=1024, steps=300),
    Workload(runs=20, n=200, d=20, batch=1024, steps=15),
)


def answer(handle: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answer requests from standard input until it closes."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(handle(json.loads(line))) + "\n")
        sys.stdout.flush()
