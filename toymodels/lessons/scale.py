"""How large the trainings of a lesson are: full for a reader, tiny for the tests."""

import dataclasses
import os
from typing import Any

from toymodels.config import check_choice

VARIABLE = "TOYMODELS_LESSONS"
NAMES = ("full", "tiny")


@dataclasses.dataclass(frozen=True)
class Scale:
    """The size of a lesson's trainings.

    Attributes:
        name: "full" or "tiny".
    """

    name: str = "full"

    def pick(self, full: Any, tiny: Any) -> Any:
        """The first for a reader, the second where only the running is tested."""
        return tiny if self.name == "tiny" else full


def lesson_scale() -> Scale:
    """The scale that the environment variable TOYMODELS_LESSONS names.

    Returns:
        "full" unless the variable says "tiny".

    Raises:
        SettingsError: it says something else.
    """
    name = os.environ.get(VARIABLE) or NAMES[0]
    check_choice(VARIABLE, name, NAMES)
    return Scale(name)
