"""`toymodels list`: the experiments that can be reproduced."""

import dataclasses
import json
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from experiments.registry import find_experiments


@dataclasses.dataclass(frozen=True)
class ListExperiments:
    """List the experiments: id, title, file.

    Examples:
      toymodels list

      toymodels list --json

    Args:
        as_json: print JSON, for programs.
    """

    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False

    def run(self) -> int:
        """Print the list."""
        rows = [
            {
                "ids": list(experiment.ids),
                "title": experiment.title,
                "summary": experiment.summary,
                "module": experiment.module,
            }
            for experiment in find_experiments()
        ]
        if self.as_json:
            print(json.dumps(rows, indent=1))
            return 0
        table = Table("id", "title", "file", box=None)
        for row in rows:
            file = row["module"].replace(".", "/") + ".py"
            table.add_row(", ".join(row["ids"]), row["title"], file)
        Console().print(table)
        return 0
