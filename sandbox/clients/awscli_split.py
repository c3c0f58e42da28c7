"""Command lines of the AWS CLI, cut as a shell does. What only a shell can do is refused."""

from __future__ import annotations

import re
import shlex

_OPERATORS = "|<>&()`$"


class NotPlainError(ValueError):
    """A pipe, a redirection, a variable or another thing of the shell."""


def split(text: str) -> tuple[list[str], str]:
    """Complete commands and the incomplete rest. A command ends with its line or with ``;``; a backslash at
    the end of a line, or an open quote, carries it on to the next one."""
    commands: list[str] = []
    start = at = 0
    quote = ""
    while at < len(text):
        here = text[at]
        if quote:
            if here == "\\" and quote == '"':
                at += 1
            elif here == quote:
                quote = ""
        elif here in "'\"":
            quote = here
        elif here == "\\":
            # Files from Windows: the line's end is two characters.
            at += 2 if text[at + 1 : at + 3] == "\r\n" else 1
        elif here == "#" and (at == start or text[at - 1].isspace()):
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
            continue
        elif here in "\n;":
            commands.append(text[start:at].strip())
            start = at + 1
        at += 1
    rest = text[start:].strip("\n")
    return [c for c in commands if not _empty(c)], "" if _empty(rest) else rest


def _empty(command: str) -> bool:
    return all(not line.strip() or line.lstrip().startswith("#") for line in command.splitlines())


def words(command: str) -> list[str]:
    """The words of one command, without the leading ``aws`` (and ``$``, the prompt that pages print).

    ValueError when a quote is not closed; NotPlainError for what only a shell can do."""
    plain = command.replace("\\\r\n", " ").replace("\\\n", " ")
    found = _operator(plain)
    if found:
        raise NotPlainError(found)
    got = shlex.split(plain, comments=True)
    if got[:1] == ["$"]:
        got = got[1:]
    return got[1:] if got[:1] == ["aws"] else got


def _operator(command: str) -> str:
    """The first thing outside quotes that a shell would act on; empty when there is none."""
    command = re.sub(r"^\s*\$\s", "  ", command)
    quote = ""
    at = 0
    while at < len(command):
        here = command[at]
        if quote == "'":
            quote = "" if here == "'" else quote
        elif here == "\\":
            at += 1
        elif quote == '"':
            if here == '"':
                quote = ""
            elif here in "`$" and _substitutes(command[at:]):
                return here
        elif here in "'\"":
            quote = here
        elif here == "#" and (at == 0 or command[at - 1].isspace()):
            return ""
        elif here in _OPERATORS and (here != "$" or _substitutes(command[at:])):
            return here
        at += 1
    return ""


def _substitutes(text: str) -> bool:
    return text[0] == "`" or re.match(r"\$[A-Za-z_{(0-9@*?]", text) is not None
