"""Cuts JavaScript into statements, as a shell needs it: one result for each.

A statement ends at a semicolon, or at a line's end where JavaScript would put one (its rules of automatic
semicolon insertion), never within brackets, strings, templates, comments or regular expressions. The words of
the shell (``use``, ``show``, ``it`` ...) end with their line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SHELL = re.compile(r"(?:(?:use|show)[ \t]+[^\s;(=.,]+|it|exit|quit|cls|help)[ \t]*;?[ \t]*(?=\n|$)")
_WORD = re.compile(r"[\w$\u0080-\uffff]+")
_NUMBER = re.compile(r"0[xXbBoO][\da-fA-F_]+n?|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?n?")
_OPERATOR = re.compile(
    r">>>=|\.\.\.|===|!==|\*\*=|<<=|>>=|>>>|&&=|\|\|=|\?\?=|=>|==|!=|<=|>=|&&|\|\||\?\?|\?\.(?!\d)|\+\+|--|\+=|-=|\*=|/="
    r"|%=|&=|\|=|\^=|<<|>>|\*\*|[-+*/%&|^!~<>=?:,.;@#]"
)
# After these an operand must follow, so a line's end means nothing.
_OPEN_WORDS = frozenset(
    (
        *("return", "throw", "case", "in", "of", "instanceof", "new", "typeof", "void", "delete", "await"),
        *("yield", "var", "let", "const", "extends", "import", "export", "else", "do"),
    )
)
# Before these too.
_GOES_ON = frozenset(("in", "of", "instanceof"))
_ENDINGS = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True)
class _Token:
    """``kind``: word, number, string, template, regex, operator, open, close. ``fresh``: first of a line."""

    kind: str
    text: str
    start: int
    end: int
    fresh: bool


class _OpenError(Exception):
    """The text ends within a statement."""


class _BrokenError(Exception):
    """A bracket that closes nothing: the engine says so better than we can."""

    def __init__(self, at: int) -> None:
        self.at = at


def split(text: str) -> tuple[list[str], str]:
    """Complete statements in order, without their semicolons, and the incomplete rest."""
    statements: list[str] = []
    at = 0
    while True:
        at = _skip(text, at)
        if at >= len(text):
            return statements, ""
        shell = _SHELL.match(text, at)
        if shell:
            statements.append(shell.group().strip().rstrip(";").rstrip())
            at = shell.end()
            continue
        try:
            end = _Reader(text, at).statement()
        except _OpenError:
            return statements, text[at:]
        statement = text[at:end].strip().removesuffix(";").rstrip()
        if statement:
            statements.append(statement)
        at = end


def _skip(text: str, at: int) -> int:
    """Past blanks and comments before a statement."""
    while at < len(text):
        if text[at].isspace() or text[at] == ";":
            at += 1
        elif text.startswith("//", at) or (at == 0 and text.startswith("#!")):
            end = text.find("\n", at)
            at = len(text) if end < 0 else end + 1
        elif text.startswith("/*", at):
            end = text.find("*/", at)
            if end < 0:
                return at
            at = end + 2
        else:
            break
    return at


class _Reader:
    """Reads one statement from a place on."""

    def __init__(self, text: str, at: int) -> None:
        self.text, self.at = text, at
        self._last: _Token | None = None
        self._next: _Token | None = None

    def statement(self) -> int:
        """The place after the statement; _OpenError when the text ends before it."""
        try:
            self._statement()
        except _BrokenError as broken:
            return self._line_end(broken.at)
        return self.at

    def _statement(self) -> None:
        first = self._peek()
        if first is None:
            raise _OpenError
        if first.kind == "open" and first.text == "{":
            self._brackets("{")
            # A block, or a document of which something is asked.
            if not self._at("operator", ".", "?."):
                return
        match first.text if first.kind == "word" else "":
            case "if":
                self._header()
                self._statement()
                if self._at("word", "else"):
                    self._take()
                    self._statement()
            case "for" | "while" | "with":
                self._header()
                self._statement()
            case "do":
                self._take()
                self._statement()
                self._expect("while")
                self._brackets("(")
            case "switch":
                self._header()
                self._brackets("{")
            case "try":
                self._take()
                self._brackets("{")
                while self._at("word", "catch", "finally"):
                    self._take()
                    if self._at("open", "("):
                        self._brackets("(")
                    self._brackets("{")
            case "function" | "class":
                self._definition()
            case "async" if self._is_function():
                self._definition()
            case _:
                self._expression()

    def _header(self) -> None:
        """``if (...)``."""
        self._take()
        if self._at("word", "await"):
            self._take()
        self._brackets("(")

    def _definition(self) -> None:
        """A function or a class, to the end of its body."""
        while True:
            token = self._peek()
            if token is None:
                raise _OpenError
            if token.kind == "open":
                self._brackets(token.text)
                if token.text == "{":
                    return
            else:
                self._take()

    def _is_function(self) -> bool:
        return bool(re.match(r"async[ \t]+function\b", self.text[self.at :].lstrip()))

    def _expression(self) -> None:
        """To a semicolon, or to a line's end where one is put in."""
        begin = self.at
        while True:
            token, last = self._peek(), self._last
            if token is None:
                if last is not None and self._wants_more(last):
                    raise _OpenError
                return
            if token.kind == "operator" and token.text == ";":
                self._take()
                return
            if last is not None and last.start >= begin and token.fresh and self._ends(last, token):
                return
            if token.kind == "close":
                # ``}`` of a block around us, or one too many.
                raise _BrokenError(token.end)
            if token.kind == "open":
                self._brackets(token.text)
            else:
                self._take()

    def _ends(self, last: _Token, token: _Token) -> bool:
        """Whether a semicolon is put in between two tokens on different lines."""
        if self._wants_more(last):
            return False
        if token.kind == "operator":
            return token.text in ("++", "--", "!", "~", "@", "#")
        if token.kind == "template" or (token.kind == "open" and token.text in "(["):
            return False
        return not (token.kind == "word" and token.text in _GOES_ON)

    def _wants_more(self, last: _Token) -> bool:
        if last.kind == "operator":
            return last.text not in ("++", "--", ";")
        return last.kind == "word" and last.text in _OPEN_WORDS and not self._is_member(last)

    def _is_member(self, word: _Token) -> bool:
        """``db.in`` is a name, not an operator."""
        before = self.text[: word.start].rstrip()
        return before.endswith(".") and not before.endswith("...")

    def _brackets(self, opening: str) -> None:
        """From an opening bracket to the one that closes it; what lies between does not matter."""
        self._expect(opening)
        while True:
            token = self._peek()
            if token is None:
                raise _OpenError
            if token.kind == "open":
                self._brackets(token.text)
            elif token.kind == "close":
                if token.text != _ENDINGS[opening]:
                    raise _BrokenError(token.end)
                self._take()
                return
            else:
                self._take()

    def _expect(self, text: str) -> None:
        token = self._peek()
        if token is None:
            raise _OpenError
        if token.text != text or token.kind not in ("open", "word"):
            raise _BrokenError(token.end)
        self._take()

    def _at(self, kind: str, *texts: str) -> bool:
        token = self._peek()
        return token is not None and token.kind == kind and token.text in texts

    def _peek(self) -> _Token | None:
        if self._next is None:
            self._next = self._token(self.at)
        return self._next

    def _take(self) -> None:
        token = self._peek()
        assert token is not None
        self._last, self._next, self.at = token, None, token.end

    def _line_end(self, at: int) -> int:
        end = self.text.find("\n", at)
        return len(self.text) if end < 0 else end

    # -- tokens ----------------------------------------------------------------------------------------

    def _token(self, at: int) -> _Token | None:
        text, fresh = self.text, False
        while at < len(text):
            if text[at].isspace():
                fresh |= text[at] == "\n"
                at += 1
            elif text.startswith("//", at):
                at = self._line_end(at)
            elif text.startswith("/*", at):
                end = text.find("*/", at)
                if end < 0:
                    raise _OpenError
                fresh |= "\n" in text[at:end]
                at = end + 2
            else:
                kind, end = self._read(at)
                return _Token(kind, text[at:end], at, end, fresh)
        return None

    def _read(self, at: int) -> tuple[str, int]:
        """Kind and end of the token that begins at a place."""
        text, here = self.text, self.text[at]
        if here in "\"'":
            return "string", self._string(at)
        if here == "`":
            return "template", self._template(at)
        if here in "([{":
            return "open", at + 1
        if here in ")]}":
            return "close", at + 1
        number = _NUMBER.match(text, at) if here.isdigit() or here == "." else None
        if number and number.group() != ".":
            return "number", number.end()
        word = _WORD.match(text, at)
        if word:
            return "word", word.end()
        if here == "/" and not self._after_value():
            return "regex", self._regex(at)
        operator = _OPERATOR.match(text, at)
        return "operator", operator.end() if operator else at + 1

    def _after_value(self) -> bool:
        """Whether a slash divides here: it does after a value, else it begins a regular expression."""
        last = self._last
        if last is None or last.kind in ("operator", "open"):
            return False
        return not (last.kind == "word" and last.text in _OPEN_WORDS)

    def _string(self, at: int) -> int:
        quote, at = self.text[at], at + 1
        while at < len(self.text):
            here = self.text[at]
            if here == "\\":
                at += 2
            elif here == quote:
                return at + 1
            elif here == "\n":
                return at
            else:
                at += 1
        return min(at, len(self.text))

    def _template(self, at: int) -> int:
        at += 1
        while at < len(self.text):
            if self.text[at] == "\\":
                at += 2
            elif self.text[at] == "`":
                return at + 1
            elif self.text.startswith("${", at):
                at = self._placeholder(at + 2)
            else:
                at += 1
        raise _OpenError

    def _placeholder(self, at: int) -> int:
        """Past the ``}`` of ``${...}``."""
        inner = _Reader(self.text, at)
        depth = 1
        while depth:
            token = inner._peek()
            if token is None:
                raise _OpenError
            inner._take()
            depth += {"open": 1, "close": -1}.get(token.kind, 0)
        return inner.at

    def _regex(self, at: int) -> int:
        inside, at = False, at + 1
        while at < len(self.text) and self.text[at] != "\n":
            here = self.text[at]
            if here == "\\":
                at += 2
                continue
            if here == "/" and not inside:
                flags = _WORD.match(self.text, at + 1)
                return flags.end() if flags else at + 1
            inside = here == "[" or (inside and here != "]")
            at += 1
        return at
