"""`sandbox shell`: statements, files, pipes, and the prompt as a person sits before it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import COMMAND, Run

HERE = {"SANDBOX_NAME": "tests"}

TRIED = {
    "postgres": ("select fullname from customers where customerid = 293", "Catherine Abel"),
    "mysql": ("select fullname from customers where customerid = 293", "Catherine Abel"),
    "cassandra": ("SELECT fullname FROM sandbox.customers WHERE customerid = 293;", "Catherine Abel"),
    "mongodb": ("db.customers.findOne({_id: 293}).fullname", "Catherine Abel"),
    "redis": ("HGET customer:293 fullname", "Catherine Abel"),
    "gremlin": ("g.V().has('customer', 'customerid', 293).values('fullname')", "Catherine Abel"),
    "aws": (
        'aws dynamodb get-item --table-name customers --key \'{"customerid": {"N": "293"}}\' '
        "--query Item.fullname.S --output text",
        "Catherine Abel",
    ),
}
"""By engine: a question in the words of its course page, and what the answer holds."""


@pytest.mark.parametrize("engine", TRIED)
def test_a_statement_a_file_and_a_pipe_give_the_same_answer(
    run: Run, engine_up: Callable[[str], object], tmp_path: Path, engine: str
) -> None:
    engine_up(engine)
    statement, expected = TRIED[engine]
    direct = run("shell", engine, "-c", statement, env=HERE)
    assert direct.code == 0, direct.err
    assert expected in direct.out
    file = tmp_path / "statements"
    file.write_text(statement + "\n")
    assert run("shell", engine, "-f", str(file), env=HERE).out == direct.out
    assert run("shell", engine, input=statement + "\n", env=HERE).out == direct.out
    document = run("shell", engine, "--json", "-c", statement, env=HERE)
    assert expected in document.out
    assert document.data["results"]


@pytest.mark.parametrize("engine", TRIED)
def test_a_refused_statement_is_told_in_the_engines_words_and_ends_with_1(
    run: Run, engine_up: Callable[[str], object], engine: str
) -> None:
    engine_up(engine)
    wrong = {
        "postgres": "select * from no_such_table",
        "mysql": "select * from no_such_table",
        "cassandra": "SELECT * FROM no_such_table;",
        "mongodb": "db.customers.noSuchMethod()",
        "redis": "NOSUCHCOMMAND",
        "gremlin": "g.noSuchStep()",
        "aws": "aws dynamodb describe-table --table-name no_such_table",
    }[engine]
    said = run("shell", engine, "-c", wrong, env=HERE)
    assert said.code == 1, (said.out, said.err)
    assert re.search(r"no.?such|unknown|not found|not exist|mismatched|is not a function", said.err, re.I), (
        said.err
    )
    assert "Traceback" not in said.err


class Terminal:
    """A command on a pseudo terminal."""

    def __init__(self, *argv: str, env: dict[str, str]) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
        self.seen = ""
        self.process = subprocess.Popen(
            argv,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", **env},
        )
        os.close(slave)

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def until(self, wanted: str, seconds: float = 180) -> str:
        """What came up to the wanted text, without the codes of colours."""
        deadline = time.monotonic() + seconds
        while wanted not in self.seen:
            left = deadline - time.monotonic()
            assert left > 0, f"{wanted!r} did not come; the screen: {self.seen!r}"
            if select.select([self.master], [], [], left)[0]:
                try:
                    data = os.read(self.master, 65536).decode(errors="replace")
                except OSError:
                    data = ""
                assert data, f"the command ended without {wanted!r}; the screen: {self.seen!r}"
                self.seen += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]", "", data)
        before, _, self.seen = self.seen.partition(wanted)
        return before

    def close(self) -> int:
        try:
            return self.process.wait(timeout=180)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            os.close(self.master)


@pytest.fixture
def terminal(engine_up: Callable[[str], object]) -> Iterator[Callable[..., Terminal]]:
    opened = []

    def open_shell(engine: str, *options: str) -> Terminal:
        engine_up(engine)
        opened.append(Terminal(COMMAND, "shell", engine, *options, env=HERE))
        return opened[-1]

    yield open_shell
    for one in opened:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


@pytest.mark.parametrize("engine", ["postgres", "redis", "cassandra", "gremlin", "mongodb"])
def test_the_prompt_answers_survives_an_error_and_leaves_on_exit(
    terminal: Callable[..., Terminal], engine: str
) -> None:
    statement, expected = TRIED[engine]
    end = ";" if engine in ("postgres", "cassandra") else ""
    statement = statement.rstrip(";")
    screen = terminal(engine, "--python")
    screen.until("Ctrl-D")
    screen.type("this is ?? no statement (" + ")" + end + "\r")
    screen.until("rror")
    screen.type(statement + end + "\r")
    screen.until(expected)
    screen.type("exit\r")
    assert screen.close() == 0


def test_a_statement_may_go_over_several_lines(terminal: Callable[..., Terminal]) -> None:
    screen = terminal("postgres", "--python")
    screen.until("Ctrl-D")
    screen.type("select 6 *\r")
    screen.until("...")
    screen.type("7 as answer;\r")
    screen.until("42")
    screen.type("\\q\r")
    assert screen.close() == 0


def test_the_engines_own_client_is_used_where_there_is_one(terminal: Callable[..., Terminal]) -> None:
    screen = terminal("postgres")
    screen.until("psql (18")
    screen.type("select 6 * 7 as answer;\r")
    screen.until("42")
    screen.type("\\q\r")
    assert screen.close() == 0
