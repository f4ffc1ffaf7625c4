"""The sides of the benchmark: which there are, and a process for each.

Peers are what a person would write without this package; ours are the same training
through it, with its data streams and generators.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
# One CPU device, whatever the shell says.
CPU = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""}


@dataclass(frozen=True)
class Side:
    """One way to train a workload.

    Attributes:
        title: as tables show it.
        script: the file in this folder that trains.
        request: what the script is told beside the workload.
        environment: variables of its process.
    """

    title: str
    script: str
    request: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


def _ours(title: str, stream: str, generator: str) -> Side:
    request = {"stream": stream, "generator": generator}
    return Side(title, "ours.py", request, CPU)


PEERS = {
    "eager": Side("PyTorch", "eager_pytorch.py"),
    # Its compiler would say at every start that it ignores a profiler's hook.
    "compiled": Side(
        "torch.compile", "compiled_pytorch.py", environment={"TORCH_LOGS": "-dynamo"}
    ),
    "jax_loop": Side("JAX loop", "jax_loop.py", environment=CPU),
}
OURS = {
    "independent": _ours("ours", "independent", "threefry2x32"),
    "counter_hash": _ours("counter hash", "independent", "counter_hash"),
    "shared": _ours("shared", "shared", "threefry2x32"),
}
CEILING = {
    "matrix_product": Side("matrix product", "matrix_product.py", environment=CPU)
}


class Unavailable(Exception):
    """A side that cannot run on this machine, and why."""


class Process:
    """A side at work: one process that trains on request."""

    def __init__(self, side: Side):
        self._side = side
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / side.script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **side.environment},
        )

    def start(self, workload: dict[str, Any], repeats: int) -> dict[str, Any]:
        """The first repeat of `repeats`, compilation included.

        Raises:
            Unavailable: the side says that it cannot run here.
        """
        return self._ask(workload=workload, repeats=repeats, **self._side.request)

    def repeat(self) -> dict[str, Any]:
        """The next repeat: its seconds, and what else the side tells."""
        return self._ask()

    def close(self) -> None:
        """End the process by closing its input."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait(timeout=30)

    def _ask(self, **request: Any) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the process has no pipes")
        try:
            stdin.write(json.dumps(request) + "\n")
            stdin.flush()
            line = stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise SystemExit(
                f"benchmarks/{self._side.script} stopped; its message is above"
            )
        told = json.loads(line)
        if "unavailable" in told:
            raise Unavailable(told["unavailable"])
        return told
