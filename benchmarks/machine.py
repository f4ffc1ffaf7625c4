"""What the numbers of a benchmark depend on."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("toymodels", "jax", "jaxlib", "flax", "optax", "torch")
# Other work hurts PyTorch more, whose threads wait for each other after every
# operation: on two cores with a load of 5 the ratio came out several times too high.
BUSY_LOAD = 0.3


def machine() -> dict[str, Any]:
    """Processor, system, versions, and how busy it was."""
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: v for name in PACKAGES if (v := _version(name))},
        "load_at_start": load(),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def cpu_name() -> str:
    """The processor's model, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.machine()


def load() -> float | None:
    """Processes that want a core, averaged over a minute; None where unknown."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def busy(machine: dict[str, Any]) -> bool:
    """Whether other work was on the machine."""
    load, cores = machine["load_at_start"], machine["cores"] or 1
    return load is not None and load > BUSY_LOAD * cores
