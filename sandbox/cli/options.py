"""Options and arguments that several commands share, with their completion."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer


def complete_engine(incomplete: str) -> list[str]:
    """Names of engines for the shell's completion."""
    from sandbox.engines.registry import NAMES

    return [name for name in NAMES if name.startswith(incomplete)]


def complete_sandbox(incomplete: str) -> list[str]:
    """Names of existing sandboxes for the shell's completion."""
    from sandbox.state import names

    return [name for name in names() if name.startswith(incomplete)]


AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]
Name: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--name",
        metavar="NAME",
        help="Which sandbox; without it SANDBOX_NAME, else 'default'.",
        autocompletion=complete_sandbox,
        show_default=False,
    ),
]
Engines: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ENGINE",
        help="postgres, mysql, cassandra, mongodb, redis, gremlin, aws; none means all.",
        autocompletion=complete_engine,
        show_default=False,
    ),
]
OneEngine: TypeAlias = Annotated[
    str, typer.Argument(metavar="ENGINE", help="One engine.", autocompletion=complete_engine)
]
Offline: TypeAlias = Annotated[
    bool, typer.Option("--offline", help="Fetch nothing; fail with the name of what is missing.")
]
