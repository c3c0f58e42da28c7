"""What students hand in is read whatever its shape, and nothing in it can do harm or is lost."""

from __future__ import annotations

import io
import os
import shutil
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from sandbox import config
from sandbox.errors import UsageError
from sandbox.grading.batch import files
from sandbox.grading.batch.submissions import Names, Student, Submissions, read
from sandbox.grading.exercise import Exercise, find_all

FIRST = "01-create-insert-query"
RDS, CACHE, BOARD = f"rds-postgresql/{FIRST}", f"elasticache/{FIRST}", "elasticache/02-board"


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> list[Exercise]:
    """Three exercises: two of one name in two services, one of a name of its own."""
    root, shipped = tmp_path_factory.mktemp("exercises"), config.resources("exercises")
    for source, target in ((RDS, RDS), (CACHE, CACHE), (CACHE, BOARD)):
        shutil.copytree(shipped / source, root / target)
    found, errors = find_all(root)
    assert not errors
    return found


@pytest.fixture
def handed_in(tmp_path: Path) -> Path:
    folder = tmp_path / "class"
    folder.mkdir()
    return folder


def put(folder: Path, name: str, content: str | bytes = "select 1;") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def zipped(*members: tuple[str, bytes | str], **options: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", options.get("compression", zipfile.ZIP_DEFLATED)) as made:
        for name, content in members:
            made.writestr(name, content)
    return buffer.getvalue()


def only(found: Submissions) -> Student:
    (student,) = found.students
    return student


def answered(found: Submissions) -> dict[str, dict[str, str]]:
    return {s.name: {e: a.file for e, a in s.answers.items()} for s in found.students}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        (f"rds-postgresql/{FIRST}/answer.sql", [RDS]),
        (f"sandbox-work/rds-postgresql/{FIRST}/answer.sql", [RDS]),
        (f"My Work/deep/sandbox-work/RDS-PostgreSQL/{FIRST}/Answer.SQL", [RDS]),
        (f"rds-postgresql/{FIRST}.sql", [RDS]),
        (f"rds-postgresql-{FIRST}.sql", [RDS]),
        (f"rds_postgresql__{FIRST.replace('-', '_')}.sql", [RDS]),
        ("elasticache/01 create insert query.redis", [CACHE]),
        ("02-board.redis", [BOARD]),
        ("02-board/answer.redis", [BOARD]),
        ("week 3/02 Board.py", [BOARD]),
        ("other/02-board/answer.redis", [BOARD]),
        (f"{FIRST}.sql", [CACHE, RDS]),
        (f"{FIRST}/answer.sql", [CACHE, RDS]),
        ("answer.sql", None),
        ("notes.txt", None),
        ("neptune/02-board/answer.gremlin", None),
        ("neptune/02-board.gremlin", None),
        (f"rds-postgresql/{FIRST}/starter.sql", None),
        (f"rds-postgresql/{FIRST}/answer (1).sql", None),
    ],
)
def test_an_answer_is_known_by_its_path(known: list[Exercise], name: str, meant: list[str] | None) -> None:
    found = Names(known).exercise(name.split("/"))
    assert (sorted(found) if found else found) == meant


def test_a_folder_a_zip_and_a_zip_in_a_folder_give_the_same(known: list[Exercise], handed_in: Path) -> None:
    put(handed_in, f"ada/sandbox-work/{RDS}/answer.sql")
    put(handed_in, "bob.zip", zipped((f"sandbox-work/{RDS}/answer.sql", "select 1;")))
    put(handed_in, "eve/handed in.zip", zipped((f"{RDS}/answer.sql", "select 1;")))
    found = read(handed_in, known)
    assert [s.name for s in found.students] == ["ada", "bob", "eve"]
    assert len({s.answers[RDS].sha256 for s in found.students}) == 1
    assert {s.answers[RDS].content for s in found.students} == {b"select 1;"}


@pytest.mark.parametrize("wrapped", ["", "course/", "course/week 3/"])
def test_one_zip_of_all_students_is_taken_however_deep_they_lie(
    known: list[Exercise], tmp_path: Path, wrapped: str
) -> None:
    members = [
        (f"{wrapped}ada/{RDS}/answer.sql", "a"),
        (f"{wrapped}bob/02-board.redis", "b"),
        (f"{wrapped}cy.zip", zipped(("02-board.redis", "c"))),
        (f"{wrapped}dan/", ""),
        ("__MACOSX/ada/._answer.sql", "junk"),
    ]
    found = read(put(tmp_path, "all.zip", zipped(*members)), known)
    assert answered(found) == {
        "ada": {RDS: f"{RDS}/answer.sql"},
        "bob": {BOARD: "02-board.redis"},
        "cy": {BOARD: "cy.zip/02-board.redis"},
        "dan": {},
    }
    assert found.students[2].answers[BOARD].content == b"c"


def test_a_zip_of_one_student_only_is_that_student(known: list[Exercise], tmp_path: Path) -> None:
    found = read(put(tmp_path, "all.zip", zipped((f"ada/sandbox-work/{RDS}/answer.sql", "a"))), known)
    assert answered(found) == {"ada": {RDS: f"sandbox-work/{RDS}/answer.sql"}}


def test_what_is_no_answer_is_told_with_the_reason(known: list[Exercise], handed_in: Path) -> None:
    put(handed_in, f"ada/{RDS}/README.md", "the task")
    put(handed_in, f"ada/{FIRST}.sql")
    put(handed_in, "ada/notes <b>.txt")
    put(handed_in, f"ada/{RDS}/answer.txt")
    put(handed_in, "ada/.DS_Store")
    put(handed_in, "loose.sql")
    found = read(handed_in, known)
    student = only(found)
    told = dict(student.not_recognised)
    assert student.answers == {}
    assert told[f"{FIRST}.sql"] == f"may mean {CACHE} or {RDS}"
    assert told["notes <b>.txt"] == "no exercise has that name"
    assert told[f"{RDS}/answer.txt"].startswith(f"{RDS} is not answered by .txt but by .sql")
    assert set(student.ignored) == {f"{RDS}/README.md", ".DS_Store"}
    assert found.not_recognised == (("loose.sql", "neither a folder nor a zip"),)


def test_of_two_answers_the_one_in_the_language_of_the_exercise_counts(
    known: list[Exercise], handed_in: Path
) -> None:
    put(handed_in, f"ada/{RDS}/answer.sql", "one")
    put(handed_in, f"ada/{RDS}/answer.py", "two")
    student = only(read(handed_in, known))
    assert student.answers[RDS].content == b"one"
    assert student.not_recognised == ((f"{RDS}/answer.py", f"not graded: {RDS}/answer.sql is"),)


def test_two_answers_in_the_same_language_are_refused_and_not_chosen_from(
    known: list[Exercise], handed_in: Path
) -> None:
    put(handed_in, f"ada/{RDS}/answer.sql", "one")
    put(handed_in, f"ada/draft/{RDS}/answer.sql", "two")
    answer = only(read(handed_in, known)).answers[RDS]
    assert (answer.content, answer.refused) == (b"", "several answers: which one counts?")


def test_names_in_any_script_with_blanks_and_in_two_spellings_stay_apart(
    known: list[Exercise], handed_in: Path
) -> None:
    for name in ("Zoe\u0308", "李 小龙", "O'Brien, Pat", "-rf", "=cmd()"):
        put(handed_in, f"{name}/02-board.redis", name)
    put(handed_in, "ada/02-board.redis", "folder")
    put(handed_in, "ada.zip", zipped(("02-board.redis", "zip")))
    found = read(handed_in, known)
    assert {s.name for s in found.students} == {
        "Zoë", "李 小龙", "O'Brien, Pat", "-rf", "=cmd()", "ada", "ada.zip",
    }  # fmt: skip
    assert all(set(s.answers) == {BOARD} for s in found.students)


def test_names_that_are_no_text_or_hide_what_they_say_are_shown_escaped(
    known: list[Exercise], handed_in: Path
) -> None:
    (handed_in / os.fsdecode(b"b\xfcrger")).mkdir()
    (handed_in / "evil\u202etxt\x1b[31m").mkdir()
    names = {s.name for s in read(handed_in, known).students}
    assert names == {"b\\udcfcrger", "evil\\u202etxt\\x1b[31m"}


def test_a_student_with_an_empty_folder_has_handed_in_nothing(known: list[Exercise], handed_in: Path) -> None:
    (handed_in / "ada").mkdir()
    assert only(read(handed_in, known)) == Student("ada")


def test_links_are_not_followed(known: list[Exercise], handed_in: Path, tmp_path: Path) -> None:
    secret = put(tmp_path, "secret.sql", "secret")
    (handed_in / f"ada/{RDS}").mkdir(parents=True)
    (handed_in / f"ada/{RDS}/answer.sql").symlink_to(secret)
    (handed_in / "ada/rest").symlink_to("/etc")
    (handed_in / "mallory").symlink_to(tmp_path)
    found = read(handed_in, known)
    assert only(found).answers[RDS].refused == "a link, which is not followed"
    assert only(found).answers[RDS].content == b""
    assert dict(only(found).not_recognised)["rest"] == "a link, which is not followed"
    assert found.not_recognised == (("mallory", "a link, which is not followed"),)


def test_a_pipe_in_place_of_an_answer_does_not_hang(known: list[Exercise], handed_in: Path) -> None:
    (handed_in / "ada").mkdir()
    os.mkfifo(handed_in / "ada" / "02-board.redis")
    assert only(read(handed_in, known)).answers[BOARD].refused == "no regular file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_an_answer_that_cannot_be_read_is_told(known: list[Exercise], handed_in: Path) -> None:
    put(handed_in, "ada/02-board.redis").chmod(0)
    assert only(read(handed_in, known)).answers[BOARD].refused == "cannot be read: Permission denied"


def test_an_answer_too_large_is_refused(known: list[Exercise], handed_in: Path) -> None:
    put(handed_in, "ada/02-board.redis", b"x" * ((1 << 20) + 1))
    assert only(read(handed_in, known)).answers[BOARD].refused == "larger than 1,024 KiB"


def test_zip_names_that_lead_out_are_told_and_write_nothing(
    known: list[Exercise], handed_in: Path, tmp_path: Path
) -> None:
    for name in (
        "../../02-board.redis",
        "/02-board.redis",
        "C:\\x\\02-board.redis",
        "a/../../02-board.redis",
    ):
        put(handed_in, "ada.zip", zipped((name, "x")))
        answer = only(read(handed_in, known)).answers[BOARD]
        assert (answer.refused, answer.content) == ("its name leads out of its folder", b""), name
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["ada.zip", "class"]


def test_zips_from_windows_may_part_folders_with_backslashes(known: list[Exercise], handed_in: Path) -> None:
    content = zipped(("work/answer", "x"))
    name = f"rds-postgresql\\{FIRST}\\answer.sql"
    content = zipped((name.replace("\\", "/"), "x")).replace(name.replace("\\", "/").encode(), name.encode())
    put(handed_in, "ada.zip", content)
    assert set(only(read(handed_in, known)).answers) == {RDS}


def test_a_link_in_a_zip_is_not_taken_for_a_file(known: list[Exercise], handed_in: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        link = zipfile.ZipInfo("02-board.redis")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        made.writestr(link, "/etc/passwd")
    put(handed_in, "ada.zip", buffer.getvalue())
    assert only(read(handed_in, known)).answers[BOARD].refused == "a link, which is not followed"


def test_a_zip_that_unpacks_to_too_much_is_refused_without_unpacking_it(
    known: list[Exercise], handed_in: Path
) -> None:
    bomb = zipped(("02-board.redis", b"\0" * (64 << 20)))
    assert len(bomb) < 300_000
    put(handed_in, "ada.zip", bomb)
    assert only(read(handed_in, known)).answers[BOARD].refused == "larger than 1,024 KiB"


def test_a_zip_that_lies_about_a_size_is_refused(known: list[Exercise], handed_in: Path) -> None:
    bomb = bytearray(zipped(("02-board.redis", b"\0" * (8 << 20))))
    at = bomb.rindex(b"PK\x01\x02")
    struct.pack_into("<I", bomb, at + 24, 100)
    put(handed_in, "ada.zip", bytes(bomb))
    refused = only(read(handed_in, known)).answers[BOARD].refused
    assert "cannot be read" in refused or "larger" in refused


def test_many_answers_that_are_large_together_end_at_a_bound(
    known: list[Exercise], handed_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files.Budget.__init__, "__defaults__", (1000,))
    members = [(f"{n}/02-board.redis", bytes([65 + n]) * 400) for n in range(4)]
    put(handed_in, "ada.zip", zipped(*members))
    assert "several answers" in only(read(handed_in, known)).answers[BOARD].refused
    put(handed_in, "ada.zip", zipped(("02-board.redis", b"x" * 1001)))
    assert only(read(handed_in, known)).answers[BOARD].refused.endswith("in all")


@pytest.mark.parametrize("as_zip", [True, False])
def test_too_many_files_end_at_a_bound_and_that_is_told(
    known: list[Exercise], handed_in: Path, as_zip: bool
) -> None:
    names = [f"{n:05}.txt" for n in range(files.MOST_ENTRIES + 10)]
    if as_zip:
        put(handed_in, "ada.zip", zipped(*((name, "") for name in names)))
    else:
        for name in names:
            put(handed_in, f"ada/{name}", "")
    unknown = only(read(handed_in, known)).not_recognised
    assert len(unknown) == files.MOST_ENTRIES + 1
    assert unknown[-1] == ("", "more than 5,000 files: the rest was not looked at")


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"no zip at all", b"PK\x05\x06" + b"\xff" * 18, zipped(("a", "b"))[:-30]]
)
def test_a_zip_that_is_none_costs_nobody_else_anything(
    known: list[Exercise], handed_in: Path, content: bytes
) -> None:
    put(handed_in, "ada.zip", content)
    put(handed_in, "bob/02-board.redis")
    ada, bob = read(handed_in, known).students
    assert (len(ada.not_recognised), set(bob.answers)) == (1, {BOARD})


def test_a_zip_in_a_zip_in_a_zip_is_not_opened(known: list[Exercise], handed_in: Path) -> None:
    inner = zipped(("inner.zip", zipped(("02-board.redis", "x"))))
    put(handed_in, "ada/outer.zip", inner)
    student = only(read(handed_in, known))
    assert (student.answers, student.not_recognised[0][0]) == ({}, "outer.zip/inner.zip")


def test_encrypted_and_strangely_packed_files_are_told(known: list[Exercise], handed_in: Path) -> None:
    content = bytearray(zipped(("02-board.redis", "x")))
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    put(handed_in, "ada.zip", bytes(content))
    put(handed_in, "bob.zip", zipped(("02-board.redis", "x"), compression=zipfile.ZIP_BZIP2))
    ada, bob = read(handed_in, known).students
    assert ada.answers[BOARD].refused == "encrypted"
    assert bob.answers[BOARD].refused == "packed by a method that is not taken"


@pytest.mark.parametrize("kind", ["nothing", "empty", "file", "one student"])
def test_what_is_no_folder_of_a_class_is_an_error_that_says_so(
    known: list[Exercise], handed_in: Path, kind: str
) -> None:
    source = handed_in
    if kind == "nothing":
        source = handed_in / "none"
    elif kind == "file":
        source = put(handed_in, "x.zip", "text")
    elif kind == "one student":
        put(handed_in, f"sandbox-work/{RDS}/answer.sql")
    with pytest.raises(UsageError) as caught:
        read(source, known)
    assert caught.value.code == "no-submissions"
    assert str(source) in caught.value.title
