"""``doctor``: what is missing or odd here."""

from __future__ import annotations

from dataclasses import asdict

import typer

from sandbox.cli.options import AsJson
from sandbox.output import command, table


def register(app: typer.Typer) -> None:
    app.command(epilog="Example:  sandbox doctor --json")(doctor)


def doctor(as_json: AsJson = False) -> None:
    """What is missing or odd on this machine, each with its remedy. Exit code 1 when there is a problem."""
    with command("doctor", as_json=as_json) as out:
        from rich.text import Text

        from sandbox.doctor import examine
        from sandbox.errors import NotSoError

        found = list(examine())
        style = {"ok": "green", "note": "cyan", "warning": "yellow", "problem": "bold red"}
        rows = [(Text(f.level, style=style[f.level]), f.subject, f.text, f.remedy) for f in found]
        out.result({"findings": [asdict(f) for f in found]}, table(("", "WHAT", "FOUND", "REMEDY"), rows))
        problems = [f for f in found if f.level == "problem"]
        if problems:
            raise NotSoError(
                f"{len(problems)} problem{'s' if len(problems) > 1 else ''} found.",
                code="doctor-problems",
                actions=[f.remedy for f in problems if f.remedy],
            )
