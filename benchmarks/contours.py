"""Iso-response contours: the ISO-1 default protocol here and in plain NumPy.

    python benchmarks/contours.py

80 planes of two features in a frozen denoiser (n = 512, H = 128, ρ = 0.05), 60 angles
each, radii up to 8 at half the plateau height. Here: 64 radii bracket each crossing,
then bisection, in one compiled program. There: 1,200 radii, as the source searches
them, in single precision through BLAS, one angle's radii at a time (blocks of 2.4 MB;
larger ones were slower). Both find the same radii to within a step of the grid. They
take turns, in an order that is reversed every time; the ratio is formed within each
repeat. Compiling is measured apart.
"""

import dataclasses
import datetime
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from rich.console import Console

from machine import busy, machine
from sides import HERE
from steps import spread
from toymodels.models import FrozenDenoiser
from toymodels.probes import (
    Level,
    Rays,
    Subject,
    boundary_radii,
    level_responses,
    output_of,
)
from toymodels.probes.exponents import FEATURE, RANDOM, draw_planes

TARGET = 10.0
LIMIT_SECONDS = 30.0


@dataclasses.dataclass(frozen=True)
class Settings:
    """What to measure."""

    n: int = 512
    neurons: int = 128
    pairs: int = 80
    angles: int = 60
    reach: float = 8.0
    steps: int = 1200
    """Radii of the NumPy side."""
    c_in: float = 0.47
    """What the scan of ISO-1 chooses at this size."""
    repeats: int = 5
    """Timed repeats of each side."""
    out: Path = HERE / "contours.json"
    """The file to write."""


@dataclasses.dataclass(frozen=True)
class Task:
    """One model, its planes and the response to look for, as NumPy arrays."""

    E: np.ndarray
    c_in: float
    x: np.ndarray
    u: np.ndarray
    v: np.ndarray
    tau: float
    rays: Rays


def numpy_radii(task: Task, steps: int) -> np.ndarray:
    """First radius of a grid at which the response exceeds τ, (pairs, angles)."""
    E, Et = task.E, np.ascontiguousarray(task.E.T)
    c_in = np.float32(task.c_in)
    radii = np.linspace(0, task.rays.reach, steps + 1, dtype=np.float32)[1:]
    found = np.full((task.u.shape[1], task.rays.angles), np.nan)

    def forward(h: np.ndarray) -> np.ndarray:
        z = np.tanh(c_in * (E @ h))
        return Et @ (z * z * z)

    for pair in range(task.u.shape[1]):
        base = task.x[:, pair, None]
        clean = forward(base)
        for angle, phi in enumerate(task.rays.phi()):
            direction = np.cos(phi) * task.u[:, pair] + np.sin(phi) * task.v[:, pair]
            change = forward(base + direction[:, None] * radii) - clean
            # Squares against τ²: a root for every radius would be one pass more.
            over = np.einsum("nr,nr->r", change, change) > task.tau**2
            if over.any():
                found[pair, angle] = radii[over.argmax()]
    return found


def our_radii(task: Task) -> Callable[[], np.ndarray]:
    """The compiled search, ready to be called."""
    model = FrozenDenoiser(n=task.E.shape[1], neurons=task.E.shape[0])
    params = {
        "E": jnp.asarray(task.E),
        "c_in": jnp.float32(task.c_in),
        "c_out": jnp.float32(1.0),
    }

    @jax.jit
    def search(params: dict, x, u, v, tau):
        subject = Subject(model, params, "input")
        h, rays = subject.activation(x), task.rays
        return boundary_radii(output_of(subject), h, x, u, v, tau, rays)[0]

    arrays = [jnp.asarray(value) for value in (task.x, task.u, task.v)]
    tau = jnp.full((1, task.x.shape[1]), task.tau, jnp.float32)
    return lambda: np.asarray(search(params, *arrays, tau))


def make_task(settings: Settings) -> Task:
    """The model of seed 0 of this benchmark, with its planes and threshold."""
    model = FrozenDenoiser(n=settings.n, neurons=settings.neurons)
    first, second = jax.random.split(jax.random.key(0))
    params = model.init(first) | {"c_in": jnp.float32(settings.c_in)}
    subject = Subject(model, params, "input")
    x = jnp.zeros((settings.n, settings.pairs)).at[:2].set(1.0)
    u, v = draw_planes(second, subject.features(), x == 0)
    rays = Rays(reach=settings.reach, angles=settings.angles)
    tau = level_responses(
        output_of(subject),
        x,
        x,
        random=u[RANDOM],
        features=u[FEATURE],
        levels=(Level(),),
        rays=rays,
    )
    return Task(
        E=np.asarray(params["E"]),
        c_in=settings.c_in,
        x=np.asarray(x),
        u=np.asarray(u[FEATURE]),
        v=np.asarray(v[FEATURE]),
        tau=float(tau[0]),
        rays=rays,
    )


def measure(settings: Settings) -> dict[str, Any]:
    """Seconds of both sides, their ratio, and how far apart the radii are."""
    task = make_task(settings)
    ours = our_radii(task)
    start = time.perf_counter()
    found = ours()
    first = time.perf_counter() - start
    sides = {"ours": ours, "numpy": lambda: numpy_radii(task, settings.steps)}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    reference = found
    for repeat in range(settings.repeats):
        order = list(sides) if repeat % 2 == 0 else list(sides)[::-1]
        for name in order:
            start = time.perf_counter()
            result = sides[name]()
            seconds[name].append(time.perf_counter() - start)
            reference = result if name == "numpy" else reference
    ratio = np.array(seconds["numpy"]) / np.array(seconds["ours"])
    both = np.isfinite(found) & np.isfinite(reference)
    return {
        "seconds": {name: spread(np.array(value)) for name, value in seconds.items()},
        "first_call_seconds": round(first, 3),
        "ratio": spread(ratio),
        "grid_step": settings.reach / settings.steps,
        "largest_difference": float(np.abs(found - reference)[both].max()),
        "without_boundary": {
            "ours": float(np.isnan(found).mean()),
            "numpy": float(np.isnan(reference).mean()),
        },
    }


def main(settings: Settings) -> None:
    """Measure, print, write the file."""
    console, here = Console(), machine()
    if busy(here):
        console.print("[yellow]The machine is busy: measure again when it is idle.[/]")
    numbers = measure(settings)
    results = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": here,
        **{
            name: value
            for name, value in dataclasses.asdict(settings).items()
            if name != "out"
        },
        **numbers,
    }
    settings.out.write_text(json.dumps(results, indent=2) + "\n")
    for name, value in numbers["seconds"].items():
        console.print(f"{name}: {value['median']:.3g} s", highlight=False)
    ratio = numbers["ratio"]
    met = "met" if ratio["median"] >= TARGET else "missed"
    console.print(
        f"{ratio['median']:.1f} times faster ({ratio['q1']:.1f}–{ratio['q3']:.1f}), "
        f"≥ {TARGET:g} {met}; radii differ by at most "
        f"{numbers['largest_difference']:.4f}, a step of the grid is "
        f"{numbers['grid_step']:.4f}",
        highlight=False,
        soft_wrap=True,
    )
    quick = numbers["seconds"]["ours"]["median"] <= LIMIT_SECONDS
    console.print(
        f"≤ {LIMIT_SECONDS:g} s for the protocol: {'met' if quick else 'missed'}",
        highlight=False,
    )


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
