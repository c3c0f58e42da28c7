"""RESP, the protocol of Redis and Valkey, versions 2 and 3, as far as a command-line client needs it.

The drivers' parsers turn a status (``OK``) and a string into the same bytes; redis-cli prints them
differently, so replies are read here, and each keeps its kind. Source: the RESP specification in Valkey's
documentation.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal[
    "status", "error", "integer", "string", "nil", "array", "map", "set", "push", "double", "bool", "bignum",
    "verbatim",
]  # fmt: skip

_SIMPLE: dict[bytes, Kind] = {
    b"+": "status", b"-": "error", b":": "integer", b",": "double", b"#": "bool", b"(": "bignum",
    b"_": "nil",
}  # fmt: skip
_BULK: dict[bytes, Kind] = {b"$": "string", b"!": "error", b"=": "verbatim"}
_MANY: dict[bytes, Kind] = {b"*": "array", b"%": "map", b"~": "set", b">": "push"}


@dataclass(frozen=True)
class Reply:
    """One reply. ``value`` is bytes for texts and big numbers, int, float, bool, None, or a list of replies
    (of a map: key, value, key, value ...)."""

    kind: Kind
    value: Any = None

    @property
    def error(self) -> str:
        """The server's message when it is an error, else empty."""
        return self.value.decode(errors="replace") if self.kind == "error" else ""


class Wire:
    """A connection that sends commands as words and reads replies."""

    def __init__(self, host: str, port: int, *, seconds: float = 5) -> None:
        self._socket = socket.create_connection((host, port), timeout=seconds)
        self._socket.settimeout(None)
        self._buffer = bytearray()

    def send(self, words: Sequence[bytes]) -> None:
        parts = [b"*%d\r\n" % len(words)]
        parts += [b"$%d\r\n%s\r\n" % (len(word), word) for word in words]
        self._socket.sendall(b"".join(parts))

    def ask(self, *words: str | bytes) -> Reply:
        """Send one command and read its reply."""
        self.send([word.encode() if isinstance(word, str) else word for word in words])
        return self.read()

    def read(self, seconds: float | None = None) -> Reply:
        """The next reply; TimeoutError when none has begun within ``seconds``, ConnectionError at the end."""
        if not self._buffer:
            self._socket.settimeout(seconds)
            try:
                self._fill()
            finally:
                self._socket.settimeout(None)
        return self._reply()

    def close(self) -> None:
        self._socket.close()

    def _fill(self) -> None:
        received = self._socket.recv(65536)
        if not received:
            raise ConnectionResetError("The server closed the connection.")
        self._buffer += received

    def _line(self) -> bytes:
        start = 0
        while (end := self._buffer.find(b"\r\n", start)) < 0:
            start = max(len(self._buffer) - 1, 0)
            self._fill()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size + 2:
            self._fill()
        found = bytes(self._buffer[:size])
        del self._buffer[: size + 2]
        return found

    def _reply(self) -> Reply:
        line = self._line()
        mark, rest = line[:1], line[1:]
        if mark == b"|":
            # Attributes say something about the reply that follows, which redis-cli does not show either.
            self._several(2 * int(rest))
            return self._reply()
        if mark in _SIMPLE:
            return Reply(_SIMPLE[mark], _simple(_SIMPLE[mark], rest))
        if mark in _BULK:
            size = int(rest)
            return Reply("nil") if size < 0 else Reply(_BULK[mark], self._exactly(size))
        if mark in _MANY:
            size = int(rest)
            kind = _MANY[mark]
            return (
                Reply("nil") if size < 0 else Reply(kind, self._several(size * (2 if kind == "map" else 1)))
            )
        raise ConnectionError(f"The server does not speak RESP: {line[:40]!r}.")

    def _several(self, number: int) -> list[Reply]:
        return [self._reply() for _ in range(number)]


def _simple(kind: Kind, text: bytes) -> Any:
    if kind == "integer":
        return int(text)
    if kind == "double":
        return float(text)
    if kind == "bool":
        return text == b"t"
    return None if kind == "nil" else text


def plain(reply: Reply) -> Any:
    """The reply as a Python value: str (bytes where it is no UTF-8), int, float, bool, None, list, dict."""
    if reply.kind in ("array", "push", "set"):
        return [plain(item) for item in reply.value]
    if reply.kind == "map":
        items = [plain(item) for item in reply.value]
        keys = [key if isinstance(key, str | int | float) else str(key) for key in items[::2]]
        return dict(zip(keys, items[1::2], strict=True))
    if isinstance(reply.value, bytes):
        text = reply.value[4:] if reply.kind == "verbatim" else reply.value
        try:
            return text.decode()
        except UnicodeDecodeError:
            return text
    return reply.value


_EMPTY = {"array": "(empty array)", "map": "(empty hash)", "set": "(empty set)", "push": "(empty push)"}
_MARKS = {"array": ")", "push": ")", "map": "#", "set": "~"}


def shown(reply: Reply, indent: str = "") -> str:
    """The reply as redis-cli shows it at a terminal, without the last line's end.

    ``indent`` is what stands before the second and later lines of a nested reply."""
    value = reply.value
    match reply.kind:
        case "nil":
            return "(nil)"
        case "integer":
            return f"(integer) {value}"
        case "double":
            return f"(double) {_number(value)}"
        case "bool":
            return "(true)" if value else "(false)"
        case "error":
            return f"(error) {reply.error}"
        case "string":
            return quoted(value)
        case "status" | "bignum":
            return str(value.decode(errors="backslashreplace"))
        case "verbatim":
            return str(value[4:].decode(errors="backslashreplace"))
    if not value:
        return _EMPTY[reply.kind]
    return _shown_many(reply, indent)


def _shown_many(reply: Reply, indent: str) -> str:
    step = 2 if reply.kind == "map" else 1
    items: list[Reply] = reply.value
    width = len(str(len(items) // step))
    lines: list[str] = []
    for number, at in enumerate(range(0, len(items), step), 1):
        mark = f"{number:>{width}}{_MARKS[reply.kind]} "
        inner = indent + " " * len(mark)
        text = shown(items[at], inner)
        if step == 2:
            text += f" => {shown(items[at + 1], inner)}"
        lines.append((indent if lines else "") + mark + text)
    return "\n".join(lines)


def _number(value: float) -> str:
    return str(int(value)) if value == value // 1 and abs(value) < 1e17 else repr(value)


_ESCAPES = {0x5C: "\\\\", 0x22: '\\"', 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x07: "\\a", 0x08: "\\b"}


def quoted(text: bytes) -> str:
    """A string as redis-cli quotes it: ``"caf\\xc3\\xa9"``; what is not printable ASCII as ``\\xHH``."""
    shown_bytes = (_ESCAPES.get(b) or (chr(b) if 0x20 <= b < 0x7F else f"\\x{b:02x}") for b in text)
    return '"' + "".join(shown_bytes) + '"'
