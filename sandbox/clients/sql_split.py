"""Exact lexers that cut SQL text into statements: one for what psql takes, one for the mysql client.

Both are pure: the same text gives the same cut. Statements come without their terminator, except the ones
that ask for another form of output (``\\gx``, ``\\G``), which keep it; whitespace around them is gone,
comments stay. The rest is what is not yet complete.

``sqlparse`` does not do: it knows neither backslash commands, COPY data, DELIMITER nor nested comments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

_NOTHING = re.compile(r"(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*", re.DOTALL)

_POSTGRES = re.compile(
    r"""
      (?P<line>--[^\n]*)
    | (?P<block>/\*)
    | (?P<escaped>[eE]'(?:[^'\\]++|\\.|'')*+(?P<escaped_end>'|\Z))
    | (?P<string>'(?:[^']++|'')*+(?P<string_end>'|\Z))
    | (?P<quoted>"(?:[^"]++|"")*+(?P<quoted_end>"|\Z))
    | (?P<dollar>\$(?:[^\W\d]\w*)?\$)
    | (?P<word>[^\W\d][\w$]*)
    | (?P<number>\$?\d[\w.]*)
    | (?P<open>[(\[])
    | (?P<close>[)\]])
    | (?P<end>;)
    | (?P<command>\\[^\n]*)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)

_BLOCK_PART = re.compile(r"/\*|\*/")
_COPY_DATA_END = re.compile(r"^\\\.[ \t]*\r?(?:\n|\Z)", re.MULTILINE)
_SEND = re.compile(r"\\(g|gx)\b[ \t]*(?=\r?\n|\Z|;)")


def _block_comment_end(text: str, start: int) -> int:
    """Where the comment that starts at ``start`` ends; -1 when it does not. They nest in PostgreSQL."""
    depth = 0
    for part in _BLOCK_PART.finditer(text, start):
        depth += 1 if part.group() == "/*" else -1
        if depth == 0:
            return part.end()
    return -1


class _Buffer:
    """What is known of the statement being read: how deep in brackets and in a function's body."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.words: list[str] = []
        self.brackets = 0
        self.body = 0

    @property
    def empty(self) -> bool:
        return not self.words

    def word(self, word: str) -> None:
        """Follow ``BEGIN ATOMIC ... END`` bodies, within which a semicolon ends nothing."""
        word = word.lower()
        self.words.append(word)
        if self.words[0] != "create" or not {"function", "procedure"} & set(self.words[1:4]):
            return
        if word == "begin" or (self.body and word == "case"):
            self.body += 1
        elif word == "end" and self.body:
            self.body -= 1

    @property
    def is_copy_from_stdin(self) -> bool:
        if not self.words or self.words[0] != "copy":
            return False
        return ("from", "stdin") in pairwise(self.words)


def split_postgres(text: str) -> tuple[list[str], str]:
    """Statements as psql would send them, and the incomplete rest.

    A backslash command is a statement of its own, from the backslash to the end of the line. The data of a
    ``COPY ... FROM STDIN`` belong to its statement, after its semicolon and without the final ``\\.``."""
    found: list[str] = []
    buffer = _Buffer(0)
    position = 0
    while position < len(text):
        token = _POSTGRES.match(text, position)
        if token is None:
            break
        kind, position = token.lastgroup or "", token.end()
        if kind == "block":
            position = _block_comment_end(text, token.start())
            if position < 0:
                return found, _rest(text, buffer.start)
        elif kind == "dollar":
            position = text.find(token.group(), token.end())
            if position < 0:
                return found, _rest(text, buffer.start)
            position += len(token.group())
            buffer.words.append("$")
        elif kind in ("escaped", "string", "quoted"):
            if not token.group(f"{kind}_end"):
                return found, _rest(text, buffer.start)
            buffer.words.append(kind)
        elif kind == "word":
            buffer.word(token.group())
        elif kind == "open":
            buffer.brackets += 1
        elif kind == "close":
            buffer.brackets = max(0, buffer.brackets - 1)
        elif kind == "end" and not buffer.brackets and not buffer.body:
            statement = text[buffer.start : token.start()].strip()
            if buffer.is_copy_from_stdin:
                data = _copy_data(text, position)
                if data is None:
                    return found, _rest(text, buffer.start)
                statement, position = f"{statement};\n{data[0]}", data[1]
            if not buffer.empty:
                found.append(statement)
            buffer = _Buffer(position)
        elif kind == "command":
            position, buffer = _command(text, token.start(), token.end(), buffer, found)
        elif kind in ("number", "other") and not token.group().isspace():
            buffer.words.append(token.group())
    return found, "" if buffer.empty else _rest(text, buffer.start)


def _command(text: str, start: int, end: int, buffer: _Buffer, found: list[str]) -> tuple[int, _Buffer]:
    """A backslash and what follows it on its line: sends the buffer, or is a statement of its own."""
    if not buffer.empty:
        sends = _SEND.match(text, start)
        if sends is not None:
            before = text[buffer.start : start].strip()
            found.append(before + (" \\gx" if sends.group(1) == "gx" else ""))
            after = sends.end() + (1 if text[sends.end() : sends.end() + 1] == ";" else 0)
            return after, _Buffer(after)
        # psql runs it at once and goes on reading the statement; we cannot look into the middle of one.
        buffer.words.append("\\")
        return end, buffer
    found.append(text[start:end].strip())
    return end, _Buffer(end)


def _copy_data(text: str, position: int) -> tuple[str, int] | None:
    """The data lines after a COPY statement and where they end; None while the closing ``\\.`` is missing."""
    line_end = text.find("\n", position)
    if line_end < 0 or text[position:line_end].strip():
        return None
    closing = _COPY_DATA_END.search(text, line_end + 1)
    return None if closing is None else (text[line_end + 1 : closing.start()], closing.end())


def copy_parts(statement: str) -> tuple[str, str | None]:
    """A statement of :func:`split_postgres` as what to send and the data of its COPY (or None)."""
    position = 0
    while (token := _POSTGRES.match(statement, position)) is not None:
        position = token.end()
        if token.lastgroup == "block":
            position = _block_comment_end(statement, token.start())
            if position < 0:
                break
        elif token.lastgroup == "end":
            return statement[: token.start()], statement[token.end() :].partition("\n")[2]
    return statement, None


def _rest(text: str, start: int) -> str:
    return text[start:].strip()


_MYSQL = re.compile(
    r"""
      (?P<line>(?:\#|--(?=\s|\Z))[^\n]*)
    | (?P<block>/\*.*?(?P<block_end>\*/|\Z))
    | (?P<single>'(?:[^'\\]++|\\.|'')*+(?P<single_end>'|\Z))
    | (?P<double>"(?:[^"\\]++|\\.|"")*+(?P<double_end>"|\Z))
    | (?P<back>`(?:[^`]++|``)*+(?P<back_end>`|\Z))
    | (?P<word>[\w$]+)
    | (?P<command>\\.)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)

_MYSQL_LINES = re.compile(
    r"delimiter[ \t]+(?P<to>\S+)[^\n]*"
    r"|(?:(?:use|source|\\[.u])[ \t]+[^\n;]*?"
    r"|(?:help|status|exit|quit|clear|warnings|nowarning|\?)(?:[ \t]+[^\n;]*)?"
    r"|\\[a-zA-Z?!+]\+?[^\n;]*?)(?=[ \t]*(?:;|\r?\n|\Z))",
    re.IGNORECASE,
)
"""Commands of the mysql client that a line end completes, at the start of a statement."""


def split_mysql(text: str, delimiter: str = ";") -> tuple[list[str], str]:
    """Statements as the mysql client would send them, and the incomplete rest.

    ``DELIMITER x`` is a statement of its own and holds from there on within this text; the caller keeps
    what was in force at the end of the texts that it executed."""
    found: list[str] = []
    start = position = 0
    empty = True
    while position < len(text):
        if empty:
            line = _MYSQL_LINES.match(text, position)
            if line is not None:
                found.append(line.group().strip())
                delimiter = line.group("to") or delimiter
                position = start = _after_line_command(text, line.end())
                continue
        if text.startswith(delimiter, position):
            if not empty:
                found.append(text[start:position].strip())
            position += len(delimiter)
            start, empty = position, True
            continue
        token = _MYSQL.match(text, position)
        if token is None:
            break
        kind, position = token.lastgroup or "", token.end()
        if kind in ("block", "single", "double", "back"):
            if not token.group(f"{kind}_end"):
                return found, _rest(text, start)
            # What stands in /*! ... */ is executed.
            empty = empty and kind == "block" and not token.group().startswith(("/*!", "/*M!"))
        elif kind == "word" and delimiter in token.group():
            # A delimiter such as "go" or "$$" next to a word.
            position = token.start() + token.group().index(delimiter)
            empty = empty and position == token.start()
        elif kind == "command":
            if token.group() in ("\\g", "\\G"):
                if not empty:
                    tail = " \\G" if token.group() == "\\G" else ""
                    found.append(text[start : token.start()].strip() + tail)
                start, empty = position, True
            elif token.group() == "\\c":
                start, empty = position, True
            else:
                empty = False
        elif kind != "line" and not token.group().isspace():
            empty = False
    return found, "" if empty else _rest(text, start)


def _after_line_command(text: str, position: int) -> int:
    """Skip the semicolon that may close a command of the client."""
    rest = re.compile(r";?[ \t]*\r?\n?").match(text, position)
    return rest.end() if rest else position


def words(statement: str) -> Iterator[str]:
    """The words of a statement after leading comments, lower-case, for those who must know its kind."""
    begin = _NOTHING.match(statement)
    for word in re.finditer(r"\w+", statement[begin.end() if begin else 0 :]):
        yield word.group().lower()
