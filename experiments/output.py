"""The folder of figures: images and the ledger `claims.json`.

A command that runs some of the experiments leaves what the others have left there. All
files are the same, byte for byte, when the same results are written again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments import stories
from experiments.imprint import read_imprint
from experiments.registry import HERE, Experiment, sort_key
from experiments.runner import Outcome
from toymodels.claims import Claim
from toymodels.disk import check_writable, explained, write_atomically
from toymodels.ledger import (
    read_ledger,
    table_in_readme,
    update_readme,
    write_ledger,
)
from toymodels.plotting import save_png

REPOSITORY = HERE.parent

README_SCALE = "laptop"
"""Results at other scales never reach the README."""


@dataclass(frozen=True)
class Output:
    """A folder of figures.

    Args:
        folder: made if absent.
        experiments: all there are, in the order of the page.
        scale: of what is going to be written.
        repository: whose README shows the claims of its own `figures/`.
    """

    folder: Path
    experiments: Sequence[Experiment]
    scale: str
    repository: Path = REPOSITORY

    @property
    def ledger(self) -> Path:
        """The file of claims."""
        return self.folder / "claims.json"

    @property
    def readme(self) -> Path | None:
        """The README whose table is to be kept up to date, if any."""
        readme = self.repository / "README.md"
        own = self.folder.resolve() == (self.repository / "figures").resolve()
        belongs = own and self.scale == README_SCALE and readme.exists()
        return readme if belongs else None

    def check(self) -> None:
        """Raise an error now for what would be one after the work is done."""
        check_writable(self.folder, "another folder with --out")
        self.claims()
        if self.readme:
            table_in_readme(self.readme)

    def claims(self) -> list[Claim]:
        """The claims that are in the ledger now."""
        return read_ledger(self.ledger) if self.ledger.exists() else []

    def write_figures(self, outcome: Outcome) -> None:
        """Write an experiment's images and remove those it no longer draws."""
        for name, image in outcome.figures.items():
            write_atomically(self.folder / name, image)
        for path, _ in self.figures(outcome.prepared.experiment):
            if path.name not in outcome.figures:
                with explained(path):
                    path.unlink()

    def write_stories(self, claims: Sequence[Claim]) -> Path | None:
        """Draw the page of stories from the ledger, if it has all that the page needs.

        Returns:
            Its path, or None; then there is no such page in the folder either.
        """
        path = self.folder / stories.NAME
        figure = stories.draw(claims)
        if figure is not None:
            return save_png(figure, path)
        with explained(path):
            path.unlink(missing_ok=True)
        return None

    def write_claims(self, outcomes: Sequence[Outcome]) -> list[Claim]:
        """Write the ledger and, where it belongs, the README's table.

        Returns:
            All claims of the ledger, those of earlier commands too.
        """
        claims = self._merged(outcomes)
        write_ledger(self.ledger, claims)
        if self.readme:
            update_readme(self.readme, claims)
        return claims

    def figures(self, experiment: Experiment) -> list[tuple[Path, dict[str, Any]]]:
        """The images that say they show the experiment, in order, and what they say."""
        found = []
        for path in sorted(self.folder.glob(f"{experiment.id}_*")):
            if path.suffix in (".png", ".gif"):
                with explained(path):
                    note = read_imprint(path.read_bytes())
                if isinstance(note, dict) and note.get("experiment") == experiment.id:
                    found.append((path, note))
        return sorted(found, key=lambda item: item[1].get("place", 0))

    def _merged(self, outcomes: Sequence[Outcome]) -> list[Claim]:
        known = {id for experiment in self.experiments for id in experiment.ids}
        new = {id for o in outcomes for id in o.prepared.experiment.ids}
        claims = [claim for o in outcomes for claim in o.claims]
        taken = {claim.id for claim in claims}
        claims += [
            claim
            for claim in self.claims()
            if claim.experiment in known - new and claim.id not in taken
        ]
        # Stable: the claims of one experiment keep the order that it gives them.
        return sorted(claims, key=lambda claim: sort_key(claim.experiment))


def default_folder(scale: str) -> Path:
    """`figures` for what is committed; other scales do not overwrite it."""
    return Path("figures" if scale == README_SCALE else f"figures-{scale}")
