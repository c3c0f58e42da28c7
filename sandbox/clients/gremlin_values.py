"""Values of Gremlin: as its console prints them, as plain Python, as literals of the language."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sandbox.clients.base import StatementError


def _kind(value: Any) -> str:
    """What of gremlin_python's classes a value is, without importing them."""
    if type(value).__module__.startswith("gremlin_python"):
        return type(value).__name__
    return ""


def shown(value: Any) -> str:
    """One value as the Gremlin console prints it after ``==>``."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case datetime():
            return _moment(value)
        case Mapping():
            return (
                "[" + ",".join(f"{shown(key)}:{shown(item)}" for key, item in value.items()) + "]"
                if value
                else "[:]"
            )
        case list() | tuple() | set() | frozenset():
            return "[" + ",".join(map(shown, value)) + "]"
    match _kind(value):
        case "Path":
            return shown(list(value.objects))
        case "T" | "Direction" | "Order" | "Pop" | "Merge" | "Cardinality":
            return str(value.name).rstrip("_")
        case "Vertex":
            return f"v[{shown(value.id)}]"
        case "Edge":
            ends = f"{shown(value.outV.id)}-{value.label}->{shown(value.inV.id)}"
            return f"e[{shown(value.id)}][{ends}]"
        case "VertexProperty":
            return f"vp[{value.key}->{shown(value.value)}]"
        case "Property":
            return f"p[{value.key}->{shown(value.value)}]"
    return str(value)


def entry_shown(value: Any) -> str:
    """The same for an entry of a map that stands alone: ``name=John``."""
    if isinstance(value, Mapping) and len(value) == 1:
        [(key, item)] = value.items()
        return f"{shown(key)}={shown(item)}"
    return shown(value)


def _moment(value: datetime) -> str:
    # As java.time.OffsetDateTime writes itself: seconds only where there are some, Z for UTC.
    seconds = value.isoformat(timespec="auto")[16:].split("+")[0].split("-")[0]
    offset = value.strftime("%z")
    shown_offset = "Z" if offset in ("+0000", "") else f"{offset[:3]}:{offset[3:5]}"
    return f"{value:%Y-%m-%dT%H:%M}{'' if seconds == ':00' else seconds}{shown_offset}"


def plain(value: Any) -> Any:
    """A value in plain Python, for programs: an element becomes a dict with ``id`` and ``label``."""
    match value:
        case Mapping():
            return {_key(key): plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in value]
    match _kind(value):
        case "Path":
            labels = [sorted(names) for names in value.labels]
            return {"labels": labels, "objects": plain(list(value.objects))}
        case "Vertex":
            return {"id": value.id, "label": value.label}
        case "Edge":
            return {"id": value.id, "label": value.label, "out": plain(value.outV), "in": plain(value.inV)}
        case "VertexProperty" | "Property":
            return {"key": value.key, "value": plain(value.value)}
        case "":
            return value
    return shown(value)


def _key(key: Any) -> Any:
    return key if isinstance(key, str | int | float) else shown(key)


def literal(value: Any) -> str:
    """A value as a literal of Gremlin. StatementError for one that has none."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value) if -(2**31) <= value < 2**31 else f"{value}L"
        case float():
            return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(repr(value), f"{value!r}D")
        case Decimal():
            return f"{value}M"
        case str():
            return (
                json.dumps(value, ensure_ascii=False).replace("$", "\\$")
                if "'" in value
                else f"'{_escaped(value)}'"
            )
        case datetime():
            return f"datetime('{value.astimezone(UTC).isoformat().replace('+00:00', 'Z')}')"
        case UUID():
            return f"UUID('{value}')"
        case Mapping():
            pairs = (f"({literal(key)}): {literal(item)}" for key, item in value.items())
            return f"[{', '.join(pairs)}]" if value else "[:]"
        case list() | tuple():
            return f"[{', '.join(map(literal, value))}]"
        case set() | frozenset():
            return f"{{{', '.join(map(literal, value))}}}"
    match _kind(value):
        case "T":
            return f"T.{shown(value)}"
        case "Direction":
            return f"Direction.{shown(value)}"
        case "Vertex" | "Edge":
            return literal(value.id)
        case "VertexProperty" | "Property":
            return literal(value.value)
    raise StatementError(f"{shown(value)} cannot be used in another statement.")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


def stands_for(value: Any) -> Callable[[bool], str]:
    """What replaces a variable of this value in a statement, as :func:`.gremlin_text.put_in` asks."""

    def text(as_traversal: bool) -> str:
        if as_traversal and _kind(value) == "Vertex":
            return f"__.V({literal(value.id)})"
        return literal(value)

    return text


def profile_shown(metrics: Mapping[str, Any]) -> str:
    """What ``profile()`` gives, as the console's table; times in milliseconds."""
    head = ("Step", "Count", "Traversers", "Time (ms)", "% Dur")
    rows = []
    for step, indent in _steps(metrics["metrics"]):
        counts = step.get("counts") or {}
        share = (step.get("annotations") or {}).get("percentDur")
        rows.append(
            (
                " " * indent + str(step["name"]),
                str(counts.get("elementCount", "-")),
                str(counts.get("traverserCount", "-")),
                _millis(step["dur"]),
                "" if share is None else f"{share:.2f}",
            )
        )
    rows.append((">TOTAL", "-", "-", _millis(metrics["dur"]), "-"))
    width = max(50, *(len(row[0]) for row in rows))

    def line(row: tuple[str, ...]) -> str:
        first = f"{row[0]:>{width}}" if row[0] == ">TOTAL" else f"{row[0]:<{width}}"
        return f"{first}  {row[1]:>10}  {row[2]:>10}  {row[3]:>12}  {row[4]:>7}".rstrip()

    return "\n".join(["Traversal Metrics", line(head), "=" * (width + 47), *map(line, rows)])


def _steps(metrics: list[Mapping[str, Any]], indent: int = 0) -> list[tuple[Mapping[str, Any], int]]:
    found = []
    for step in metrics:
        found.append((step, indent))
        found.extend(_steps(step.get("metrics") or [], indent + 2))
    return found


def _millis(duration: Any) -> str:
    # Nanoseconds in GraphBinary, which the driver hands on as they are.
    nanos = (
        duration / timedelta(microseconds=1) * 1000 if isinstance(duration, timedelta) else float(duration)
    )
    return f"{nanos / 1e6:.3f}"


def explain_shown(explanation: Mapping[str, Any]) -> str:
    """What ``explain()`` gives, as the console's table: the traversal before, in between and after."""
    rows = [("Original Traversal", "", shown_steps(explanation["original"]))]
    for step in explanation["intermediate"]:
        rows.append((step["strategy"], f"[{step['category'][0]}]", shown_steps(step["traversal"])))
    rows.append(("Final Traversal", "", shown_steps(explanation["final"])))
    width = max(len(row[0]) for row in rows)
    body = [f"{name:<{width}}  {category:<3}  {steps}" for name, category, steps in rows]
    return "\n".join(["Traversal Explanation", "=" * max(map(len, body)), *body])


def shown_steps(steps: Any) -> str:
    return "[" + ", ".join(map(str, steps)) + "]"
