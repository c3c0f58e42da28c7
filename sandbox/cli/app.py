"""The Typer application: every command and group, in the order of the help."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from sandbox.cli import (
    bundle,
    catalogue,
    clients,
    data,
    doctor,
    exercise,
    fixtures,
    lifecycle,
    pull,
    snapshot,
)

app = typer.Typer(
    name="sandbox",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    rich_markup_mode=None,
    help=(
        "The data services of a cloud course on your own machine: engines, fixtures and graded exercises, "
        "offline.\n\nFirst steps:  sandbox up  |  sandbox status  |  sandbox exercise list"
    ),
)


def _version(wanted: bool) -> None:
    if wanted:
        from sandbox import __version__

        sys.stdout.write(f"sandbox {__version__}\n")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[  # noqa: ARG001 - its callback prints it
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
) -> None:
    if debug:
        os.environ["SANDBOX_DEBUG"] = "1"


lifecycle.register(app)
clients.register(app)
data.register(app)
app.add_typer(snapshot.app, name="snapshot", help="Copies of the data: save, restore, list, delete.")
app.add_typer(exercise.app, name="exercise", help="Exercises: list, start, grade, run, verify.")
catalogue.register(app)
app.add_typer(fixtures.app, name="fixtures", help="The dataset: list, generate, check.")
pull.register(app)
app.add_typer(
    bundle.app, name="bundle", help="One file for machines without a network: create, verify, load."
)
doctor.register(app)
