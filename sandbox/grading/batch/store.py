"""The folder of results: one JSON file for each student, written whole or not at all.

::

    sandbox-results/
      batch.json            schema version, seed, when it was begun
      students/ada.json     one student: each exercise's entry (see :func:`entry`), files not recognised
      results.json ...      the tables and reports, made anew by each run

The folder is closed to others: it holds grades, and answers that run later must not read those of before.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.errors import EnvironmentRefusedError, UsageError
from sandbox.grading.batch.submissions import Answer
from sandbox.state import write_atomic

SCHEMA_VERSION = 1
GRADED, SKIPPED, NO_ANSWER, REFUSED, ERROR = "graded", "skipped", "no answer", "refused", "error"
"""The states of an entry. ``skipped``: the engine lacks what the exercise requires. ``refused``: there is a
file that cannot be graded. ``error``: it could not be graded; the next run tries again."""


def now() -> str:
    """The time as results say it: UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def seed_of(seed: int, student: str, *, per_student: bool) -> int:
    """The seed of one student's data: the class's, or one drawn from it and the name."""
    if not per_student:
        return seed
    digest = hashlib.sha256(f"{seed}:{student}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 1_000_000


def entry(
    state: str, answer: Answer | None, *, exercise_hash: str, seed: int, max_points: int, message: str = ""
) -> dict[str, Any]:
    """One student's entry for one exercise, without a result: ``{state, file, suffix, answer_sha256,
    exercise_hash, seed, points, max_points, message, result, graded_at}``. ``max_points`` is what counts in
    the sum: 0 for what was skipped or could not be graded."""
    return {
        "state": state,
        "file": answer.file if answer else "",
        "suffix": answer.suffix if answer else "",
        "answer_sha256": answer.sha256 if answer and not answer.refused else "",
        "exercise_hash": exercise_hash,
        "seed": seed,
        "points": 0,
        "max_points": 0 if state in (SKIPPED, ERROR) else max_points,
        "message": message,
        "result": None,
        "graded_at": "",
    }


def graded(base: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """An entry with the result of grading (the shape of ``report.result_json``)."""
    skipped = bool(result["skipped"])
    return {
        **base,
        "state": SKIPPED if skipped else GRADED,
        "points": 0 if skipped else result["points"],
        "max_points": 0 if skipped else result["max_points"],
        "message": result["skipped"],
        "result": dict(result),
        "graded_at": now(),
    }


def settled(old: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> bool:
    """Whether an entry of before still holds: same answer, exercise and seed, and nothing in it that could
    not be told."""
    if old is None or old.get("state") not in (GRADED, SKIPPED) or not old.get("result"):
        return False
    if any(old.get(key) != wanted[key] for key in ("answer_sha256", "suffix", "exercise_hash", "seed")):
        return False
    return all(check["outcome"] != "unknown" for check in old["result"]["checks"])


def file_name(student: str) -> str:
    """The name of a student's file: the student's own where that is plain, else made so and told apart."""
    if re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,60}", student) and not re.search(r"-[0-9a-f]{10}$", student):
        return f"{student}.json"
    plain = re.sub(r"[^a-z0-9]+", "-", student.casefold()).strip("-")[:40] or "student"
    return f"{plain}-{hashlib.sha256(student.encode()).hexdigest()[:10]}.json"


class Store:
    """The folder; safe to use from the threads that grade."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.students = folder / "students"
        self._guard = threading.Lock()
        self._kept: dict[str, dict[str, Any]] = {}

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Hold the folder for one batch; UsageError when it is something else or in use."""
        from filelock import FileLock, Timeout

        if self.folder.exists() and not self.folder.is_dir():
            raise self._foreign("It is a file.")
        if self.folder.is_dir() and not (self.folder / "batch.json").is_file():
            other = sorted(p.name for p in self.folder.iterdir() if p.name not in ("students", "lock"))
            if other:
                raise self._foreign(f"It holds {', '.join(other[:5])} and no batch.json.")
        try:
            self.students.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o700)
        except OSError as error:
            raise EnvironmentRefusedError(
                f"The folder of results {self.folder} cannot be made: {error.strerror}.",
                code="cannot-write",
            ) from error
        lock = FileLock(self.folder / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise UsageError(
                f"Another batch is writing its results to {self.folder}.",
                code="results-busy",
                actions=["wait for it to end, or give another folder with --results"],
            ) from None
        try:
            yield
        finally:
            lock.release()

    def _foreign(self, detail: str) -> UsageError:
        return UsageError(
            f"{self.folder} is no folder of results.",
            code="results-folder",
            detail=detail,
            actions=["name a new or empty folder with --results"],
        )

    def seed(self, asked: int | None) -> int:
        """The seed of the class: the one asked for, else the one of before, else a new one; remembered."""
        path = self.folder / "batch.json"
        before = self._read(path) if path.exists() else {}
        seed = asked if asked is not None else before.get("seed")
        if not isinstance(seed, int):
            seed = secrets.randbelow(1_000_000)
        if before.get("seed") != seed:
            document = {"begun_at": now(), **before, "schema_version": SCHEMA_VERSION, "seed": seed}
            write_atomic(path, json.dumps(document, indent=1) + "\n")
        return seed

    def student(self, name: str) -> dict[str, Any]:
        """A student's document: ``{schema_version, student, exercises: {id: entry}, ...}``."""
        with self._guard:
            if name not in self._kept:
                path = self.students / file_name(name)
                found = self._read(path) if path.exists() else {}
                exercises = found.get("exercises", {})
                if not isinstance(exercises, dict) or found.get("student", name) != name:
                    raise self._unreadable(path, "It is not of this student.")
                base = {"schema_version": SCHEMA_VERSION, "student": name}
                self._kept[name] = {**base, **found, "exercises": exercises}
            return self._kept[name]

    def keep(self, name: str, exercise: str, found: Mapping[str, Any]) -> None:
        """Write one entry of a student, at once."""
        document = self.student(name)
        with self._guard:
            document["exercises"][exercise] = dict(found)
            # Hundreds of times in a batch: the form for people comes with `complete`, at the end.
            self._write(name, document, indent=None)

    def complete(self, name: str, **fields: Any) -> None:
        """Write what is told of a student beside the entries (points, files not recognised)."""
        document = self.student(name)
        with self._guard:
            document.update(fields)
            self._write(name, document)

    def _write(self, name: str, document: dict[str, Any], indent: int | None = 1) -> None:
        document["exercises"] = dict(sorted(document["exercises"].items()))
        text = json.dumps(document, indent=indent, ensure_ascii=False) + "\n"
        # What an answer printed may hold halves of characters, which no UTF-8 has.
        text = text.encode("utf-8", "backslashreplace").decode()
        write_atomic(self.students / file_name(name), text)

    def others(self, names: set[str]) -> list[str]:
        """Result files of students who have handed in nothing this time."""
        mine = {file_name(name) for name in names}
        return sorted(p.name for p in self.students.glob("*.json") if p.name not in mine)

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise self._unreadable(path, str(error)) from error
        if not isinstance(document, dict):
            raise self._unreadable(path, "It is no JSON object.")
        if not isinstance(document.get("schema_version"), int):
            raise self._unreadable(path, "It has no schema_version.")
        if document["schema_version"] > SCHEMA_VERSION:
            raise self._unreadable(path, "A newer version of sandbox wrote it.")
        return document

    def _unreadable(self, path: Path, why: str) -> UsageError:
        return UsageError(
            f"The result file {path} cannot be read.",
            code="results-unreadable",
            detail=f"{why} Nothing was changed.",
            actions=[f"mv {path} {path}.old   # what was in it is graded again"],
        )
