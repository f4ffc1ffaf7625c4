"""`toymodels reproduce`: figures, ledger and report from one command."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

from experiments.reproduce import reproduce


@dataclasses.dataclass(frozen=True)
class Reproduce:
    """Reproduce the figures, each with its claims and their verdicts.

    Examples:
      toymodels reproduce

      toymodels reproduce TMS-1 TMS-6

      toymodels reproduce TMS --scale smoke --out /tmp/figures

    Args:
        ids: experiments or families; all if none.
        scale: smoke (seconds, for tests), laptop (the figures in the repository) or
            paper (the sources' own sizes).
        seed: root of all randomness.
        out: folder of figures; `figures` at laptop scale, else `figures-<scale>`.
        store: folder of results; `.toymodels/store` if not given.
        only_plot: draw from the store, compute nothing.
        fresh: compute everything again.
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

    def run(self) -> int:
        """Run the experiments."""
        return reproduce(**vars(self)).exit_code
