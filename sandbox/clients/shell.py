"""``sandbox shell``: the engine's own client where there is one, else a prompt over its driver.

Given a statement, a file or a pipe it executes that and prints tables, or JSON.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.clients.base import Client, Result, StatementError
from sandbox.clients.render import as_json, render
from sandbox.engines.registry import engine as engine_named
from sandbox.errors import UsageError
from sandbox.output import Output

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

    from sandbox.endpoint import Endpoint
    from sandbox.sandbox import Sandbox

LEAVE = {"exit", "quit", "\\q", ":quit", ":q", ":exit", ":x", "exit;", "quit;", "exit()", "quit()", ".exit"}
"""What ends the prompt, in the words of all the clients that people know."""

_LEXERS = {
    "sql": "sql",
    "cql": "sql",
    "mongosh": "javascript",
    "gremlin": "groovy",
    "aws": "bash",
}


def run_shell(
    box: Sandbox,
    name: str,
    out: Output,
    *,
    statement: str | None = None,
    file: Path | None = None,
    python: bool = False,
) -> None:
    """Execute what was given, or open a prompt. StatementError (exit code 1) where one is refused."""
    if statement is not None and file is not None:
        raise UsageError("--command and --file exclude each other.", code="options-exclude")
    engine = engine_named(name)
    endpoint = box.endpoint(name)
    text = _given(statement, file)
    if text is not None:
        with engine.client(endpoint) as client:
            _execute_all(client, text, out)
        return
    if out.as_json:
        raise UsageError(
            "--json needs a statement, a file or a pipe.",
            code="nothing-to-execute",
            actions=[f'sandbox shell {name} --json -c "..."'],
        )
    if not python:
        _become_program(box, name, endpoint)
    with engine.client(endpoint) as client:
        prompt(client, history=box.state.root / f"history-{name}", title=engine.title)


def _given(statement: str | None, file: Path | None) -> str | None:
    if statement is not None:
        return statement
    if file is not None and str(file) != "-":
        try:
            return file.read_text(encoding="utf-8-sig")
        except FileNotFoundError as problem:
            raise UsageError(f"There is no file {file}.", code="no-such-file") from problem
        except (OSError, UnicodeDecodeError) as problem:
            raise UsageError(f"{file} cannot be read: {problem}", code="unreadable-file") from problem
    if file is not None or not sys.stdin.isatty():
        return sys.stdin.read()
    return None


def statements(client: Client, text: str) -> list[str]:
    """All statements of a whole text; what stands unfinished at its end counts as one."""
    whole, rest = client.split(text)
    return [*whole, rest] if rest.strip() else whole


def _execute_all(client: Client, text: str, out: Output) -> None:
    results: list[dict[str, Any]] = []
    try:
        for one in statements(client, text):
            if one.strip().lower() in LEAVE:
                break
            for result in client.execute(one):
                results.append(as_json(result))
                shown = render(result)
                if shown:
                    out.say(shown)
    finally:
        if out.as_json:
            out.result({"results": results})


def _become_program(box: Sandbox, name: str, endpoint: Endpoint) -> None:
    """Become the engine's own client when it is there; return when it is not."""
    found = engine_named(name).program(endpoint)
    if found is None:
        return
    argv, variables = found
    path = os.pathsep.join([*map(str, box.bin([name])), os.environ.get("PATH", os.defpath)])
    program = shutil.which(argv[0], path=path)
    if program is None:
        return
    sys.stdout.flush()
    os.execve(program, argv, {**os.environ, **variables, "PATH": path})  # noqa: S606


def _session(client: Client, history: Path) -> PromptSession[str]:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
    from prompt_toolkit.completion import CompleteEvent, Completer, Completion
    from prompt_toolkit.document import Document
    from prompt_toolkit.history import FileHistory
    from prompt_toolkit.lexers import Lexer, PygmentsLexer

    class Words(Completer):
        def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:  # noqa: ARG002
            word = document.get_word_before_cursor(WORD=True)
            for candidate in client.complete(document.text_before_cursor):
                yield Completion(candidate, start_position=-len(word) if candidate.startswith(word) else 0)

    lexer: Lexer | None = None
    if client.language in _LEXERS:
        from pygments.lexers import get_lexer_by_name

        lexer = PygmentsLexer(type(get_lexer_by_name(_LEXERS[client.language])))
    history.touch(mode=0o600, exist_ok=True)
    return PromptSession(
        history=FileHistory(str(history)),
        auto_suggest=AutoSuggestFromHistory(),
        completer=Words(),
        complete_while_typing=False,
        lexer=lexer,
    )


def prompt(client: Client, *, history: Path, title: str) -> None:
    """Read, execute, print, until the person leaves. Errors and Ctrl-C end a statement, not the prompt."""
    session = _session(client, history)
    sys.stdout.write(f"{title}. Ctrl-D or `exit` leaves, Tab completes, up-arrow brings back.\n")
    waiting = ""
    while True:
        try:
            line = session.prompt(client.prompt if not waiting else "." * (len(client.prompt) - 1) + " ")
        except EOFError:
            return
        except KeyboardInterrupt:
            waiting = ""
            continue
        if not waiting and line.strip().lower() in LEAVE:
            return
        whole, waiting = client.split(f"{waiting}\n{line}" if waiting else line)
        for one in whole:
            if not _run_one(client, one, sys.stdout.write):
                waiting = ""
                break


def _run_one(client: Client, statement: str, write: Callable[[str], object]) -> bool:
    try:
        for result in client.execute(statement):
            _write(result, write)
    except StatementError as refused:
        write(f"error: {refused.title}\n")
        if refused.detail:
            write(f"  {refused.detail}\n")
        return False
    except KeyboardInterrupt:
        write("Interrupted.\n")
        return False
    return True


def _write(result: Result, write: Callable[[str], object]) -> None:
    shown = render(result, max_rows=1000)
    if shown:
        write(shown + "\n")
