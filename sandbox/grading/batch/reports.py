"""The tables and reports as files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sandbox.errors import UsageError
from sandbox.grading.batch import gradebook
from sandbox.state import write_atomic


def _json(document: Mapping[str, Any]) -> str:
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "backslashreplace").decode()


def _html(document: dict[str, Any]) -> str:
    from sandbox.grading.batch.page import page

    return page(document)


def _xml(document: dict[str, Any]) -> str:
    from sandbox.grading.batch.junit import junit_xml

    return junit_xml(document)


MAKERS: dict[str, Callable[[dict[str, Any]], str]] = {
    "results.csv": gradebook.table_csv,
    "checks.csv": gradebook.checks_csv,
    "results.json": _json,
    "junit.xml": _xml,
    "report.html": _html,
}
"""What a batch leaves in its folder of results."""
_BY_ENDING = {".html": _html, ".json": _json, ".xml": _xml, ".csv": gradebook.checks_csv}


def write_all(document: dict[str, Any], folder: Path) -> list[Path]:
    """Every table and report of a batch; the files."""
    made = []
    for name, maker in MAKERS.items():
        write_atomic(folder / name, maker(document))
        made.append(folder / name)
    return made


def check_report(path: Path) -> None:
    """UsageError when no report can have that name."""
    if path.suffix.lower() not in _BY_ENDING or not path.absolute().parent.is_dir():
        raise UsageError(
            f"There can be no report {path}.",
            code="bad-report",
            detail=f"Its name ends with one of {', '.join(_BY_ENDING)}, and its folder must be there.",
        )


def write_one(document: dict[str, Any], path: Path) -> None:
    """A report in the form that the file's ending says."""
    check_report(path)
    write_atomic(path, _BY_ENDING[path.suffix.lower()](document), 0o644)
