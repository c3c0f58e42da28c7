"""``python -m sandbox.grading.answer FILE --engine NAME``: executes an answer's statements.

Runs inside the limits, as the learner: the endpoint comes from the environment. Results are printed for a
person, and written with their types, a line each, to the descriptor given by ``--results`` for the checks.
Stops at the first statement that the engine refuses: exit code 1, the engine's own words on standard error.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from sandbox.clients.base import Client, StatementError
from sandbox.clients.render import render
from sandbox.engines.registry import engine as engine_named
from sandbox.errors import SandboxError
from sandbox.grading import values

SHOWN_ROWS = 60


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sandbox.grading.answer")
    parser.add_argument("file", type=Path)
    parser.add_argument("--engine", required=True)
    parser.add_argument("--results", type=int)
    parser.add_argument("--echo", action="store_true", help="print each statement before its results")
    # What it makes ready for its first use is there for all processes that are forked from this one.
    parser.parse_args(["", "--engine", ""])
    return parser


_PARSER = _parser()


def main(argv: list[str] | None = None) -> int:
    """Execute the file; the exit code."""
    given = _PARSER.parse_args(argv)
    sink = os.fdopen(given.results, "w", encoding="utf-8") if given.results else None
    if given.results:
        # A program that a statement starts must not inherit it.
        os.set_inheritable(given.results, False)
    try:
        text = given.file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        return _fail(f"The answer is not UTF-8 text: {error}")
    engine = engine_named(given.engine)
    endpoint = engine.from_env(os.environ)
    if endpoint is None:
        return _fail(f"No variables of {engine.title} in the environment.")
    try:
        with engine.client(endpoint) as client:
            for line, statement in _statements(client, text):
                if given.echo:
                    sys.stdout.write(_echoed(client, statement))
                try:
                    for result in client.execute(statement):
                        shown = render(result, max_rows=SHOWN_ROWS)
                        if shown:
                            sys.stdout.write(shown + "\n")
                        sys.stdout.flush()
                        if sink is not None:
                            sink.write(values.dump(result) + "\n")
                            sink.flush()
                except StatementError as error:
                    return _refused(error, line)
    except SandboxError as error:
        return _fail("\n".join(text for text in (error.title, error.detail) if text))
    except MemoryError:
        return _fail("The answer ran out of memory.")
    except Exception as error:  # noqa: BLE001 - a learner gets the driver's words, not its traceback
        return _fail(f"{type(error).__name__}: {error}")
    return 0


def _statements(client: Client, text: str) -> Iterator[tuple[int | None, str]]:
    """Statements with the line each begins on, where it can be found."""
    complete, rest = client.split(text)
    position = 0
    for statement in [*complete, *([rest] if rest.strip() else [])]:
        found = text.find(statement, position)
        if found < 0:
            yield None, statement
            continue
        leading = len(statement) - len(statement.lstrip())
        yield text.count("\n", 0, found + leading) + 1, statement
        position = found + len(statement)


def _echoed(client: Client, statement: str) -> str:
    prompt = client.prompt
    first, *others = statement.strip().splitlines() or [""]
    indent = " " * max(len(prompt) - 3, 0) + "-> " if len(prompt) >= 3 else "> "
    return "".join([f"{prompt}{first}\n", *(f"{indent}{line}\n" for line in others)])


def _refused(error: StatementError, line: int | None) -> int:
    at = line if error.line is None else error.line + (line or 1) - 1
    where = f"Line {at}: " if at else ""
    return _fail("\n".join(text for text in (where + error.title, error.detail) if text))


def _fail(text: str) -> int:
    sys.stdout.flush()
    sys.stderr.write(text.rstrip("\n") + "\n")
    sys.stderr.flush()
    return 1


if __name__ == "__main__":
    sys.exit(main())
