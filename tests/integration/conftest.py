"""A small good exercise on redis, of which tests replace files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.endpoint import Endpoint
from sandbox.engines.base import Engine
from sandbox.grading.exercise import Exercise, load
from sandbox.grading.place import Place
from sandbox.sandbox import Sandbox

TOML = """\
title = "Count"
service = "{service}"
engine = "{engine}"
part = "create"
level = 1
minutes = 5
answer = "{suffix}"
course_step = "Count"
aws_difference = "None."
hints = ["one", "two", "three"]
{extra}
[[wrong]]
file = "wrong/no-key{suffix}"
says = "Forgets the key"
loses = ["key-set", "key-right"]

[[wrong]]
file = "wrong/other{suffix}"
says = "Sets another value"
loses = ["key-right"]
"""
REDIS_CHECK = '''\
"""A key whose value varies with the seed."""
from sandbox.grading import Mismatch, Missing, check


def prepare(ctx):
    ctx.connection.set("wanted", ctx.seed)
    return {"wanted": str(ctx.seed)}


@check(points=2)
def key_set(ctx):
    """Key `a` is set."""
    if not ctx.connection.exists("a"):
        raise Missing("Key a")


@check(points=3, after=[key_set])
def key_right(ctx):
    """Key `a` is a copy of `wanted`."""
    if ctx.connection.get("a") != ctx.given["wanted"]:
        raise Mismatch("Key a", expected=ctx.given["wanted"], found=ctx.connection.get("a"))
'''
REDIS_FILES = {
    "README.md": "# Copy\nCopy `wanted` to `a`.\n",
    "starter.redis": "PING\n",
    "solution.redis": "COPY wanted a\n",
    "wrong/no-key.redis": "COPY wanted b\n",
    "wrong/other.redis": "SET a other\n",
    "check.py": REDIS_CHECK,
}


@pytest.fixture
def place(sandbox: Sandbox, engine_up: Callable[[str], tuple[Engine, Endpoint]]) -> Place:
    engine_up("redis")
    return sandbox.place("redis")


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Exercise]:
    """``make(**{"starter.redis": ...}, extra=...)``: a small good exercise with some files replaced; None
    leaves a file out."""

    def made(*, extra: str = "", slug: str = "01-copy", **files: str | None) -> Exercise:
        folder = tmp_path / "elasticache" / slug
        toml = TOML.format(service="elasticache", engine="redis", suffix=".redis", extra=extra)
        for name, text in {"exercise.toml": toml, **REDIS_FILES, **files}.items():
            if text is not None:
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        return load(folder)

    return made
