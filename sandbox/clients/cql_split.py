"""An exact lexer that cuts CQL text into statements, as cqlsh does.

Pure: the same text gives the same cut. A semicolon ends a statement, outside of strings, names in double
quotes, bodies between ``$$``, comments (``--``, ``//``, ``/* */``) and batches: all from ``BEGIN BATCH`` to
``APPLY BATCH`` is one. The shell's own commands (``DESCRIBE TABLES``) also end with their line.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""
      (?P<line>(?:--|//)[^\n]*)
    | (?P<block>/\*.*?(?P<block_end>\*/|\Z))
    | (?P<string>'(?:[^']|'')*(?P<string_end>'|\Z))
    | (?P<quoted>"(?:[^"]|"")*(?P<quoted_end>"|\Z))
    | (?P<body>\$\$.*?(?P<body_end>\$\$|\Z))
    | (?P<word>\w+)
    | (?P<end>;)
    | (?P<newline>\n)
    | (?P<blank>[^\S\n]+)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)

_CLOSED = ("block", "string", "quoted", "body")

LINE_COMMANDS = frozenset(
    (
        "describe", "desc", "consistency", "serial", "tracing", "show", "help", "paging", "expand",
        "source", "capture", "login", "clear", "cls", "history", "debug", "elapsed", "exit", "quit",
    )
)  # fmt: skip
"""First words of commands that need no semicolon. Source: ``commands_end_with_newline`` of cqlsh."""


class _Statement:
    """What is known of the statement being read."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.words: list[str] = []

    @property
    def is_open_batch(self) -> bool:
        if not self.words or self.words[0] != "begin" or "batch" not in self.words[1:3]:
            return False
        return self.words[-2:] != ["apply", "batch"]

    @property
    def ends_with_line(self) -> bool:
        return bool(self.words) and self.words[0] in LINE_COMMANDS


def split_cql(text: str) -> tuple[list[str], str]:
    """Statements without their semicolon, trimmed, comments kept; and the incomplete rest, empty when there
    is none. What is nothing but comments is no statement."""
    found: list[str] = []
    statement = _Statement(0)
    for token in _TOKEN.finditer(text):
        kind = (token.lastgroup or "").removesuffix("_end")
        if kind in _CLOSED and not token.group(f"{kind}_end"):
            return found, text[statement.start :].lstrip()
        ends = (kind == "end" and not statement.is_open_batch) or (
            kind == "newline" and statement.ends_with_line
        )
        if ends:
            if statement.words:
                found.append(text[statement.start : token.start()].strip())
            statement = _Statement(token.end())
        elif kind == "word":
            statement.words.append(token.group().lower())
        elif kind not in ("line", "block", "newline", "blank"):
            statement.words.append("")
    if statement.ends_with_line:
        found.append(text[statement.start :].strip())
        return found, ""
    return found, text[statement.start :].strip() if statement.words else ""


def bare(statement: str) -> str:
    """A statement without comments, and with single blanks outside of strings, for looking at its words."""
    parts: list[str] = []
    for token in _TOKEN.finditer(statement):
        kind = (token.lastgroup or "").removesuffix("_end")
        if kind not in ("line", "block", "newline", "blank"):
            parts.append(token.group())
        elif parts and parts[-1] != " ":
            parts.append(" ")
    return "".join(parts).strip()
