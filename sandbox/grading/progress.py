"""Which exercises a person has solved: ``progress.json`` in the sandbox home, small and readable."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox import config
from sandbox.errors import UsageError
from sandbox.grading.model import ExerciseResult

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Record:
    """One exercise: ``state`` is new, tried or solved; once solved it stays so. ``best`` of ``points`` are
    the most points got at once. ``gave_up``: the solution was shown before it was solved. Times are UTC,
    ISO 8601; empty when it did not happen."""

    state: str = "new"
    attempts: int = 0
    best: int = 0
    points: int = 0
    hints: int = 0
    gave_up: bool = False
    tried_at: str = ""
    solved_at: str = ""


class Progress:
    """The file, read and written whole under a lock; a crash leaves the old one or the new one."""

    def __init__(self, home: Path | None = None) -> None:
        self.path = (home or config.home()) / "progress.json"

    def read(self) -> dict[str, Record]:
        """Records by exercise id; UsageError that names the file when it cannot be read as one."""
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
            if data["schema_version"] > SCHEMA_VERSION:
                raise self._unreadable("It was written by a newer version of sandbox.")
            known = {field.name for field in fields(Record)}
            return {
                str(name): Record(**{k: v for k, v in record.items() if k in known})
                for name, record in data["exercises"].items()
            }
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._unreadable(f"{type(error).__name__}: {error}") from error

    def of(self, exercise_id: str) -> Record:
        """The record of one exercise."""
        return self.read().get(exercise_id, Record())

    def graded(self, result: ExerciseResult) -> Record:
        """Note a graded attempt. One that was skipped here is none."""
        if result.skipped:
            return self.of(result.exercise)
        now = datetime.now(UTC).isoformat(timespec="seconds")

        def note(record: Record) -> Record:
            solved = result.passed or record.state == "solved"
            return replace(
                record,
                state="solved" if solved else "tried",
                attempts=record.attempts + 1,
                best=max(record.best, result.points),
                points=sum(c.max_points for c in result.checks),
                tried_at=now,
                solved_at=record.solved_at or (now if result.passed else ""),
            )

        return self._change(result.exercise, note)

    def hinted(self, exercise_id: str, number: int) -> Record:
        """Note that hints up to ``number`` were shown."""
        return self._change(exercise_id, lambda record: replace(record, hints=max(record.hints, number)))

    def gave_up(self, exercise_id: str) -> Record:
        """Note that the solution was shown to somebody who had not solved the exercise."""
        return self._change(exercise_id, lambda record: replace(record, gave_up=True))

    def _change(self, exercise_id: str, change: Callable[[Record], Record]) -> Record:
        from filelock import FileLock

        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path.with_suffix(".lock")):
            records = self.read()
            changed = records[exercise_id] = change(records.get(exercise_id, Record()))
            self._write({name: asdict(record) for name, record in sorted(records.items())})
        return changed

    def _write(self, exercises: dict[str, Any]) -> None:
        text = json.dumps({"schema_version": SCHEMA_VERSION, "exercises": exercises}, indent=2) + "\n"
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".progress-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _unreadable(self, why: str) -> UsageError:
        return UsageError(
            f"The progress file {self.path} cannot be read.",
            code="progress-unreadable",
            detail=f"{why} Nothing was changed.",
            actions=[f"mv {self.path} {self.path}.old   # begins anew and keeps the old file"],
        )
