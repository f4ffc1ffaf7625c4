"""`toymodels reproduce`: figures, ledger and report from one command."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

from experiments.reproduce import command
from toymodels.features import DEFAULT_GENERATOR


@dataclasses.dataclass(frozen=True)
class Reproduce:
    """Reproduce the figures, each with its claims and their verdicts.

    Examples:
      toymodels reproduce

      toymodels reproduce TMS-1 TMS-6

      toymodels reproduce TMS --scale smoke --out /tmp/figures

      toymodels reproduce TMS-6 --scale paper --set grid=1000 groups=1 --workers 8

    Args:
        ids: experiments or families; all if none.
        scale: smoke (seconds, for tests), laptop (the figures in the repository) or
            paper (the sources' own sizes).
        seed: root of all randomness.
        out: folder of figures; `figures` at laptop scale, else `figures-<scale>`.
        store: folder of results; `.toymodels/store` if not given.
        only_plot: draw from the store, compute nothing.
        fresh: compute everything again.
        changes: settings of the experiments as name=value, instead of the scale's.
        generator: of the samples, threefry2x32 or counter_hash; figures of another
            than the first go to a folder of their own.
        workers: train on a local cluster of so many processes, one core each; blocks
            that are finished stay in the store, whatever dies.
        scheduler: train on the workers of a running Dask scheduler, tcp://HOST:PORT;
            --store must be a folder that all of them share.
        at_once: experiments that are computed at the same time; if not given, 2 on a
            CPU with two cores and 8 GiB, 1 at paper scale; with --fresh or a cluster
            always 1.
    """

    ids: Annotated[
        tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[ID ...]")
    ] = ()
    scale: str = "laptop"
    seed: int = 0
    out: Path | None = None
    store: Path | None = None
    only_plot: bool = False
    fresh: bool = False
    changes: Annotated[
        tuple[str, ...], tyro.conf.arg(name="set", metavar="NAME=VALUE ...")
    ] = ()
    generator: str = DEFAULT_GENERATOR
    workers: int = 0
    scheduler: str | None = None
    at_once: int | None = None

    def run(self) -> int:
        """Run the experiments."""
        return command(**vars(self))
