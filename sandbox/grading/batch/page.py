"""The class's report as one HTML file: no script, no address of anything outside, charts as inline SVG.

Names of students, their files' names and what their answers printed are hostile: everything goes through the
template's escaping, and a policy in the page forbids scripts and requests in any case.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from sandbox.grading.batch import store
from sandbox.grading.batch.gradebook import share

MOST_OUTPUT = 2_000
MOST_MESSAGE = 600
BINS = 10

_WORDS = {
    store.NO_ANSWER: "no answer",
    store.REFUSED: "cannot be graded",
    store.SKIPPED: "skipped",
    store.ERROR: "not graded yet",
}


def page(document: Mapping[str, Any]) -> str:
    """The report of a gradebook's document."""
    students = [_student(number, one) for number, one in enumerate(document["students"], 1)]
    shares = [s for one in document["students"] if (s := share(one["points"], one["max_points"])) is not None]
    text: str = _template().render(
        doc=document,
        students=students,
        exercises=[_exercise(number, one) for number, one in enumerate(document["exercises"], 1)],
        chart=histogram(shares),
        one=len(students) == 1 and len(document["exercises"]) == 1,
    )
    return text.encode("utf-8", "backslashreplace").decode()


@cache
def _template() -> Any:
    import jinja2

    folder = Path(__file__).with_name("templates")
    # Escaping is on for every file, whatever its ending.
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    environment.filters["seconds"] = lambda value: "" if value is None else f"{value:.2f} s"
    environment.filters["shown"] = shown
    environment.filters["cut"] = cut
    environment.filters["code"] = code
    environment.globals["product"] = product
    return environment.get_template("report.html.j2")


def percent(value: float | None) -> str:
    """``83 %``; a dash for nothing."""
    return "–" if value is None else f"{100 * value:.0f} %"


def cut(text: str, most: int = MOST_MESSAGE) -> str:
    """The beginning of a long text, and how much is left out."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most:,} more characters)"


def shown(text: str) -> str:
    """A text whose control characters can be seen, as the commands show it."""
    from sandbox.clients.render import harmless

    return harmless(text)


def code(sentence: str) -> Any:
    """A sentence with what stands between backticks as code; escaped."""
    from markupsafe import Markup, escape

    parts = sentence.split("`")
    if len(parts) % 2 == 0:
        return escape(sentence)
    made = [Markup("<code>{}</code>").format(p) if n % 2 else escape(p) for n, p in enumerate(parts)]
    return Markup("").join(made)


def product(facts: Mapping[str, Any]) -> str:
    """``Valkey 9.1.2``: product and version, the version once."""
    name, version = str(facts.get("product", "")), str(facts.get("engine_version", ""))
    first, _, last = name.rpartition(" ")
    return f"{first if first and version.startswith(last) else name} {version}".strip()


def histogram(shares: Sequence[float], bins: int = BINS) -> dict[str, Any] | None:
    """The bars of a distribution of shares from 0 to 1: ``{bars: [{x, y, width, height, count, label}],
    mean, median, width, height, top}`` in the SVG's own units; None of nothing."""
    if not shares:
        return None
    counts = [0] * bins
    for value in shares:
        counts[min(int(value * bins), bins - 1)] += 1
    most, wide, high = max(counts), 60, 160
    bars = []
    for number, count in enumerate(counts):
        height = round(high * count / most, 1)
        label = f"{100 * number // bins}–{100 * (number + 1) // bins} %"
        bars.append(
            {
                "x": number * wide + 6,
                "y": round(high - height + 20, 1),
                "width": wide - 12,
                "height": height,
                "middle": number * wide + wide / 2,
                "count": count,
                "label": label,
            }
        )
    width = bins * wide
    return {
        "bars": bars,
        "width": width,
        "height": high,
        "mean": round(statistics.fmean(shares) * width, 1),
        "median": round(statistics.median(shares) * width, 1),
        "count": len(shares),
    }


def _exercise(number: int, one: Mapping[str, Any]) -> dict[str, Any]:
    """An exercise with the parts of its bar: how many students of each kind, as shares of all."""
    partly = one["graded"] - one["full"]
    parts = [
        ("full points", "full", one["full"]),
        ("less", "part", partly),
        ("no answer", "none", one["no_answer"]),
        ("not graded", "other", one["other"]),
    ]
    everyone = sum(count for _, _, count in parts) or 1
    bars, at = [], 0.0
    for word, kind, count in parts:
        width = 100 * count / everyone
        bars.append({"word": word, "kind": kind, "count": count, "x": round(at, 3), "width": round(width, 3)})
        at += width
    lost = [c for c in one["checks"] if c["failed"] or c["skipped"]]
    hardest = max(lost, key=lambda c: (c["failed"], c["skipped"]), default=None)
    return {**one, "anchor": f"exercise-{number}", "number": number, "bars": bars, "hardest": hardest}


def _student(number: int, one: Mapping[str, Any]) -> dict[str, Any]:
    entries = [{**entry, **_judged(entry)} for entry in one["results"]]
    return {
        **one,
        "anchor": f"student-{number}",
        "share": share(one["points"], one["max_points"]),
        "results": entries,
    }


def _judged(entry: Mapping[str, Any]) -> dict[str, Any]:
    """How an entry looks: ``kind`` (a class of the style), ``word``, the number of its checks of which we
    cannot tell, and its result with a long output cut."""
    result = entry["result"]
    if entry["state"] != store.GRADED or not result:
        kind = {store.NO_ANSWER: "none", store.REFUSED: "zero"}.get(entry["state"], "other")
        return {"kind": kind, "word": _WORDS[entry["state"]], "unknown": 0}
    unknown = sum(check["outcome"] == "unknown" for check in result["checks"])
    points, of = entry["points"], entry["max_points"]
    if result["passed"]:
        kind, word = "full", "full points"
    elif not of:
        kind, word = "other", "cannot tell"
    else:
        kind = "zero" if not points else "part" if points < of else "other"
        word = "no points" if not points else "some points" if points < of else "all that could be told"
    return {"kind": kind, "word": word, "unknown": unknown}
