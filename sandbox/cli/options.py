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


def complete_runtime(incomplete: str) -> list[str]:
    """Names of runtimes for the shell's completion."""
    from sandbox.runtimes.registry import NAMES

    return [name for name in ("auto", *NAMES) if name.startswith(incomplete)]


def complete_provider(incomplete: str) -> list[str]:
    """Names of providers for the shell's completion."""
    from sandbox.engines.registry import NAMES, engine

    return [p for name in NAMES for p in engine(name).providers if p.startswith(incomplete)]


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
Runtime: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--runtime",
        metavar="RUNTIME",
        help="What runs new engines: native, docker or auto. Without it SANDBOX_RUNTIME, else auto.",
        autocompletion=complete_runtime,
        show_default=False,
    ),
]
Provider: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--provider",
        metavar="PROVIDER",
        help="What serves aws: ministack, or localstack (in Docker). Without it SANDBOX_AWS_PROVIDER, "
        "else ministack.",
        autocompletion=complete_provider,
        show_default=False,
    ),
]
Offline: TypeAlias = Annotated[
    bool, typer.Option("--offline", help="Fetch nothing; fail with the name of what is missing.")
]
