"""How graded exercises look to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.grading.model import PARTS
from sandbox.output import table

if TYPE_CHECKING:
    from sandbox.grading.model import ExerciseResult
    from sandbox.grading.verify import Verified

_MARKS = {
    "passed": ("green", "+"),
    "failed": ("red", "-"),
    "unknown": ("yellow", "?"),
    "skipped": ("dim", "o"),
}


def graded(result: ExerciseResult, most_lines: int | None = None) -> list[Any]:
    """What the answer printed, then each check, then the sum: texts and rich renderables."""
    from rich.text import Text

    from sandbox.clients.render import harmless

    shown: list[Any] = []
    lines = harmless(result.output.rstrip("\n")).split("\n") if result.output else []
    if most_lines is not None and len(lines) > most_lines:
        lines = [*lines[:most_lines], f"... {len(lines) - most_lines} more lines; --json has all"]
    if lines:
        shown.append("\n".join([*lines, ""]))
    if result.problem and result.problem not in result.output:
        shown.append(Text(harmless(result.problem), style="yellow"))
    if result.skipped:
        return [*shown, f"Skipped. {result.skipped}"]
    rows = []
    for check in result.checks:
        style, mark = _MARKS[str(check.outcome)]
        text = Text(check.sentence)
        if check.message:
            text.append(f"\n{harmless(check.message)}", style=style)
        rows.append(
            (Text(f"{mark} {check.outcome}", style=style), f"{check.points}/{check.max_points}", text)
        )
    shown.append(table(("CHECK", "POINTS", ""), rows, right=("POINTS",)))
    taken = f" ({result.penalty} less for {result.hints} hints)" if result.penalty else ""
    shown.append(f"{result.points} of {result.max_points} points{taken} in {result.seconds:.2f} s.")
    if "approximation" in result.facts:
        shown.append(f"Graded on an approximation: {result.facts['approximation']}")
    return shown


def standing(exercises: list[dict[str, Any]]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Columns and rows of a table, services by parts: how many are solved of how many there are."""

    def of(service: str, part: str) -> str:
        found = [e for e in exercises if e["service"] == service and e["part"] == part]
        return f"{sum(e['state'] == 'solved' for e in found)}/{len(found)}" if found else "-"

    services = dict.fromkeys(e["service"] for e in exercises)
    return (
        ("SERVICE", *(part.upper() for part in PARTS)),
        [(service, *(of(service, part) for part in PARTS)) for service in services],
    )


def verdict(found: Verified) -> str:
    """What verifying an exercise found, in a few words."""
    if not found.ok:
        return "not in order"
    return f"skipped: {found.skipped}" if found.skipped else "ok"
