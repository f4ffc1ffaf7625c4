"""The command line: `toymodels list | reproduce | train | geometry | detect | probe`.

Each subcommand is a dataclass with a `run` method that returns the exit code; flags and
help come from its fields. Bad input is one line on standard error and exit code 2,
Ctrl-C is exit code 130 with a word on how to go on.
"""

from toymodels.cli.main import main as main
