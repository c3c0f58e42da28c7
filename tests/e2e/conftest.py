"""Tests here talk to the installed command only, as a person would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

COMMAND = str(Path(sys.executable).with_name("sandbox"))


@dataclass(frozen=True)
class Said:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document

    @property
    def data(self) -> Any:
        return self.json["data"]

    @property
    def lost_a_port(self) -> bool:
        """Whether somebody had taken the port of an engine, as they may while it is down."""
        told = ("is held by", "was just taken by")
        return any(words in warning for warning in self.json["warnings"] for words in told)


def lives(pid: int) -> bool:
    """Whether the process runs; a dead one that nobody has asked about yet does not."""
    import psutil

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def await_that(true: Callable[[], object], what: str, seconds: float = 180) -> None:
    """Until something is true. The deadline is far: processes stand for seconds on a busy machine."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not so after {seconds:g} s: {what}"
        time.sleep(0.01)


Run = Callable[..., Said]


@pytest.fixture(scope="session")
def run(session_home: Path) -> Run:
    """``run("up", "redis", "--json")``: run the command, return what it said."""

    def go(
        *args: str,
        input: str | None = None,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
        timeout: float = 600,
    ) -> Said:
        done = subprocess.run(
            [COMMAND, *args],
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            cwd=cwd or session_home,
            env={**os.environ, "COLUMNS": "200", **(env or {})},
            timeout=timeout,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    return go
