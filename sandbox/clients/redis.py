"""Redis commands as one types them into redis-cli: its rules of quoting, its replies, its prompt."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import ClassVar

from sandbox.clients.base import Client, Result, StatementError
from sandbox.clients.resp import Reply, Wire, plain, shown
from sandbox.endpoint import Endpoint

_HEX = "0123456789abcdefABCDEF"
_CONTROL = {"n": b"\n", "r": b"\r", "t": b"\t", "b": b"\b", "a": b"\a"}

FOLLOW_SECONDS = 10.0
"""How long SUBSCRIBE and MONITOR wait for a message when nobody is there to press Ctrl-C."""

_SUBSCRIBE = {b"SUBSCRIBE", b"PSUBSCRIBE", b"SSUBSCRIBE"}

_RAW = {b"INFO", b"LOLWUT", b"CLIENT LIST", b"CLIENT INFO", b"MEMORY DOCTOR", b"LATENCY DOCTOR"}
"""Replies that are pages of text: redis-cli prints them as they are."""


class InvalidArgumentsError(ValueError):
    """Quotes that do not close, or something that touches a closing quote."""


def words(line: str) -> list[bytes]:
    """The words of a command line, as redis-cli takes them apart; InvalidArgumentsError where it refuses.

    Between double quotes ``\\n \\r \\t \\b \\a \\xHH`` and ``\\`` before any other character are escapes,
    between single quotes only ``\\'``. Source: ``sdssplitargs`` in Valkey's sds.c.
    """
    found: list[bytes] = []
    at, end = 0, len(line)
    while True:
        while at < end and line[at].isspace():
            at += 1
        if at == end:
            return found
        word = bytearray()
        while at < end and not line[at].isspace():
            if line[at] in "\"'":
                at = _string(line, at, word)
                if at < end and not line[at].isspace():
                    raise InvalidArgumentsError("a closing quote must be followed by a blank")
                break
            word += line[at].encode()
            at += 1
        found.append(bytes(word))


def _string(line: str, at: int, word: bytearray) -> int:
    """Read the string whose opening quote stands at ``at``; return the place after its closing one."""
    quote, end = line[at], len(line)
    at += 1
    while at < end:
        here = line[at]
        if here == quote:
            return at + 1
        if here == "\\" and quote == '"' and at + 1 < end:
            if line[at + 1] == "x" and at + 3 < end and line[at + 2] in _HEX and line[at + 3] in _HEX:
                word.append(int(line[at + 2 : at + 4], 16))
                at += 4
            else:
                word += _CONTROL.get(line[at + 1]) or line[at + 1].encode()
                at += 2
        elif here == "\\" and quote == "'" and line[at + 1 : at + 2] == "'":
            word += b"'"
            at += 2
        else:
            word += here.encode()
            at += 1
    raise InvalidArgumentsError("a quote is not closed")


class RedisClient(Client):
    """A connection that takes lines of redis-cli. Each line is a command; one that begins with ``#``
    a comment.

    A result has the reply as a Python value and, as ``shown``, what redis-cli prints. ``SUBSCRIBE`` and
    ``MONITOR`` yield a result a message until Ctrl-C; without a terminal until ``follow_seconds`` pass
    without one.
    """

    language: ClassVar[str] = "redis"

    def __init__(self, endpoint: Endpoint, *, follow_seconds: float | None = None) -> None:
        self._endpoint = endpoint
        self._database = int(endpoint.database or 0)
        self._in_transaction = False
        self._wire: Wire | None = None
        if follow_seconds is None and not (sys.stdin and sys.stdin.isatty()):
            follow_seconds = FOLLOW_SECONDS
        self._follow_seconds = follow_seconds
        self._commands: list[str] = []
        self._connect()

    def split(self, text: str) -> tuple[list[str], str]:
        lines = (line.strip() for line in text.splitlines())
        return [line for line in lines if line and not line.startswith("#")], ""

    def execute(self, statement: str) -> Iterator[Result]:
        statement = statement.strip()
        if not statement or statement.startswith("#"):
            return
        try:
            command = words(statement)
        except InvalidArgumentsError as problem:
            raise StatementError("Invalid argument(s)", detail=str(problem), statement=statement) from None
        times = 1
        if len(command) > 1 and command[0].isdigit():
            times, command = int(command[0]), command[1:]
        for _ in range(times):
            yield from self._run(command, statement)

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def complete(self, text: str) -> list[str]:
        if " " in text.strip():
            return []
        if not self._commands:
            reply = self._connect().ask("COMMAND", "LIST")
            names = plain(reply) if reply.kind in ("array", "set") else []
            self._commands = sorted(str(name).upper() for name in names if "|" not in str(name))
        return [name for name in self._commands if name.startswith(text.strip().upper())]

    def _connect(self) -> Wire:
        if self._wire is not None:
            return self._wire
        wire = Wire(self._endpoint.host, self._endpoint.port)
        try:
            if self._endpoint.password:
                _demand(wire, "AUTH", self._endpoint.user or "default", self._endpoint.password)
            if self._database:
                _demand(wire, "SELECT", str(self._database))
        except BaseException:
            wire.close()
            raise
        self._wire, self._in_transaction = wire, False
        self._set_prompt()
        return wire

    def _set_prompt(self) -> None:
        # ``127.0.0.1:6379[1](TX)> ``, as redis-cli has it.
        place = f"{self._endpoint.host}:{self._endpoint.port}"
        database = f"[{self._database}]" if self._database else ""
        self.prompt = f"{place}{database}{'(TX)' if self._in_transaction else ''}> "

    def _run(self, command: list[bytes], statement: str) -> Iterator[Result]:
        name = command[0].upper()
        if name in (b"QUIT", b"EXIT"):
            self.close()
            return
        wire = self._connect()
        finished = False
        try:
            wire.send(command)
            if name == b"MONITOR" or (name in _SUBSCRIBE and len(command) > 1):
                yield from self._follow(wire, statement)
                return
            reply = wire.read()
            while reply.kind == "push" and name not in _SUBSCRIBE:
                # A message of RESP3 that came between: it is not the answer.
                yield _result(reply)
                reply = wire.read()
            finished = True
        except (ConnectionError, TimeoutError) as problem:
            self.close()
            if name == b"SHUTDOWN":
                yield Result(text="The server has gone.")
                return
            raise StatementError(
                f"Error: {problem}", detail="The next command connects again.", statement=statement
            ) from None
        finally:
            # Interrupted while the reply was on its way: the next command must not take it for its own.
            if not finished:
                self.close()
        self._note(name, command, reply)
        if reply.kind == "error":
            raise StatementError(reply.error, statement=statement)
        yield _result(reply, raw=_is_raw(command))

    def _follow(self, wire: Wire, statement: str) -> Iterator[Result]:
        """Messages until nobody wants them; the connection ends with them, as there is no other way out of
        MONITOR."""
        last = time.monotonic()
        while True:
            left = None
            if self._follow_seconds is not None:
                left = self._follow_seconds - (time.monotonic() - last)
                if left <= 0:
                    return
            try:
                reply = wire.read(left)
            except TimeoutError:
                return
            except KeyboardInterrupt:
                return
            if reply.kind == "error":
                raise StatementError(reply.error, statement=statement)
            yield _result(reply)
            # The time in which it was shown is no silence.
            last = time.monotonic()

    def _note(self, name: bytes, command: list[bytes], reply: Reply) -> None:
        """What of the session shows in the prompt, and must outlive a lost connection."""
        if name == b"SELECT" and reply.value == b"OK":
            self._database = int(command[1])
        elif name == b"MULTI" and reply.value == b"OK":
            self._in_transaction = True
        elif name in (b"EXEC", b"DISCARD", b"RESET"):
            self._in_transaction = False
            if name == b"RESET" and reply.kind == "status":
                self._database = 0
        self._set_prompt()


def _demand(wire: Wire, *command: str) -> None:
    reply = wire.ask(*command)
    if reply.kind == "error":
        raise StatementError(reply.error)


def _is_raw(command: list[bytes]) -> bool:
    line = b" ".join(command[:2]).upper()
    return line in _RAW or line.partition(b" ")[0] in _RAW


def _result(reply: Reply, *, raw: bool = False) -> Result:
    value = plain(reply)
    page = raw and isinstance(value, str)
    return Result(value=value, has_value=True, extra={"shown": value.rstrip() if page else shown(reply)})
