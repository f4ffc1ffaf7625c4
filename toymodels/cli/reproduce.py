"""`toymodels reproduce`: figures, ledger and report from one command."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Reproduce:
    """Reproduce figures."""

    def run(self) -> int:
        """Run the experiments."""
        return 0
