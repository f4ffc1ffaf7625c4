"""Parses the command line, runs the subcommand, turns errors into exit codes."""

import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, Any

import tyro

from toymodels.cli.construct import Construct
from toymodels.cli.detect import Detect
from toymodels.cli.explore import Explore
from toymodels.cli.export import Export
from toymodels.cli.geometry import Geometry
from toymodels.cli.lessons import Lessons
from toymodels.cli.list_experiments import ListExperiments
from toymodels.cli.probe import ProbeCommand
from toymodels.cli.reproduce import Reproduce
from toymodels.cli.train import Train
from toymodels.compilation import keep_compiled
from toymodels.config import SettingsError
from toymodels.disk import StoreError

OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

DESCRIPTION = "Toy models of superposition: train, measure, reproduce the figures."

Command = (
    Annotated[ListExperiments, tyro.conf.subcommand("list")]
    | Annotated[Reproduce, tyro.conf.subcommand("reproduce")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Construct, tyro.conf.subcommand("construct")]
    | Annotated[Geometry, tyro.conf.subcommand("geometry")]
    | Annotated[Detect, tyro.conf.subcommand("detect")]
    | Annotated[ProbeCommand, tyro.conf.subcommand("probe")]
    | Annotated[Explore, tyro.conf.subcommand("explore")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[Lessons, tyro.conf.subcommand("lessons")]
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: without the program's name; those of the process when None.

    Returns:
        0, or 1 if something failed, 2 for bad input, 130 after Ctrl-C.
    """
    try:
        command = tyro.cli(
            Command,
            args=arguments,
            prog="toymodels",
            description=DESCRIPTION,
            config=(tyro.conf.OmitSubcommandPrefixes,),
        )
    except SystemExit as stop:  # help is 0, a mistake in the flags is 2
        return int(stop.code or 0)
    try:
        keep_compiled()
        with warnings.catch_warnings():
            warnings.showwarning = _say
            return command.run()
    except (SettingsError, StoreError) as error:
        print(f"toymodels: {error}", file=sys.stderr)
        return BAD_INPUT
    except BrokenPipeError:  # `toymodels list | head`
        sys.stderr.close()
        return OK
    except KeyboardInterrupt:
        print("toymodels: stopped", file=sys.stderr)
        return INTERRUPTED


def _say(message: Warning | str, *_: Any, **__: Any) -> None:
    """A warning as one line, without the line of code that Python would show."""
    print(f"toymodels: warning: {message}", file=sys.stderr)
