"""How an answer is executed: which program, in what environment, and what comes back of it."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import sys
import threading
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sandbox import config
from sandbox.clients.base import Result
from sandbox.endpoint import Endpoint
from sandbox.engines.base import Engine
from sandbox.errors import UsageError
from sandbox.grading import limits, values, warmth
from sandbox.grading.exercise import Exercise
from sandbox.grading.place import Place

MOST_BYTES = 1 << 20
"""An answer file larger than this is refused."""


@dataclass(frozen=True)
class Done:
    """What an answer did. ``problem`` is empty when it ended well; ``shown`` is all that it printed;
    ``end`` is the word of :class:`~sandbox.grading.limits.Ended`."""

    problem: str = ""
    output: str = ""
    shown: str = ""
    end: str = "exited"
    results: Sequence[Result] = ()
    choices: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


def accepted(exercise: Exercise, engine: Engine) -> tuple[str, ...]:
    """Endings of the files that may answer an exercise: choices only where choices are asked for, else the
    engine's own language, shell and Python."""
    return (".toml",) if exercise.spec.answer == ".toml" else (*engine.suffixes, ".sh", ".py")


def read(exercise: Exercise, answer: Path, engine: Engine) -> bytes:
    """The bytes of an answer file; UsageError when there is none or its language does not fit."""
    known = accepted(exercise, engine)
    start = f"sandbox exercise start {exercise.id}"
    if answer.suffix.lower() not in known:
        raise UsageError(
            f"{answer} cannot answer {exercise.id}: its name does not end with {', '.join(known)}.",
            code="unknown-answer-language",
            actions=[start],
        )
    try:
        content = answer.read_bytes()
    except OSError as error:
        raise UsageError(
            f"The answer {answer} cannot be read: {error.strerror}.", code="no-answer-file", actions=[start]
        ) from error
    if len(content) > MOST_BYTES:
        raise UsageError(
            f"The answer {answer} is larger than {MOST_BYTES >> 10} KiB.", code="answer-too-large"
        )
    return content


def execute(
    exercise: Exercise,
    content: bytes,
    suffix: str,
    place: Place,
    learner: Endpoint,
    *,
    echo: bool = False,
    folder: limits.Folder | None = None,
    keep: bool = False,
    extra_env: Mapping[str, str] = MappingProxyType({}),
    cancel: threading.Event | None = None,
) -> Done:
    """Run an answer as the learner, under limits, and wait for it.

    ``folder`` is used instead of a new one and may hold files already; with ``keep`` it is there afterwards,
    for :func:`limits.remove <sandbox.grading.limits.remove>`. ``extra_env`` goes over all other variables."""
    facts = {"answer_sha256": hashlib.sha256(content).hexdigest()}
    suffix = suffix.lower()
    if suffix == ".toml":
        return _choices(content, facts)
    isolation = limits.strongest_isolation()
    folder = folder or limits.Folder.make()
    file = folder.work / f"answer{suffix}"
    fixtures = config.resources("fixtures")
    # An earlier run may have put anything in their places, such as a link to a file of ours.
    limits.clear_away(file, folder.work / "fixtures")
    file.write_bytes(content)
    (folder.work / "fixtures").symlink_to(fixtures)
    own = suffix in place.engine.suffixes
    argv = _program(file, suffix, place.engine, own=own, echo=echo)
    env = {**environment(place, learner, folder, fixtures), **extra_env}
    wish = _wish(argv, content, suffix, place, own=own)
    if wish.cli is not None:
        env["PATH"] = os.pathsep.join((_shim(folder, env["PATH"]), env["PATH"]))
    ended = limits.run(
        argv,
        folder,
        env,
        limits=_limits(exercise),
        isolation=isolation,
        results=own,
        keep=keep,
        wish=wish,
        cancel=cancel,
    )
    return Done(
        problem=_problem(ended, own=own),
        output=ended.output,
        shown=ended.shown,
        end=ended.end,
        results=values.load(ended.results) if own else (),
        facts={**facts, "isolation": isolation.name, "answer_seconds": ended.seconds},
    )


def _choices(content: bytes, facts: Mapping[str, Any]) -> Done:
    try:
        return Done(choices=tomllib.loads(content.decode("utf-8-sig")), facts=facts)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return Done(problem=f"The answer is not right TOML: {error}", facts=facts)


def _program(file: Path, suffix: str, engine: Engine, *, own: bool, echo: bool) -> list[str]:
    if own:
        argv = [sys.executable, "-P", "-m", "sandbox.grading.answer", str(file), "--engine", engine.name]
        return [*argv, "--results", "3", *(["--echo"] if echo else [])]
    if suffix == ".py":
        return [sys.executable, str(file)]
    return ["bash", "-eu", *(["-v"] if echo else []), str(file)]


def _wish(argv: Sequence[str], content: bytes, suffix: str, place: Place, *, own: bool) -> warmth.Wish:
    """How the program may start warm."""
    modules = warmth.modules(place.engine.name)
    if own:
        return warmth.Wish({"module": argv[3], "argv": argv[4:]}, modules)
    if suffix == ".py":
        return warmth.Wish({"file": argv[1]}, modules)
    packages = _cli_packages(place)
    if packages is None:
        return warmth.Wish()
    words = set(re.findall(rb"\baws\s+([a-z0-9]+)", content))
    return warmth.Wish(cli=packages, services=tuple(sorted(word.decode() for word in words)))


def _cli_packages(place: Place) -> Path | None:
    """The packages of our AWS CLI, when it is on the answer's PATH."""
    for folder in place.bin:
        if (folder / "aws").is_file() and (folder.parent / "run.py").is_file():
            return folder.parent / "packages"
    return None


def _shim(folder: limits.Folder, path: str) -> str:
    """A folder with an ``aws`` that hands its call to the warm CLI, or to the one found on ``path``."""
    from sandbox.runtimes.native.environments import interpreter

    real = shutil.which("aws", path=path) or "aws"
    programs = folder.root / "bin"
    programs.mkdir(mode=0o755, exist_ok=True)
    words = (interpreter(), "-I", "-S", str(warmth.SHIM), real)
    program = programs / "aws"
    limits.clear_away(program)
    program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    program.chmod(0o755)
    return str(programs)


def environment(place: Place, learner: Endpoint, folder: limits.Folder, fixtures: Path) -> dict[str, str]:
    """The answer's whole environment: the learner's endpoint, never the administrator's."""
    path = [*(str(f) for f in place.bin), str(Path(sys.executable).parent), "/usr/local/bin:/usr/bin:/bin"]
    return {
        "PATH": os.pathsep.join(path),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "USER": "learner",
        "LOGNAME": "learner",
        "SANDBOX_FIXTURES": str(fixtures),
        **folder.environment(),
        **limits.python_environment(),
        **place.env,
        **place.engine.env(learner),
        **place.engine.generic_env(learner),
    }


def _limits(exercise: Exercise) -> limits.Limits:
    bounds, usual = exercise.spec.limits, limits.Limits()
    found = usual
    if bounds.seconds is not None:
        found = replace(found, seconds=bounds.seconds, cpu_seconds=max(usual.cpu_seconds, bounds.seconds))
    if bounds.memory_mib is not None:
        found = replace(found, memory_bytes=bounds.memory_mib << 20)
    return found


def _problem(ended: limits.Ended, *, own: bool) -> str:
    if ended.end == "exited" and ended.code:
        said = ended.errors.strip()
        if own and said:
            return said[:2000]
        last = said.splitlines()[-1] if said else ""
        return f"{ended.problem} {last}".strip()[:2000]
    if not ended.problem and ended.left:
        many = "a process" if ended.left == 1 else f"{ended.left} processes"
        return f"The answer left {many} running, which was ended."
    return ended.problem
