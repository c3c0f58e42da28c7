"""``env``, ``exec``, ``shell``: what clients need, and clients."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sandbox.cli.options import AsJson, Engines, Name, OneEngine
from sandbox.output import command


class EnvFormat(StrEnum):
    """Forms in which ``env`` writes variables."""

    SHELL = "shell"
    DOTENV = "dotenv"
    JSON = "json"


def register(app: typer.Typer) -> None:
    app.command(epilog='Example:  eval "$(sandbox env postgres)"')(env)
    app.command(
        name="exec",
        epilog="Example:  sandbox exec -- aws s3 ls",
        context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    )(execute)
    app.command(epilog='Example:  sandbox shell postgres -c "select count(*) from orders"')(shell)


def env(
    engines: Engines = None,
    form: Annotated[EnvFormat, typer.Option("--format", help="How to write them.")] = EnvFormat.SHELL,
    name: Name = None,
    as_json: AsJson = False,
) -> None:
    """Connection variables of the running engines. They hold passwords: keep them to yourself."""
    with command("env", as_json=as_json) as out:
        import json
        import shlex

        from sandbox.sandbox import Sandbox

        values = Sandbox(name=name, sink=out.sink).env(engines)
        if form is EnvFormat.JSON and not as_json:
            out.result(values, json.dumps(values, indent=2))
        elif form is EnvFormat.DOTENV:
            out.result(values, "\n".join(f"{k}={_dotenv(v)}" for k, v in values.items()))
        else:
            out.result(values, "\n".join(f"export {k}={shlex.quote(v)}" for k, v in values.items()))


def _dotenv(value: str) -> str:
    if value and all(c.isalnum() or c in "_-./:@+=,%?&" for c in value):
        return value
    return (
        '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("\n", "\\n") + '"'
    )


def execute(
    argv: Annotated[list[str], typer.Argument(metavar="CMD", help="The command and its arguments.")],
    name: Name = None,
) -> None:
    """Run a command with the connection variables and the engines' own clients on its PATH.

    The command takes this process's place: its exit code and signals are its own.
    """
    with command("exec") as out:
        import shutil

        from sandbox.errors import EnvironmentRefusedError, UsageError
        from sandbox.sandbox import Sandbox

        box = Sandbox(name=name, sink=out.sink)
        if not box.running():
            raise EnvironmentRefusedError(
                f"Nothing runs in sandbox {box.name!r}.", code="nothing-runs", actions=["sandbox up"]
            )
        environment = {**os.environ, **box.env()}
        environment["PATH"] = os.pathsep.join([*map(str, box.bin()), os.environ.get("PATH", os.defpath)])
        program = shutil.which(argv[0], path=environment["PATH"])
        if program is None:
            raise UsageError(f"There is no command {argv[0]!r}.", code="no-such-command")
        out.progress_ends()
        sys.stdout.flush()
        os.execve(program, argv, environment)  # noqa: S606 - to be that command is what exec is for


def shell(
    engine: OneEngine,
    statement: Annotated[
        str | None,
        typer.Option(
            "--command", "-c", metavar="STATEMENT", help="Execute this and exit.", show_default=False
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", "-f", metavar="FILE", help="Execute a file and exit ('-': stdin).", show_default=False
        ),
    ] = None,
    python: Annotated[
        bool, typer.Option("--python", help="Our prompt over the driver, not the engine's own client.")
    ] = False,
    name: Name = None,
    as_json: AsJson = False,
) -> None:
    """Open a prompt: the engine's own client, or ours. With -c, -f or a pipe: execute that, print tables."""
    with command("shell", as_json=as_json) as out:
        from sandbox.clients.shell import run_shell
        from sandbox.sandbox import Sandbox

        run_shell(
            Sandbox(name=name, sink=out.sink), engine, out, statement=statement, file=file, python=python
        )
