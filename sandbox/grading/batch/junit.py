"""The class's table as JUnit XML: a test suite for each student, a test case for each check.

It keeps to what both common schemas of the format allow (Ant's and Jenkins'): a check that failed is a
failure, one that could not tell an error, one that was not run skipped; an answer that is not there is a
failure of the type ``no-answer``. Points are in the properties of the suite.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from sandbox.grading.batch import store
from sandbox.grading.batch.page import product

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAGS = {"failed": "failure", "unknown": "error", "skipped": "skipped"}


def junit_xml(document: dict[str, Any]) -> str:
    """The document of a gradebook as XML, with its declaration."""
    root = ElementTree.Element("testsuites")
    checks = {exercise["id"]: exercise["checks"] for exercise in document["exercises"]}
    for number, student in enumerate(document["students"]):
        root.append(_suite(number, student, checks, document))
    ElementTree.indent(root)
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _suite(
    number: int, student: dict[str, Any], checks: dict[str, Any], document: dict[str, Any]
) -> ElementTree.Element:
    cases = [case for entry in student["results"] for case in _cases(entry, checks[entry["exercise"]])]
    count = {tag: sum(case.find(tag) is not None for case in cases) for tag in _TAGS.values()}
    seconds = sum(entry["result"]["seconds"] for entry in student["results"] if entry["result"])
    suite = ElementTree.Element(
        "testsuite",
        {
            "name": _token(student["student"]),
            "package": "sandbox",
            "id": str(number),
            "timestamp": document["made_at"][:19],
            "hostname": "localhost",
            "tests": str(len(cases)),
            "failures": str(count["failure"]),
            "errors": str(count["error"]),
            "skipped": str(count["skipped"]),
            "time": f"{seconds:.3f}",
        },
    )
    properties = ElementTree.SubElement(suite, "properties")
    values = {
        "points": student["points"],
        "max_points": student["max_points"],
        "seed": document["seed"],
        "sandbox_version": document["sandbox_version"],
        **{f"points {entry['exercise']}": entry["points"] for entry in student["results"]},
        **{f"engine {e['engine']}": f"{product(e)} ({e['runtime']})" for e in document["engines"]},
    }
    for name, value in values.items():
        ElementTree.SubElement(properties, "property", {"name": name, "value": _text(str(value))})
    suite.extend(cases)
    said = [f"{u['file']}: not recognised: {u['why']}" for u in student["not_recognised"]]
    ElementTree.SubElement(suite, "system-out").text = _text("\n".join(said))
    ElementTree.SubElement(suite, "system-err")
    return suite


def _cases(entry: dict[str, Any], checks: list[dict[str, Any]]) -> Iterator[ElementTree.Element]:
    result = entry["result"]
    if result is None:
        kind = {store.NO_ANSWER: "no-answer", store.REFUSED: "refused"}.get(entry["state"])
        for check in checks:
            case = _case(entry["exercise"], check["sentence"], 0.0)
            tag = "failure" if kind else "error"
            said = {"message": _text(entry["message"] or "There is no answer."), "type": kind or "not-graded"}
            ElementTree.SubElement(case, tag, said)
            yield case
        return
    each = result["seconds"] / max(len(result["checks"]), 1)
    for check in result["checks"]:
        case = _case(entry["exercise"], check["sentence"], each)
        if tag := _TAGS.get(check["outcome"], ""):
            said = {"message": _text(check["message"] or check["outcome"])}
            if tag != "skipped":
                said["type"] = check["outcome"]
            ElementTree.SubElement(case, tag, said)
        yield case


def _case(exercise: str, sentence: str, seconds: float) -> ElementTree.Element:
    named = {"classname": exercise.replace("/", "."), "name": _token(sentence), "time": f"{seconds:.3f}"}
    return ElementTree.Element("testcase", named)


def _text(text: str) -> str:
    """A text with what no XML may hold left out, not even escaped."""
    return _FORBIDDEN.sub("\ufffd", text)


def _token(text: str) -> str:
    return " ".join(_text(text).split()) or "(no name)"
