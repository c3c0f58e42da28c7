"""Makes ``docs/exercise-list.md``: services by parts, with the exercises that cover them."""

from __future__ import annotations

from pathlib import Path

from sandbox.grading.exercise import Exercise, find_all, load_checks
from sandbox.grading.model import PARTS
from sandbox.runtimes.native.registry import recipe

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "exercise-list.md"

# Why a service has no exercise for a part. A cell may be empty only with a reason.
REASONS: dict[tuple[str, str], str] = {
    ("database-choice", part): "a decision: nothing to " + part for part in PARTS
}

HEAD = """# All exercises

<!-- Made by `make docs` from the exercises themselves, not by hand. -->

Seven parts of the basic work with each service. A number leads to the task, as does `sandbox exercise show`.
"""


_TABLE = ("| exercise | part | level | minutes | points | answer |", "|---|---|---|---|---|---|")


def page() -> str:
    """The text of the page."""
    exercises, errors = find_all()
    if errors:
        raise SystemExit(f"{errors[0].title}\n{errors[0].detail}")
    points = sum(load_checks(e).points for e in exercises)
    services = list(dict.fromkeys(e.spec.service for e in exercises))
    lines = [HEAD, f"{len(exercises)} exercises, {points} points.", ""]
    lines += ["| service | " + " | ".join(PARTS) + " |", "|---" * (len(PARTS) + 1) + "|"]
    for service in services:
        of = [e for e in exercises if e.spec.service == service]
        cells = [_cell(service, part, [e for e in of if e.spec.part == part]) for part in PARTS]
        lines.append(f"| [{service}](#{service}) | " + " | ".join(cells) + " |")
    lines += ["", "† skipped on the native engine, which lacks what it requires.", ""]
    for service in services:
        lines += [
            f"## {service}",
            "",
            "| exercise | part | level | minutes | points | |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_row(e) for e in exercises if e.spec.service == service]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def missing() -> list[tuple[str, str]]:
    """Services and parts that have neither an exercise nor a reason."""
    exercises, _ = find_all()
    covered = {(e.spec.service, e.spec.part) for e in exercises}
    services = {e.spec.service for e in exercises}
    return sorted((s, p) for s in services for p in PARTS if (s, p) not in covered and (s, p) not in REASONS)


def _cell(service: str, part: str, exercises: list[Exercise]) -> str:
    if not exercises:
        return REASONS.get((service, part), "**missing**")
    return ", ".join(f"[{_number(e)}]({_link(e)}){_mark(e)}" for e in exercises)


def _row(exercise: Exercise) -> str:
    spec = exercise.spec
    number, points = f"[{_number(exercise)}]({_link(exercise)})", load_checks(exercise).points
    lacks = f" Requires {', '.join(spec.requires)}." if spec.requires else ""
    title = spec.title.replace("|", r"\|") + "." * (bool(lacks)) + lacks
    cells = (f"{number} {title}{_mark(exercise)}", spec.part, spec.level, spec.minutes, points)
    return f"| {' | '.join(map(str, cells))} | `{spec.answer}` |"


def _number(exercise: Exercise) -> str:
    return exercise.folder.name[:2]


def _link(exercise: Exercise) -> str:
    return f"../exercises/{exercise.id}/README.md"


def _mark(exercise: Exercise) -> str:
    if exercise.spec.engine == "none":
        return ""
    return " †" if set(exercise.spec.requires) & recipe(exercise.spec.engine).lacks else ""
