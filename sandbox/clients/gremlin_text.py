"""Gremlin as text: where statements end, assignments, variables put in.

The language of the server is Gremlin alone (``gremlin-lang``): it knows no comments between slashes and stars
and no variables of the person's own. The console's Groovy has both, so they are dealt with here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
      (?P<comment> //[^\n]* | /\*.*?\*/ )
    | (?P<open>    /\* )
    | (?P<string>  '(?:\\.|[^'\\\n])*' | "(?:\\.|[^"\\\n])*" )
    | (?P<name>    [^\W\d]\w* )
    | (?P<number>  \d+(?:\.\d+)?\w* )
    | (?P<newline> \n )
    | (?P<blank>   [^\S\n]+ )
    | (?P<symbol>  . )
    """,
    re.VERBOSE | re.DOTALL,
)

_OPENING, _CLOSING = "([{", ")]}"
_GOES_ON_AFTER = {".", ",", "=", ":", "+", "&", "|", "->"}
"""After these a line break ends nothing."""


@dataclass(frozen=True)
class Token:
    """A piece of the text, comments and blanks too. ``kind`` is the name of a group of the pattern."""

    kind: str
    text: str

    @property
    def silent(self) -> bool:
        return self.kind in ("comment", "blank", "newline")


def tokens(text: str) -> Iterator[Token]:
    for match in _TOKEN.finditer(text):
        yield Token(match.lastgroup or "symbol", match[0])


def split(text: str) -> tuple[list[str], str]:
    """Complete statements, and the rest that still lacks a bracket or an end of comment.

    A statement ends with its line, unless a bracket is open, the line ends with a dot or a comma, or the next
    one begins with a dot (as in files); or with a semicolon. ``:help`` and its like take their whole line.
    """
    found: list[str] = []
    here: list[Token] = []
    depth = 0
    everything = list(tokens(text))
    for at, token in enumerate(everything):
        if token.kind == "open":
            here.append(token)
            return found, _text(here + everything[at + 1 :])
        if token.text == ";" and depth == 0 and not _is_command(here):
            _end(here, found)
            here = []
            continue
        if (
            token.kind == "newline"
            and depth == 0
            and (_is_command(here) or not _goes_on(here, everything, at))
        ):
            _end(here, found)
            here = []
            continue
        here.append(token)
        if token.kind == "symbol" and token.text in _OPENING and not _is_command(here):
            depth += 1
        elif token.kind == "symbol" and token.text in _CLOSING and not _is_command(here):
            # A bracket too many is the server's to refuse; it must not swallow what follows.
            depth = max(0, depth - 1)
    if depth == 0 and not _dangles(here):
        _end(here, found)
        return found, ""
    return found, _text(here) if _meant(here) else ""


def _meant(here: list[Token]) -> list[Token]:
    return [token for token in here if not token.silent]


def _text(here: list[Token]) -> str:
    return "".join(token.text for token in here)


def _end(here: list[Token], found: list[str]) -> None:
    if _meant(here):
        found.append(_text(here).strip())


def _is_command(here: list[Token]) -> bool:
    meant = _meant(here)
    return bool(meant) and meant[0].text == ":"


def _dangles(here: list[Token]) -> bool:
    meant = _meant(here)
    return bool(meant) and meant[-1].text in _GOES_ON_AFTER and not _is_command(here)


def _goes_on(here: list[Token], everything: list[Token], at: int) -> bool:
    if _dangles(here):
        return True
    if not _meant(here):
        return False
    following = next((token for token in everything[at + 1 :] if not token.silent), None)
    return following is not None and following.text in (".", *_CLOSING)


def without_comments(statement: str) -> str:
    """The statement as the server takes it, every line where it was."""

    def kept(token: Token) -> str:
        if token.kind != "comment":
            return token.text
        return "\n" * token.text.count("\n") or " "

    return "".join(kept(token) for token in tokens(statement)).strip()


_ASSIGNMENT = re.compile(r"\s*(?:(?:def|var|final|[A-Z]\w*)\s+)?([^\W\d]\w*)\s*=(?![=~])\s*(.*)", re.DOTALL)


def assignment(statement: str) -> tuple[str, str] | None:
    """``john = g.addV()``: the name and what it is given; None for anything else."""
    match = _ASSIGNMENT.fullmatch(statement)
    return (match[1], match[2]) if match else None


def put_in(statement: str, values: Mapping[str, Callable[[bool], str]]) -> str:
    """The statement with variables replaced by what stands for them in Gremlin.

    A value is asked for with True where the language wants a traversal: in ``from(john)`` and ``to(john)``.
    """
    everything = list(tokens(statement))
    out = [token.text for token in everything]
    for at, name in _names(everything):
        if name in values:
            before = [token.text for token in everything[:at] if not token.silent][-2:]
            out[at] = values[name](len(before) == 2 and before[1] == "(" and before[0] in ("from", "to"))
    return "".join(out)


def _names(everything: list[Token]) -> Iterator[tuple[int, str]]:
    meant = [(at, token) for at, token in enumerate(everything) if not token.silent]
    for place, (at, token) in enumerate(meant):
        before = meant[place - 1][1].text if place else ""
        after = meant[place + 1][1].text if place + 1 < len(meant) else ""
        if token.kind == "name" and before != "." and after not in ("(", ":", "."):
            yield at, token.text
