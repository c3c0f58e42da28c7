"""The class's table: one document from which CSV, JSON, JUnit and the page are made.

``{schema_version, made_at, sandbox_version, source, seed, seed_per_student, seconds, totals, engines[],
exercises[], students[], not_recognised[]}``; see the functions below for the parts.
"""

from __future__ import annotations

import csv
import io
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.grading import report
from sandbox.grading.batch import store
from sandbox.grading.batch.run import Batch
from sandbox.grading.exercise import Exercise, folder_hash, load_checks
from sandbox.grading.model import ExerciseResult

SCHEMA_VERSION = 1
Document = dict[str, Any]


def of_batch(batch: Batch) -> Document:
    """The document of a batch."""
    students = []
    for student in batch.submissions.students:
        kept = batch.store.student(student.name)
        entries = {e.id: kept["exercises"][e.id] for e in batch.exercises}
        found = {
            "student": student.name,
            "file": f"students/{store.file_name(student.name)}",
            **_sum(entries.values()),
            "results": [{"exercise": name, **entry} for name, entry in entries.items()],
            "not_recognised": kept["not_recognised"],
            "ignored": kept["ignored"],
        }
        batch.store.complete(student.name, **{k: found[k] for k in ("points", "max_points")})
        students.append(found)
    return {
        **_document(batch.exercises, students, batch.seed, seconds=batch.seconds),
        "source": batch.submissions.source,
        "seed_per_student": batch.wish.seed_per_student,
        "not_recognised": [{"file": file, "why": why} for file, why in batch.submissions.not_recognised],
        "left_over": list(batch.left_over),
    }


def of_one(exercise: Exercise, result: ExerciseResult, who: str) -> Document:
    """The document of one person's one attempt."""
    found = report.result_json(result)
    base = {
        "file": "",
        "suffix": "",
        "answer_sha256": result.facts.get("answer_sha256", ""),
        "exercise_hash": result.facts.get("exercise_hash", ""),
        "seed": result.facts.get("seed", 0),
        "points": 0,
        "max_points": 0,
    }
    entry = {"exercise": exercise.id, **store.graded(base, found)}
    student = {
        "student": who,
        "file": "",
        **_sum([entry]),
        "results": [entry],
        "not_recognised": [],
        "ignored": [],
    }
    return {
        **_document([exercise], [student], base["seed"], seconds=result.seconds),
        "source": "",
        "seed_per_student": False,
        "not_recognised": [],
        "left_over": [],
    }


def _document(exercises: Sequence[Exercise], students: list[Document], seed: int, seconds: float) -> Document:
    from sandbox import __version__

    return {
        "schema_version": SCHEMA_VERSION,
        "made_at": store.now(),
        "sandbox_version": __version__,
        "seed": seed,
        "seconds": seconds,
        "totals": _totals(students),
        "engines": _engines(students),
        "exercises": [_exercise(e, number, students) for number, e in enumerate(exercises)],
        "students": students,
    }


def _sum(entries: Any) -> Document:
    entries = list(entries)
    states = Counter(entry["state"] for entry in entries)
    return {
        "points": sum(entry["points"] for entry in entries),
        "max_points": sum(entry["max_points"] for entry in entries),
        "answered": len(entries) - states[store.NO_ANSWER],
        "states": {state: states[state] for state in sorted(states)},
        "unknown": sum(_unknown(entry) for entry in entries),
    }


def _unknown(entry: Mapping[str, Any]) -> int:
    """How many checks of an entry could not tell."""
    checks = entry["result"]["checks"] if entry["result"] else []
    return sum(check["outcome"] == "unknown" for check in checks)


def share(points: int, of: int) -> float | None:
    """Points as a share from 0 to 1; None of nothing."""
    return points / of if of else None


def _totals(students: Sequence[Document]) -> Document:
    shares = [s for one in students if (s := share(one["points"], one["max_points"])) is not None]
    states = Counter(entry["state"] for one in students for entry in one["results"])
    return {
        "students": len(students),
        "mean": round(statistics.fmean(shares), 4) if shares else None,
        "median": round(statistics.median(shares), 4) if shares else None,
        "states": {state: states[state] for state in sorted(states)},
        "unknown_checks": sum(one["unknown"] for one in students),
        "seconds": round(
            sum(e["result"]["seconds"] for one in students for e in one["results"] if e["result"]), 3
        ),
    }


def _engines(students: Sequence[Document]) -> list[Document]:
    """Every engine that results rest on, once for each version, dataset and isolation."""
    keys = ("engine", "product", "engine_version", "runtime", "dataset_hash", "isolation", "approximation")
    found: Counter[tuple[str, ...]] = Counter()
    for one in students:
        for entry in one["results"]:
            if entry["result"]:
                facts = entry["result"]["facts"]
                found[tuple(str(facts.get(key, "")) for key in keys)] += 1
    return [
        {**dict(zip(keys, found_key, strict=True)), "answers": found[found_key]}
        for found_key in sorted(found)
    ]


def _exercise(exercise: Exercise, number: int, students: Sequence[Document]) -> Document:
    """One exercise: what it is, its checks, and how the class did. ``mean`` is the mean share of points of
    those who answered; ``checks[].passed`` and so on count students."""
    entries = [one["results"][number] for one in students]
    results = [entry["result"] for entry in entries if entry["state"] == store.GRADED]
    shares = [s for r in results if (s := share(r["points"], r["max_points"])) is not None]
    outcomes: dict[str, Counter[str]] = {}
    for result in results:
        for check in result["checks"]:
            outcomes.setdefault(check["id"], Counter())[check["outcome"]] += 1
    seconds = [r["seconds"] for r in results]
    spec = exercise.spec
    return {
        "id": exercise.id,
        "title": spec.title,
        "service": spec.service,
        "engine": spec.engine,
        "part": spec.part,
        "level": spec.level,
        "points": load_checks(exercise).points,
        "hash": folder_hash(exercise.folder),
        "full": sum(r["passed"] for r in results),
        "graded": len(results),
        "no_answer": sum(entry["state"] == store.NO_ANSWER for entry in entries),
        "other": sum(entry["state"] not in (store.GRADED, store.NO_ANSWER) for entry in entries),
        "mean": round(statistics.fmean(shares), 4) if shares else None,
        "seconds": round(statistics.median(seconds), 3) if seconds else None,
        "checks": [
            {
                "id": check.id,
                "sentence": check.sentence,
                "points": check.points,
                **{
                    word: outcomes.get(check.id, Counter())[word]
                    for word in ("passed", "failed", "skipped", "unknown")
                },
            }
            for check in load_checks(exercise).checks
        ],
    }


# -- CSV -------------------------------------------------------------------------------------------------


def cell(text: str) -> str:
    """A text for a spreadsheet: one that it would take for a formula gets an apostrophe before it."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def table_csv(document: Document) -> str:
    """One row a student: points by exercise, the total and of how many; then the exercises without an
    answer, those that could not be graded, and those with a check that could not tell."""
    exercises = [exercise["id"] for exercise in document["exercises"]]
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    extra = ("total", "of", "percent", "no_answer", "refused", "skipped", "error", "cannot_tell")
    writer.writerow(["student", *exercises, *extra])
    for one in document["students"]:
        entries = {entry["exercise"]: entry for entry in one["results"]}
        part = share(one["points"], one["max_points"])
        writer.writerow(
            [
                cell(one["student"]),
                *(entries[name]["points"] for name in exercises),
                one["points"],
                one["max_points"],
                "" if part is None else f"{100 * part:.1f}",
                *(
                    " ".join(name for name in exercises if entries[name]["state"] == state)
                    for state in (store.NO_ANSWER, store.REFUSED, store.SKIPPED, store.ERROR)
                ),
                " ".join(name for name in exercises if _unknown(entries[name])),
            ]
        )
    return _encodable(lines.getvalue())


def checks_csv(document: Document) -> str:
    """One row for each student, exercise and check."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(["student", "exercise", "state", "check", "outcome", "points", "of", "message"])
    for one in document["students"]:
        for entry in one["results"]:
            who = [cell(one["student"]), entry["exercise"], entry["state"]]
            if not entry["result"]:
                writer.writerow([*who, "", "", entry["points"], entry["max_points"], cell(entry["message"])])
                continue
            for check in entry["result"]["checks"]:
                sums = [check["points"], check["max_points"]] if entry["max_points"] else [0, 0]
                writer.writerow([*who, check["id"], check["outcome"], *sums, cell(check["message"])])
    return _encodable(lines.getvalue())


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
