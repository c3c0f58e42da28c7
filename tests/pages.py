"""The pages of the documentation, and the commands that they show.

Every command on a page is run by ``tests/e2e/test_docs.py``, so a page shows what works. The rules:

- A fenced block ``console`` shows a session: a line that begins with ``$ `` is a command (lines after it that
  begin with ``> `` go on with it), the others are what it prints. Each of those must be found in what it
  really prints, in the same order; runs of blanks count as one, and ``...`` stands for anything.
- A fenced block ``sh`` is one script; ``python`` is one program, run by ``sandbox exec -- python`` (alone: by
  ``python``).
- Blocks of a page run in their order, in one folder, against one running sandbox of the engines that the page
  needs. The folder holds ``my-csv-files/`` (the dataset's files), ``my.gremlin`` (an answer) and ``answers/``
  (two answers in SQL). Interactive commands get an empty input.
- A comment before a block says more: ``<!-- not run: why -->``; ``<!-- exit: 1 -->``, the codes with which
  its last command may end; ``<!-- alone -->``: in a home of its own in which nothing runs;
  ``<!-- docker -->``: the same, where a Docker engine answers, in a checkout. The comment
  ``<!-- needs: postgres redis -->`` anywhere on a page names its engines; without it a page of
  ``docs/engines/`` needs its own, any other page all.
- Blocks of other kinds show no commands; a test sees to that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sandbox.engines.registry import NAMES

ROOT = Path(__file__).resolve().parents[1]
_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<kind>[\w-]*)\s*$")
_COMMENT = re.compile(r"^\s*<!--\s*(?P<text>.*?)\s*-->\s*$")
_NEEDS = re.compile(r"^<!--\s*needs:\s*(?P<names>[\w ]*?)\s*-->\s*$", re.MULTILINE)
_COMMANDS = re.compile(r"^\s*(\$ |sandbox |make |pytest |pip |git |\.venv/|python -m )")


@dataclass(frozen=True)
class Command:
    """One command of a page, and the lines that the page says it prints."""

    text: str
    shown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Block:
    """One fenced block. ``not_run`` is a reason; ``exits`` are codes with which its last command may end."""

    page: Path
    line: int
    kind: str
    text: str
    commands: tuple[Command, ...] = ()
    not_run: str = ""
    exits: tuple[int, ...] = (0,)
    alone: bool = False
    docker: bool = False

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Page:
    """One page with its blocks."""

    path: Path
    blocks: tuple[Block, ...] = field(default=())

    @property
    def engines(self) -> list[str]:
        found = _NEEDS.search(self.path.read_text(encoding="utf-8"))
        if found:
            return found["names"].split()
        return [self.path.stem] if self.path.parent.name == "engines" else list(NAMES)

    @property
    def runnable(self) -> list[Block]:
        return [b for b in self.blocks if b.commands and not b.not_run]


def only(page: Page, *, docker: bool) -> Page:
    """A page with those of its blocks that need a Docker engine, or with the others."""
    return replace(page, blocks=tuple(b for b in page.blocks if b.docker == docker))


def pages(root: Path = ROOT) -> list[Path]:
    """README, CONTRIBUTING and everything in docs/."""
    return [
        *(p for p in (root / "README.md", root / "CONTRIBUTING.md") if p.exists()),
        *sorted((root / "docs").glob("**/*.md")),
    ]


def read(path: Path) -> Page:
    """The page with its blocks."""
    return Page(path, tuple(blocks(path, path.read_text(encoding="utf-8"))))


def blocks(path: Path, text: str) -> Iterator[Block]:
    """The fenced blocks of a page's text; ValueError for a directive that nobody understands."""
    lines = text.splitlines()
    number, directive = 0, ""
    while number < len(lines):
        line = lines[number]
        fence = _FENCE.match(line)
        if fence is None:
            comment = _COMMENT.match(line)
            if comment:
                directive = comment["text"]
            elif line.strip():
                directive = ""
            number += 1
            continue
        begin, inner = number, []
        number += 1
        while number < len(lines) and lines[number].strip() != fence["ticks"]:
            inner.append(lines[number].removeprefix(fence["indent"]))
            number += 1
        number += 1
        yield _block(path, begin + 1, fence["kind"], inner, directive)
        directive = ""


def _block(path: Path, line: int, kind: str, inner: Sequence[str], directive: str) -> Block:
    commands: tuple[Command, ...] = ()
    if kind == "console":
        commands = tuple(_session(inner))
    elif kind in ("sh", "python"):
        commands = (Command("\n".join(inner)),)
    name, _, value = directive.partition(":")
    not_run, alone, docker = "", False, False
    exits: tuple[int, ...] = (0,)
    if commands and directive:
        if name == "not run" and value.strip():
            not_run = value.strip()
        elif name == "exit":
            exits = tuple(int(code) for code in value.split())
        elif name in ("alone", "docker"):
            alone, docker = True, name == "docker"
        elif not _NEEDS.match(f"<!-- {directive} -->"):
            raise ValueError(f"{path}:{line}: nobody understands <!-- {directive} -->")
    return Block(path, line, kind, "\n".join(inner), commands, not_run, exits, alone, docker)


def _session(lines: Sequence[str]) -> Iterator[Command]:
    text = ""
    shown: list[str] = []
    for line in lines:
        if line.startswith("$ "):
            if text:
                yield Command(text, tuple(shown))
            text, shown = line[2:], []
        elif line.startswith("> ") and not shown and text:
            text += "\n" + line[2:]
        elif line.strip() and text:
            shown.append(line)
    if text:
        yield Command(text, tuple(shown))


def hidden_commands(page: Page) -> list[str]:
    """Lines that look like commands in blocks that nobody runs."""
    return [
        f"{block.page.relative_to(ROOT)}:{block.line}: {line.strip()}"
        for block in page.blocks
        if block.kind in ("", "bash", "shell", "text", "console") and not block.commands
        for line in block.text.splitlines()
        if _COMMANDS.match(line) and "[OPTIONS]" not in line
    ]


def missing_output(shown: Sequence[str], printed: str) -> str | None:
    """The first line that a page shows and the command did not print after the ones before; None for none."""
    real = [" ".join(line.split()) for line in printed.splitlines()]
    at = 0
    for line in shown:
        parts = [re.escape(part) for part in " ".join(line.split()).split("...")]
        pattern = re.compile(".*".join(parts))
        if line.strip() == "...":
            continue
        found = next((n for n in range(at, len(real)) if pattern.fullmatch(real[n])), None)
        if found is None:
            return line
        at = found + 1
    return None
