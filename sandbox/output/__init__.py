"""How commands speak: plain text in a pipe, colour and progress on a terminal, one JSON envelope on demand.

Progress always goes to stderr; stdout holds the result and, under ``--json``, nothing but the envelope.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from sandbox.errors import SandboxError
from sandbox.events import Event, Warned

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA_VERSION = 1


def debug() -> bool:
    """Whether tracebacks are wanted (``sandbox --debug`` or SANDBOX_DEBUG=1)."""
    return os.environ.get("SANDBOX_DEBUG", "") not in ("", "0")


class Output:
    """What one command says. Make it with :func:`command`."""

    def __init__(self, name: str, *, as_json: bool) -> None:
        self.name = name
        self.as_json = as_json
        self.data: Any = None
        self.warnings: list[str] = []
        self._guard = threading.Lock()
        self._progress: Callable[[Event], None] | None = None

    @property
    def console(self) -> Console:
        """A rich console on stdout: colour on a terminal only; the width of a pipe is not cut."""
        return console(stderr=False)

    def sink(self, event: Event) -> None:
        """The sink for domain code: remembers warnings, shows progress on stderr."""
        with self._guard:
            if isinstance(event, Warned) and event.text not in self.warnings:
                self.warnings.append(event.text)
            if self._progress is None:
                from sandbox.output.progress import progress

                self._progress = progress(quiet=self.as_json)
            self._progress(event)

    def progress_ends(self) -> None:
        """Take the live progress display away, before results are printed."""
        close = getattr(self._progress, "close", None)
        if close is not None:
            close()

    def result(self, data: Any, *shown: Any) -> None:
        """The command's result: ``data`` for the envelope, ``shown`` (text, rich renderables) for people."""
        self.progress_ends()
        self.data = data
        for item in shown:
            self.show(item)

    def show(self, item: Any) -> None:
        """One more thing for people (text, a rich renderable) on stdout; nothing under ``--json``."""
        self.progress_ends()
        if self.as_json:
            return
        if isinstance(item, str):
            sys.stdout.write(item if item.endswith("\n") or not item else item + "\n")
        else:
            self.console.print(item)
        sys.stdout.flush()

    def say(self, text: str) -> None:
        """One more line for people on stdout; nothing under ``--json``."""
        self.progress_ends()
        if not self.as_json:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()


def console(*, stderr: bool) -> Console:
    """A rich console. In a pipe tables keep their natural width, so that no cell is cut or wrapped."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    if stream.isatty():
        return Console(stderr=stderr, highlight=False)
    return Console(stderr=stderr, highlight=False, width=int(os.environ.get("COLUMNS", "200")), no_color=True)


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, right: Sequence[str] = ()) -> Any:
    """A plain rich table: bold header, no box. Cells are shown as they are, never read as markup."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(c if isinstance(c, Text) else Text("" if c is None else str(c)) for c in row))
    return made


def envelope(name: str, data: Any, warnings: Sequence[str], error: SandboxError | None) -> str:
    """The one JSON document of a command."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "command": name,
        "status": "error" if error else "ok",
        "data": data,
        "warnings": list(warnings),
        "error": error.as_json() if error else None,
    }
    return json.dumps(document, indent=2, default=str, ensure_ascii=False)


def show_error(error: SandboxError) -> None:
    """An error for people, on stderr: what is wrong, what is known, what to do next."""
    shown = console(stderr=True)
    from rich.text import Text

    shown.print(Text.assemble(("error: ", "bold red"), error.title), soft_wrap=True)
    for line in error.detail.splitlines():
        shown.print(Text("  " + line, style="dim"), soft_wrap=True)
    if error.actions:
        shown.print(Text("Try:", style="bold"))
        for action in error.actions:
            shown.print(Text("  " + action, style="cyan"), soft_wrap=True)


@contextmanager
def command(name: str, *, as_json: bool = False) -> Iterator[Output]:
    """The frame of every command: errors become text or envelope and an exit code, never a traceback.

    A command that has a result *and* an error (some engines started, one died) gives the result with
    :meth:`Output.result` and then raises: the envelope then has both."""
    output = Output(name, as_json=as_json)
    try:
        yield output
    except SandboxError as error:
        _fail(output, error)
    except (KeyboardInterrupt, BrokenPipeError):
        output.progress_ends()
        raise
    except OSError as problem:
        if debug():
            raise
        _fail(output, _from_os(problem))
    except Exception as problem:
        # typer.Exit, which a command may raise for an exit code of its own.
        if type(problem).__name__ in ("Exit", "Abort"):
            _finish(output, None)
            raise
        if debug():
            raise
        from sandbox.errors import BugError

        _fail(
            output,
            BugError(
                f"{type(problem).__name__}: {problem}",
                code="bug",
                detail="This is a mistake in sandbox itself.",
                actions=["SANDBOX_DEBUG=1 sandbox ...   # shows where", "sandbox doctor"],
            ),
        )
    else:
        _finish(output, None)


def _from_os(problem: OSError) -> SandboxError:
    import errno

    from sandbox.errors import EnvironmentRefusedError

    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return EnvironmentRefusedError(
            f"The disk is full: {problem}",
            code="disk-full",
            actions=["sandbox down --delete", "sandbox doctor"],
        )
    return EnvironmentRefusedError(str(problem), code="system-refused", actions=["sandbox doctor"])


def _finish(output: Output, error: SandboxError | None) -> None:
    output.progress_ends()
    if output.as_json:
        sys.stdout.write(envelope(output.name, output.data, output.warnings, error) + "\n")
        sys.stdout.flush()
    elif error:
        show_error(error)


def _fail(output: Output, error: SandboxError) -> NoReturn:
    if debug() and not output.as_json:
        import traceback

        traceback.print_exc()
    _finish(output, error)
    raise SystemExit(error.exit_code)
