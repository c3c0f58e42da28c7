"""What of a batch needs no engine: what is graded again, what is kept, and how it is told."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from junitparser import JUnitXml

from sandbox import config
from sandbox.errors import EnvironmentRefusedError, SandboxError, UsageError
from sandbox.grading.batch import gradebook, page, run, store
from sandbox.grading.batch.crew import Unit, further
from sandbox.grading.batch.junit import junit_xml
from sandbox.grading.batch.reports import MAKERS, write_all, write_one
from sandbox.grading.batch.submissions import Answer
from sandbox.grading.exercise import Exercise, find_all, load_checks

FIRST = "01-create-insert-query"
RDS, CACHE = f"rds-postgresql/{FIRST}", f"elasticache/{FIRST}"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}"


@pytest.fixture
def exercises(tmp_path: Path) -> list[Exercise]:
    root = tmp_path / "exercises"
    for name in (RDS, CACHE):
        shutil.copytree(config.resources("exercises") / name, root / name)
    found, errors = find_all(root)
    assert not errors
    return found


class Marker:
    """Grades by what an answer says: a word for each check, or ``refuse`` as an engine that does."""

    def __init__(self) -> None:
        self.graded: list[tuple[str, str]] = []
        self.stop_after: int | None = None

    def __call__(self, units: Sequence[Unit], exercises: Mapping[str, Exercise], done: run.Done) -> None:
        for unit in units:
            if self.stop_after is not None and len(self.graded) >= self.stop_after:
                raise KeyboardInterrupt
            self.graded.append((unit.student, unit.exercise))
            done(unit, self.result(unit, exercises[unit.exercise]))

    def result(self, unit: Unit, exercise: Exercise) -> dict[str, Any] | SandboxError:
        words = unit.answer.content.decode().split("\n", 1)
        said = (words[0].split() * 20)[:20]
        if said[0] == "refuse":
            return EnvironmentRefusedError("The engine is gone.", code="engine-refused")
        checks = []
        for check, outcome in zip(load_checks(exercise).checks, said, strict=False):
            asked = 0 if outcome == "unknown" else check.points
            got = check.points if outcome == "passed" else 0
            message = "" if outcome == "passed" else words[-1] + "\x1b[31m"
            checks.append(
                {
                    "id": check.id,
                    "sentence": check.sentence,
                    "outcome": outcome,
                    "points": got,
                    "max_points": asked,
                    "message": message,
                }
            )
        return {
            "exercise": exercise.id,
            "points": sum(c["points"] for c in checks),
            "max_points": sum(c["max_points"] for c in checks),
            "seconds": 0.25,
            "checks": checks,
            "passed": all(c["outcome"] == "passed" for c in checks),
            "problem": "",
            "output": words[-1] + "\x00\x1b[31m\ud800",
            "skipped": "It requires streams." if said[0] == "skipped" else "",
            "facts": {"engine": exercise.spec.engine, "engine_version": "1", "product": "Engine",
                      "runtime": "native", "dataset_hash": "d", "isolation": "user", "seed": unit.seed},
        }  # fmt: skip


@pytest.fixture
def marker() -> Marker:
    return Marker()


Go = Callable[..., run.Batch]


@pytest.fixture
def go(tmp_path: Path, exercises: list[Exercise], marker: Marker) -> Go:
    (tmp_path / "class").mkdir()

    def batch(chosen: Sequence[Exercise] | None = None, **wish: Any) -> run.Batch:
        marker.graded.clear()
        asked = run.Wish(tmp_path / "class", tmp_path / "results", seed=7)
        return run.run(replace(asked, **wish), chosen or exercises, exercises, marker)

    return batch


@pytest.fixture
def hand_in(tmp_path: Path) -> Callable[[str, str, str], None]:
    def put(student: str, exercise: str, text: str) -> None:
        folder = tmp_path / "class" / student / exercise
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "answer.py").write_text(text)

    return put


HandIn = Callable[[str, str, str], None]


def of(document: dict[str, Any], student: str) -> dict[str, Any]:
    (found,) = [one for one in document["students"] if one["student"] == student]
    return dict(found)


def test_a_second_run_grades_only_what_is_new_or_changed(go: Go, hand_in: HandIn, marker: Marker) -> None:
    hand_in("ada", RDS, "passed")
    hand_in("bob", RDS, "failed")
    assert (go().graded, len(marker.graded)) == (2, 2)
    assert (go().kept, marker.graded) == (2, [])
    hand_in("bob", RDS, "passed")
    hand_in("bob", CACHE, "failed")
    go()
    assert sorted(marker.graded) == [("bob", CACHE), ("bob", RDS)]
    go(again=True)
    assert len(marker.graded) == 3


def test_a_changed_exercise_and_another_seed_are_graded_again(
    go: Go, hand_in: HandIn, marker: Marker, exercises: list[Exercise]
) -> None:
    hand_in("ada", RDS, "passed")
    hand_in("ada", CACHE, "passed")
    go()
    readme = next(e for e in exercises if e.id == RDS).readme
    readme.write_text(readme.read_text() + "More.\n")
    go()
    assert marker.graded == [("ada", RDS)]
    go(seed=8)
    assert len(marker.graded) == 2


def test_what_could_not_be_told_or_graded_is_tried_again(go: Go, hand_in: HandIn, marker: Marker) -> None:
    hand_in("ada", RDS, "unknown passed")
    hand_in("bob", RDS, "refuse")
    batch = go()
    with pytest.raises(EnvironmentRefusedError) as caught:
        run.demand(batch)
    assert caught.value.code == "not-all-graded"
    go()
    assert sorted(marker.graded) == [("ada", RDS), ("bob", RDS)]


def test_an_engine_that_is_gone_for_good_ends_the_batch(go: Go, hand_in: HandIn, marker: Marker) -> None:
    for number in range(9):
        hand_in(f"student{number}", RDS, "refuse")
    with pytest.raises(EnvironmentRefusedError, match="gone"):
        go()
    assert len(marker.graded) == run.MOST_ERRORS


def test_what_was_graded_before_an_interruption_is_kept(go: Go, hand_in: HandIn, marker: Marker) -> None:
    for name in ("ada", "bob", "cy"):
        hand_in(name, RDS, "passed")
    marker.stop_after = 2
    with pytest.raises(KeyboardInterrupt):
        go()
    marker.stop_after = None
    batch = go()
    assert (batch.kept, marker.graded) == (2, [("cy", RDS)])


def test_no_answer_is_nothing_of_all_points_and_told_apart_from_a_failed_one(
    go: Go, hand_in: HandIn, tmp_path: Path
) -> None:
    hand_in("ada", RDS, "failed")
    (tmp_path / "class" / "bob").mkdir()
    document = gradebook.of_batch(go())
    ada, bob = of(document, "ada"), of(document, "bob")
    assert ada["points"] == bob["points"] == 0
    assert ada["max_points"] == bob["max_points"] == sum(e["points"] for e in document["exercises"])
    assert ada["states"] == {"graded": 1, "no answer": 1}
    assert bob["states"] == {"no answer": 2}


def test_what_cannot_be_told_or_is_skipped_is_not_asked_for(go: Go, hand_in: HandIn) -> None:
    hand_in("ada", RDS, "unknown passed")
    hand_in("ada", CACHE, "skipped")
    document = gradebook.of_batch(go())
    ada = of(document, "ada")
    points = [c["points"] for e in document["exercises"] if e["id"] == RDS for c in e["checks"]]
    assert ada["points"] == ada["max_points"] == sum(points[1::2])
    assert ada["unknown"] == len(points[::2])


def test_each_student_may_have_a_seed_that_does_not_hang_on_the_others(go: Go, hand_in: HandIn) -> None:
    hand_in("ada", RDS, "passed")
    hand_in("bob", RDS, "passed")

    def seeds(**wish: Any) -> dict[str, int]:
        document = gradebook.of_batch(go(**wish))
        return {s["student"]: s["results"][1]["seed"] for s in document["students"]}

    assert seeds() == {"ada": 7, "bob": 7}
    first = seeds(seed_per_student=True)
    assert first["ada"] != first["bob"]
    hand_in("aaron", RDS, "passed")
    assert {k: v for k, v in seeds(seed_per_student=True).items() if k != "aaron"} == first


def test_a_class_without_a_seed_gets_one_that_stays(go: Go, hand_in: HandIn, marker: Marker) -> None:
    hand_in("ada", RDS, "passed")
    first = go(seed=None).seed
    assert go(seed=None).seed == first
    assert marker.graded == []


def test_files_of_students_never_meet_and_stay_in_the_folder() -> None:
    names = ["ada", "Ada", "ADA", "a/../b", "..", ".", "", "李", "李 ", "x" * 300, "con", "ada-0123456789"]
    made = [store.file_name(name) for name in names]
    assert len({name.casefold() for name in made}) == len(names)
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9_.-]*\.json", name) and len(name) < 80 for name in made)


def test_the_folder_of_results_is_closed_to_others(go: Go, hand_in: HandIn, tmp_path: Path) -> None:
    hand_in("ada", RDS, "passed")
    batch = go()
    write_all(gradebook.of_batch(batch), batch.wish.results)
    assert (tmp_path / "results").stat().st_mode & 0o777 == 0o700
    assert {p.name for p in (tmp_path / "results").iterdir()} == {*MAKERS, "students", "batch.json", "lock"}


def test_a_folder_of_something_else_is_not_written_into(go: Go, hand_in: HandIn, tmp_path: Path) -> None:
    hand_in("ada", RDS, "passed")
    for results in (tmp_path / "exercises", tmp_path / "class"):
        with pytest.raises(UsageError) as caught:
            go(results=results)
        assert caught.value.code == "results-folder"
        assert not (results / "batch.json").exists()


def test_results_may_lie_within_the_submissions(go: Go, hand_in: HandIn, tmp_path: Path) -> None:
    hand_in("ada", RDS, "passed")
    results = tmp_path / "class" / "results"
    for _ in range(2):
        batch = go(results=results)
        assert [s.name for s in batch.submissions.students] == ["ada"]


def test_two_batches_do_not_write_to_one_folder(go: Go, hand_in: HandIn, tmp_path: Path) -> None:
    hand_in("ada", RDS, "passed")
    with store.Store(tmp_path / "results").opened():
        (tmp_path / "results" / "batch.json").write_text('{"schema_version": 1}')
        with pytest.raises(UsageError) as caught:
            go()
    assert caught.value.code == "results-busy"


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"schema_version": 99}', '{"schema_version": 1, "student": "x"}']
)
def test_a_damaged_result_file_is_named_and_left_alone(
    go: Go, hand_in: HandIn, tmp_path: Path, text: str
) -> None:
    hand_in("ada", RDS, "passed")
    go()
    path = tmp_path / "results" / "students" / "ada.json"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        go()
    assert caught.value.code == "results-unreadable"
    assert str(path) in caught.value.title
    assert path.read_text() == text


def test_a_student_who_has_gone_is_not_in_the_table_and_is_told(
    go: Go, hand_in: HandIn, tmp_path: Path
) -> None:
    hand_in("ada", RDS, "passed")
    hand_in("bob", RDS, "passed")
    go()
    shutil.rmtree(tmp_path / "class" / "bob")
    document = gradebook.of_batch(go())
    assert [s["student"] for s in document["students"]] == ["ada"]
    assert document["left_over"] == ["bob.json"]


# -- tables and reports ----------------------------------------------------------------------------------


@pytest.fixture
def hostile(go: Go, hand_in: HandIn, tmp_path: Path) -> dict[str, Any]:
    """A class whose names, files and outputs try everything."""
    name = HOSTILE.replace("/", "∕")
    hand_in(name, RDS, f"failed passed unknown skipped\n{HOSTILE}")
    hand_in("=HYPERLINK(1)", CACHE, "passed")
    hand_in("ada", RDS, "refuse")
    (tmp_path / "class" / "ada" / "<b>notes.txt").write_text("x")
    return gradebook.of_batch(go())


def test_the_table_has_a_row_for_each_student_and_no_formulas(hostile: dict[str, Any]) -> None:
    rows = list(csv.DictReader(io.StringIO(gradebook.table_csv(hostile))))
    names = [row["student"] for row in rows]
    assert "'=HYPERLINK(1)" in names
    assert len(rows) == 3
    formula = rows[names.index("'=HYPERLINK(1)")]
    points = next(e["points"] for e in hostile["exercises"] if e["id"] == CACHE)
    assert (formula[CACHE], formula["total"], formula["no_answer"]) == (str(points), str(points), RDS)
    ada = rows[names.index("ada")]
    assert (ada["total"], ada["error"], ada["no_answer"]) == ("0", RDS, CACHE)


def test_the_long_table_has_a_row_for_each_check(hostile: dict[str, Any]) -> None:
    rows = list(csv.DictReader(io.StringIO(gradebook.checks_csv(hostile))))
    outcomes = {r["outcome"] for r in rows if r["exercise"] == RDS and r["state"] == "graded"}
    assert outcomes == {"failed", "passed", "unknown", "skipped"}
    assert {r["state"] for r in rows} == {"graded", "no answer", "error"}


def test_junit_is_what_both_common_schemas_take(hostile: dict[str, Any]) -> None:
    root = ElementTree.fromstring(junit_xml(hostile))
    assert (root.tag, root.attrib) == ("testsuites", {})
    needed = {
        "name",
        "package",
        "id",
        "timestamp",
        "hostname",
        "tests",
        "failures",
        "errors",
        "skipped",
        "time",
    }
    for number, suite in enumerate(root):
        assert (suite.tag, set(suite.attrib), suite.get("id")) == ("testsuite", needed, str(number))
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp", ""))
        tags = [part.tag for part in suite]
        cases = suite.findall("testcase")
        assert tags == ["properties", *["testcase"] * len(cases), "system-out", "system-err"]
        assert suite.get("tests") == str(len(cases))
        for word, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert suite.get(word) == str(len(suite.findall(f"testcase/{tag}")))
        for case in cases:
            assert set(case.attrib) == {"classname", "name", "time"}
            assert len(case) <= 1
            for end in case:
                assert end.tag in ("failure", "error", "skipped")
                assert set(end.attrib) == ({"message"} if end.tag == "skipped" else {"message", "type"})
    kinds = {end.get("type") for end in root.iterfind("testsuite/testcase/*")}
    assert kinds == {"failed", "unknown", None, "no-answer", "not-graded"}


def test_junit_is_read_by_the_library_that_others_read_it_with(
    hostile: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "junit.xml").write_text(junit_xml(hostile), encoding="utf-8")
    suites = list(JUnitXml.fromfile(str(tmp_path / "junit.xml")))
    assert [s.name for s in suites] == [s["student"] for s in hostile["students"]]


def test_nothing_hostile_becomes_part_of_the_page(hostile: dict[str, Any]) -> None:
    html = page.page(hostile)
    assert "<script" not in html
    assert "<img" not in html
    assert "49" not in re.findall(r"<bdi>(.*?)</bdi>", html)
    assert "&lt;script&gt;alert(1)" in html
    assert "<b>notes" not in html
    assert "\x1b" not in html
    assert "\x00" not in html


def test_the_page_names_nothing_outside_itself(hostile: dict[str, Any]) -> None:
    html = page.page(hostile)
    assert set(re.findall(r"https?://[^\"'<) ]+", html)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"(src|href)=\"(?!#)", html)
    assert "url(" not in html
    assert "@import" not in html


def test_the_page_tells_of_everything_the_teacher_must_know(hostile: dict[str, Any]) -> None:
    html = page.page(hostile)
    for text in (
        "? cannot tell",
        "No answer:",
        "not graded yet",
        "Not recognised",
        "isolation user",
        "seed 7",
    ):
        assert text in html, text
    for exercise in hostile["exercises"]:
        assert exercise["hash"][:16] in html
    assert html.count('role="img"') == 1 + len(hostile["exercises"])


def test_the_bars_of_the_chart_are_the_students(go: Go) -> None:
    chart = page.histogram([0.0, 0.05, 0.5, 1.0])
    assert chart is not None
    assert [bar["count"] for bar in chart["bars"]] == [2, 0, 0, 0, 0, 1, 0, 0, 0, 1]
    assert page.histogram([]) is None


def test_a_report_is_written_by_its_ending_and_no_other(hostile: dict[str, Any], tmp_path: Path) -> None:
    for name in ("a.html", "a.json", "a.xml", "a.CSV"):
        write_one(hostile, tmp_path / name)
        assert (tmp_path / name).read_text(encoding="utf-8")
    assert json.loads((tmp_path / "a.json").read_text())["schema_version"] == 1
    for bad in (tmp_path / "a.pdf", tmp_path / "a", tmp_path / "none" / "a.html"):
        with pytest.raises(UsageError) as caught:
            write_one(hostile, bad)
        assert caught.value.code == "bad-report"


# -- lanes -----------------------------------------------------------------------------------------------


def units(**counts: int) -> list[Unit]:
    answer = Answer("x", "x", ".sql")
    return [
        Unit(f"s{n}", "x", "h", tuple(engines.split("_")), answer, 1)
        for engines, many in counts.items()
        for n in range(many)
    ]


@pytest.mark.parametrize(
    ("work", "jobs", "sandboxes"),
    [
        ({"redis": 10, "postgres": 10}, 2, []),
        ({"redis": 10, "postgres": 10}, 1, []),
        ({"redis": 10, "postgres": 4}, 3, [{"redis"}]),
        ({"redis": 10, "postgres": 10}, 4, [{"redis", "postgres"}]),
        ({"redis": 30, "postgres": 4}, 5, [{"redis"}, {"redis"}, {"redis"}]),
        ({"redis": 1}, 8, []),
        ({"redis": 10, "redis_postgres": 10}, 3, [{"redis", "postgres"}]),
        ({}, 4, []),
    ],
)
def test_more_jobs_than_lanes_bring_further_sandboxes_for_the_engines_with_most_work(
    work: dict[str, int], jobs: int, sandboxes: list[set[str]]
) -> None:
    assert further(units(**work), jobs) == sandboxes
