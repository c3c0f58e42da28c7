"""``env``, ``exec``, ``shell``: what clients need, and clients."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sandbox.cli.options import AsJson, Engines, Name, OneEngine
from sandbox.output import Output, command

if TYPE_CHECKING:
    from sandbox.sandbox import Sandbox


class EnvFormat(StrEnum):
    """Forms in which ``env`` writes variables; functions of :mod:`sandbox.env_forms`."""

    SHELL = "shell"
    DOTENV = "dotenv"
    JSON = "json"
    GITHUB = "github"
    COMPOSE = "compose"


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
        from sandbox import env_forms
        from sandbox.sandbox import Sandbox

        values = Sandbox(name=name, sink=out.sink).env(engines)
        written = {
            EnvFormat.SHELL: env_forms.shell,
            EnvFormat.DOTENV: env_forms.dotenv,
            EnvFormat.JSON: env_forms.as_json,
            EnvFormat.GITHUB: env_forms.github,
            EnvFormat.COMPOSE: env_forms.compose,
        }[form]
        if form is EnvFormat.GITHUB and not as_json:
            # Before any variable is set, and apart from the lines that go to the file of variables.
            sys.stderr.write(env_forms.github_masks(values) + "\n")
            sys.stderr.flush()
        out.result(values, written(values))


def execute(
    argv: Annotated[list[str], typer.Argument(metavar="CMD", help="The command and its arguments.")],
    fresh: Annotated[
        bool, typer.Option("--fresh", help="In a sandbox of its own, deleted when the command ends.")
    ] = False,
    engines: Annotated[
        str | None,
        typer.Option(
            "--engines",
            metavar="ENGINE,...",
            help="Only these engines: their variables, and what --fresh starts.",
            show_default=False,
        ),
    ] = None,
    name: Name = None,
) -> None:
    """Run a command with the connection variables and the engines' own clients on its PATH.

    The command takes this process's place: its exit code and signals are its own. With --fresh it is waited
    for: its exit code is passed on (128 + n when signal n ended it), and signals are passed to it.
    """
    with command("exec") as out:
        from sandbox.engines.registry import chosen
        from sandbox.errors import EnvironmentRefusedError, UsageError
        from sandbox.sandbox import Sandbox

        wanted = chosen([n.strip() for n in engines.split(",") if n.strip()]) if engines else None
        if fresh:
            if name is not None:
                raise UsageError("--fresh and --name exclude each other.", code="options-exclude")
            raise typer.Exit(_in_fresh_sandbox(out, wanted, argv))
        box = Sandbox(name=name, sink=out.sink)
        if not box.running():
            raise EnvironmentRefusedError(
                f"Nothing runs in sandbox {box.name!r}.", code="nothing-runs", actions=["sandbox up"]
            )
        program, environment = _prepared(box, wanted, argv)
        out.progress_ends()
        sys.stdout.flush()
        os.execve(program, argv, environment)  # noqa: S606 - to be that command is what exec is for


def _in_fresh_sandbox(out: Output, engines: list[str] | None, argv: list[str]) -> int:
    from sandbox.foreground import deaf, run
    from sandbox.fresh import fresh, sweep

    sweep(out.sink)
    with ExitStack() as cleaning:
        box = cleaning.enter_context(fresh(engines, sink=out.sink))
        program, environment = _prepared(box, engines, argv)
        out.progress_ends()
        sys.stdout.flush()
        try:
            return run(program, argv, environment)
        finally:
            # A second Ctrl-C must not leave half of it behind.
            with deaf():
                cleaning.close()


def _prepared(box: Sandbox, engines: list[str] | None, argv: list[str]) -> tuple[str, dict[str, str]]:
    """The program to execute and its environment; UsageError when there is no such program."""
    import shutil

    from sandbox.clients.programs import pointed
    from sandbox.errors import UsageError

    environment = {**os.environ, **box.env(engines)}
    path = os.pathsep.join([*map(str, box.bin(engines)), os.environ.get("PATH", os.defpath)])
    environment["PATH"] = os.pathsep.join([*map(str, pointed(box.runtime.cache, path, box.sink)), path])
    program = shutil.which(argv[0], path=environment["PATH"])
    if program is None:
        raise UsageError(f"There is no command {argv[0]!r}.", code="no-such-command")
    return program, environment


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
