"""The format of an exercise: one folder, read and checked.

::

    exercises/aurora-mysql/01-create-insert-query/
      exercise.toml    the Spec below; unknown keys are errors
      README.md        the task, as a learner reads it
      starter.sql      what `exercise start` copies; must not pass
      solution.sql     must get full points
      wrong/*.sql      plausible mistakes, each named in the TOML with the checks it loses
      check.py         the checks, and optionally prepare(ctx) -> dict

An exercise's id is its path: ``aurora-mysql/01-create-insert-query``.
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal

from sandbox import config
from sandbox.engines.registry import NAMES
from sandbox.errors import SandboxError, UsageError, unknown_name
from sandbox.grading.model import Check, Part

LIST_COMMAND = "sandbox exercise list"
NO_ENGINE = "none"

_STRICT: dict[str, Any] = {"extra": "forbid", "strict": False}


@dataclass(frozen=True)
class Needs:
    """What an exercise needs beyond a running engine. ``dataset``: the three tables, loaded. ``instance``: a
    process of the engine of its own, fresh for each attempt, with ``options`` in the recipe's words.
    ``replicas``: so many replicas of that instance. ``engines``: others that must run as well."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    dataset: bool = False
    instance: bool = False
    replicas: int = 0
    options: Mapping[str, str] = field(default_factory=dict)
    engines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Runs:
    """How the answer is run: so many ``times``, one after the other, in the same working folder."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    times: Literal[1, 2, 3] = 1


@dataclass(frozen=True)
class Bounds:
    """Limits of one answer where the usual ones do not fit. ``seconds`` of wall time, ``memory_mib`` of all
    its processes together."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    seconds: float | None = None
    memory_mib: int | None = None


@dataclass(frozen=True)
class Wrong:
    """A plausible mistake: its file, what it does wrong, and the ids of exactly the checks it must lose."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    file: str
    says: str
    loses: tuple[str, ...]


@dataclass(frozen=True)
class Spec:
    """What ``exercise.toml`` says. ``owns`` is by kind in the engine's words (``databases`` ...), ``also``
    the same for the other engines it needs; ``requires`` are capability words; ``answer`` is the language of
    starter and solution; ``hint_price`` the points that each hint costs, unless the teacher says otherwise.
    ``engine`` is ``none`` for choices that need no engine."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    title: str
    service: str
    engine: str
    part: Part
    level: Literal[1, 2, 3]
    minutes: int
    answer: Literal[".sql", ".cql", ".redis", ".gremlin", ".js", ".aws", ".sh", ".py", ".toml"]
    course_step: str
    aws_difference: str
    hints: tuple[str, ...]
    wrong: tuple[Wrong, ...]
    requires: tuple[str, ...] = ()
    needs: Needs = field(default_factory=Needs)
    owns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    also: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    run: Runs = field(default_factory=Runs)
    limits: Bounds = field(default_factory=Bounds)
    hint_price: int = 0

    @property
    def engines(self) -> tuple[str, ...]:
        """All engines that must run: its own first; none for choices."""
        return tuple(name for name in dict.fromkeys((self.engine, *self.needs.engines)) if name != NO_ENGINE)

    @property
    def instance(self) -> bool:
        """Whether it runs on a process of the engine of its own."""
        return self.needs.instance or self.needs.replicas > 0


@dataclass(frozen=True)
class Exercise:
    """One exercise as found on disk. Its checks are loaded by :func:`load_checks`."""

    id: str
    folder: Path
    spec: Spec

    @property
    def starter(self) -> Path:
        return self.folder / f"starter{self.spec.answer}"

    @property
    def solution(self) -> Path:
        return self.folder / f"solution{self.spec.answer}"

    @property
    def readme(self) -> Path:
        return self.folder / "README.md"


@dataclass(frozen=True)
class Checks:
    """What ``check.py`` holds: the checks in the order written (a valid order, because ``after`` names
    functions defined before), and what there is of ``prepare(ctx) -> dict`` before the answer,
    ``between(ctx)`` after each of its runs but the last, and ``crash(ctx) -> bool``, asked again and again
    while it first runs: True ends it as a crash does."""

    checks: tuple[Check, ...]
    prepare: Callable[[Any], Any] | None = None
    between: Callable[[Any], Any] | None = None
    crash: Callable[[Any], Any] | None = None

    @property
    def points(self) -> int:
        return sum(check.points for check in self.checks)


def folders(root: Path | None = None) -> dict[str, Path]:
    """All exercise folders by id, in order of service and number; reads no file. Without ``root`` those that
    come with the product, and those below the folders that ``SANDBOX_EXERCISES`` names; of two with the same
    id the person's own counts."""
    found: dict[str, Path] = {}
    for base in [root] if root else [config.resources("exercises"), *own_roots()]:
        for path in base.glob("*/*/exercise.toml"):
            found[f"{path.parent.parent.name}/{path.parent.name}"] = path.parent
    return dict(sorted(found.items(), key=lambda item: item[0].split("/")))


def own_roots() -> list[Path]:
    """Folders of a person's own exercises."""
    return [Path(name) for name in os.environ.get("SANDBOX_EXERCISES", "").split(os.pathsep) if name]


def find(exercise_id: str, root: Path | None = None) -> Exercise:
    """The exercise of that id, of the one id that begins so (``s3/01``), or in that folder; UsageError with
    the nearest ids when there is none."""
    if (Path(exercise_id) / "exercise.toml").is_file():
        return load(Path(exercise_id).resolve())
    known = folders(root)
    begin_so = [name for name in known if name.startswith(f"{exercise_id}-")]
    if exercise_id not in known and len(begin_so) == 1 and "/" in exercise_id:
        return load(known[begin_so[0]])
    if exercise_id not in known:
        raise unknown_name("exercise", exercise_id, known, list_command=LIST_COMMAND)
    return load(known[exercise_id])


def find_all(root: Path | None = None) -> tuple[list[Exercise], list[SandboxError]]:
    """Every exercise that can be read, and an error for each one that cannot."""
    good: list[Exercise] = []
    bad: list[SandboxError] = []
    for folder in folders(root).values():
        try:
            good.append(load(folder))
        except SandboxError as error:
            bad.append(error)
    return good, bad


def load(folder: Path) -> Exercise:
    """Read ``exercise.toml`` of a folder; UsageError naming file, line and key when it is not right."""
    path = folder / "exercise.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _malformed(path, str(error)) from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"line (\d+)", str(error))
        raise _malformed(path, str(error), int(where[1]) if where else text.count("\n") + 1) from error
    spec = _validated(path, text, data)
    if not re.fullmatch(r"\d\d-[a-z0-9][a-z0-9-]*", folder.name):
        raise _malformed(path, f"The folder's name {folder.name!r} is not of the form 01-short-slug.")
    if spec.service != folder.parent.name:
        raise _malformed(path, f"service is {spec.service!r} but the folder lies in {folder.parent.name!r}.")
    for key, name in [("engine", spec.engine), *(("needs.engines", name) for name in spec.needs.engines)]:
        if name not in NAMES and (key, name) != ("engine", NO_ENGINE):
            raise _malformed(path, f"{key}: {unknown_name('engine', name, NAMES, list_command='').title}")
    if spec.engine == NO_ENGINE and (spec.answer != ".toml" or spec.instance or spec.needs.engines):
        raise _malformed(path, "engine is 'none': then answer must be '.toml', and no engine may be needed.")
    if spec.hint_price < 0:
        raise _malformed(path, "hint_price: points that a hint costs cannot be negative.")
    for name in spec.also:
        if name not in spec.needs.engines:
            raise _malformed(path, f"also.{name}: {name} is not among needs.engines.")
    return Exercise(f"{folder.parent.name}/{folder.name}", folder, spec)


@cache
def _validator() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Spec)


def _validated(path: Path, text: str, data: dict[str, Any]) -> Spec:
    from pydantic import ValidationError

    try:
        spec: Spec = _validator().validate_python(data)
    except ValidationError as error:
        lines = [_complaint(text, problem) for problem in error.errors(include_url=False)]
        raise _malformed(path, "\n".join(lines)) from error
    return spec


def _complaint(text: str, problem: Any) -> str:
    keys = [str(part) for part in problem["loc"]]
    # tomllib keeps no positions: the first line that sets a key of that name is near enough to help.
    found = re.search(rf"^\s*{re.escape(keys[-1])}\s*=", text, re.MULTILINE) if keys else None
    line = f" (line {text.count(chr(10), 0, found.end()) + 1})" if found else ""
    said = "unknown key" if problem["type"] == "unexpected_keyword_argument" else problem["msg"]
    return f"{'.'.join(keys)}: {said}{line}"


def _malformed(path: Path, detail: str, line: int | None = None) -> UsageError:
    where = f"{path}:{line}" if line else str(path)
    return UsageError(
        f"The exercise file {where} is not right.",
        code="malformed-exercise",
        detail=detail,
        actions=[f"sandbox exercise verify {path.parent.parent.name}/{path.parent.name}"],
    )


def load_checks(exercise: Exercise) -> Checks:
    """The checks of an exercise, from ``check.py`` run in a module namespace of its own."""
    from sandbox.grading.loading import load_check_file

    return load_check_file(exercise.folder / "check.py", exercise.id)


def folder_hash(folder: Path) -> str:
    """sha256 (hex) of names and contents of all files of an exercise's folder."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
        name = path.relative_to(folder).as_posix().encode()
        content = path.read_bytes()
        digest.update(b"%d %s %d " % (len(name), name, len(content)) + content)
    return digest.hexdigest()
