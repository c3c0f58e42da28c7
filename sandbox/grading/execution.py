"""How an answer is executed: which program, in what environment, and what comes back of it."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sandbox import config
from sandbox.clients.base import Result
from sandbox.endpoint import Endpoint
from sandbox.engines.base import Engine
from sandbox.errors import UsageError
from sandbox.grading import limits, values
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
    cancel: threading.Event | None = None,
) -> Done:
    """Run an answer as the learner, under limits, and wait for it."""
    facts = {"answer_sha256": hashlib.sha256(content).hexdigest()}
    suffix = suffix.lower()
    if suffix == ".toml":
        return _choices(content, facts)
    isolation = limits.strongest_isolation()
    folder = limits.Folder.make()
    file = folder.work / f"answer{suffix}"
    file.write_bytes(content)
    fixtures = config.resources("fixtures")
    (folder.work / "fixtures").symlink_to(fixtures)
    own = suffix in place.engine.suffixes
    ended = limits.run(
        _program(file, suffix, place.engine, own=own, echo=echo),
        folder,
        environment(place, learner, folder, fixtures),
        limits=_limits(exercise),
        isolation=isolation,
        results=own,
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
