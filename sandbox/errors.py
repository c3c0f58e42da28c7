"""The errors a user can meet, in one tree.

::

    SandboxError
    ├── NotSoError                what was asked about is not so (unhealthy, exercise failed)   exit 1
    ├── UsageError                wrong usage: an unknown name, a bad option, a bad file        exit 2
    ├── EnvironmentRefusedError   port, memory, disk, missing artifact, engine died             exit 3
    └── BugError                  our own mistake                                               exit 4

Every error has a stable ``code`` (kebab-case, for scripts), a one-sentence ``title`` that names the thing,
an optional ``detail`` (may have several lines) and ``actions``: commands or steps that go on from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


class SandboxError(Exception):
    """Base of all errors shown to a user without a traceback."""

    exit_code = 4

    def __init__(self, title: str, *, code: str, detail: str = "", actions: Sequence[str] = ()) -> None:
        super().__init__(title)
        self.title = title
        self.code = code
        self.detail = detail
        self.actions = tuple(actions)

    def as_json(self) -> dict[str, Any]:
        """The ``error`` object of the JSON envelope."""
        return {
            "code": self.code,
            "title": self.title,
            "detail": self.detail,
            "actions": list(self.actions),
            "exit_code": self.exit_code,
        }


class NotSoError(SandboxError):
    """What was asked about is not so: an engine is unhealthy, an exercise failed."""

    exit_code = 1


class UsageError(SandboxError):
    """The command, a name, an option or an input file is wrong."""

    exit_code = 2


class EnvironmentRefusedError(SandboxError):
    """The machine refused: port, memory, disk, missing artifact, an engine that died."""

    exit_code = 3


class BugError(SandboxError):
    """Our own mistake."""

    exit_code = 4


def unknown_name(kind: str, name: str, known: Iterable[str], *, list_command: str) -> UsageError:
    """An error for a name that does not exist, with the nearest ones that do."""
    import difflib

    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    detail = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(names)}."
    return UsageError(
        f"There is no {kind} named {name!r}.",
        code=f"unknown-{kind.replace(' ', '-')}",
        detail=detail,
        actions=[list_command],
    )
