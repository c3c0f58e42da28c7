"""The format of exercises: what is accepted, and what is said about what is not."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from sandbox.errors import UsageError
from sandbox.grading.exercise import find, find_all, folder_hash, folders, load_checks

TOML = """\
title = "Set a key"
service = "elasticache"
engine = "redis"
part = "create"
level = 1
minutes = 5
answer = ".redis"
course_step = "Set a key"
aws_difference = "None."
hints = ["one", "two", "three"]

[needs]
dataset = false

[owns]
keys = ["*"]

[[wrong]]
file = "wrong/a.redis"
says = "Sets another key"
loses = ["key-set"]
"""
CHECK = '''\
from sandbox.grading import Missing, check

@check(points=2)
def key_set(ctx):
    """Key a is set."""
    raise Missing("Key a")

@check(points=1, after=[key_set])
def key_right(ctx):
    """Key a
    is right."""
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "elasticache" / "01-a"
    made.mkdir(parents=True)
    (made / "exercise.toml").write_text(TOML)
    (made / "check.py").write_text(CHECK)
    return made


def rewrite(folder: Path, old: str, new: str) -> None:
    path = folder / "exercise.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


def refusal(folder: Path) -> UsageError:
    with pytest.raises(UsageError) as caught:
        find("elasticache/01-a", folder.parents[1])
    assert caught.value.code == "malformed-exercise"
    return caught.value


def test_an_exercise_is_read_with_its_defaults(folder: Path) -> None:
    exercise = find("elasticache/01-a", folder.parents[1])
    assert exercise.spec.requires == ()
    assert exercise.spec.owns == {"keys": ("*",)}
    assert exercise.spec.wrong[0].loses == ("key-set",)
    assert exercise.solution == folder / "solution.redis"


def test_service_and_number_are_enough_where_only_one_exercise_has_them() -> None:
    assert find("rds-postgresql/01").id == "rds-postgresql/01-create-insert-query"
    for ambiguous_or_unknown in ("rds-postgresql", "rds-postgresql/0", "rds-postgresql/99"):
        with pytest.raises(UsageError):
            find(ambiguous_or_unknown)


def test_an_unknown_exercise_is_answered_with_the_nearest_id(folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        find("elasticash/01-a", folder.parents[1])
    assert caught.value.code == "unknown-exercise"
    assert "elasticache/01-a" in caught.value.detail


@pytest.mark.parametrize("outside", ["../elasticache/01-a", "/etc", "elasticache/../elasticache/01-a", ""])
def test_an_id_is_never_taken_as_a_path(folder: Path, outside: str) -> None:
    with pytest.raises(UsageError):
        find(outside, folder.parents[1])


@pytest.mark.parametrize(
    ("old", "new", "key", "line"),
    [
        ("level = 1", "level = 1\nlevle = 2", "levle: unknown key", 6),
        ("dataset = false", "datset = true", "needs.datset: unknown key", 13),
        ("level = 1", "level = 4", "level", 5),
        ('part = "create"', 'part = "make"', "part", 4),
        ('says = "Sets another key"', "", "wrong.0.says", None),
        ("minutes = 5", 'minutes = "soon"', "minutes", 6),
    ],
)
def test_a_wrong_key_is_named_with_its_file_and_line(
    folder: Path, old: str, new: str, key: str, line: int | None
) -> None:
    rewrite(folder, old, new)
    error = refusal(folder)
    assert str(folder / "exercise.toml") in error.title
    assert key in error.detail
    if line is not None:
        assert f"(line {line})" in error.detail


def test_bad_toml_is_named_with_its_file_and_line(folder: Path) -> None:
    rewrite(folder, "minutes = 5", "minutes 5")
    assert f"{folder / 'exercise.toml'}:6" in refusal(folder).title


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('service = "elasticache"', 'service = "memorydb"', "folder lies in 'elasticache'"),
        ('engine = "redis"', 'engine = "reddis"', "'reddis'"),
    ],
)
def test_service_and_engine_must_be_known(folder: Path, old: str, new: str, said: str) -> None:
    rewrite(folder, old, new)
    assert said in refusal(folder).detail


def test_a_broken_exercise_does_not_hide_the_others(folder: Path) -> None:
    other = folder.with_name("02-b")
    other.mkdir()
    (other / "exercise.toml").write_text("title = ")
    good, bad = find_all(folder.parents[1])
    assert [e.id for e in good] == ["elasticache/01-a"]
    assert "02-b" in bad[0].title


def test_checks_keep_the_order_written_and_their_points(folder: Path) -> None:
    checks = load_checks(find("elasticache/01-a", folder.parents[1]))
    assert [(c.id, c.points, c.after) for c in checks.checks] == [
        ("key-set", 2, ()),
        ("key-right", 1, ("key-set",)),
    ]
    assert checks.checks[1].sentence == "Key a is right."
    assert checks.points == 3
    assert checks.prepare is None


def test_loading_checks_writes_nothing_into_the_folder(folder: Path) -> None:
    load_checks(find("elasticache/01-a", folder.parents[1]))
    assert {p.name for p in folder.iterdir()} == {"exercise.toml", "check.py"}


def test_two_exercises_do_not_share_names(folder: Path) -> None:
    other = folder.with_name("02-b")
    other.mkdir()
    (other / "exercise.toml").write_text(TOML)
    (other / "check.py").write_text(CHECK.replace("key_set", "other_set"))
    root = folder.parents[1]
    first, second = load_checks(find("elasticache/01-a", root)), load_checks(find("elasticache/02-b", root))
    assert "other_set" not in first.checks[0].function.__globals__
    assert [c.id for c in second.checks] == ["other-set", "key-right"]


@pytest.mark.parametrize(
    ("source", "said", "line"),
    [
        (CHECK + CHECK.split("\n\n", 1)[1], "second function 'key_set'", 13),
        ("def x(:\n", "", 1),
        ("from sandbox.grading import check\n\n1/0\n", "ZeroDivisionError", 3),
        ("from sandbox.grading import check\n@check(points=1)\ndef a(ctx): pass\n", "docstring", 2),
        ("from sandbox.grading import check\n@check()\ndef a(ctx):\n    'x'\n", "points", 2),
        ("x = 1\n", "no function marked", None),
    ],
)
def test_broken_checks_are_named_with_their_file_and_line(
    folder: Path, source: str, said: str, line: int | None
) -> None:
    (folder / "check.py").write_text(textwrap.dedent(source))
    with pytest.raises(UsageError) as caught:
        load_checks(find("elasticache/01-a", folder.parents[1]))
    assert said in caught.value.detail
    if line is not None:
        assert f"check.py:{line}" in caught.value.title


def test_the_hash_of_a_folder_changes_with_a_name_or_a_byte_and_not_with_a_cache(folder: Path) -> None:
    first = folder_hash(folder)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "check.pyc").write_bytes(b"x")
    assert folder_hash(folder) == first
    (folder / "README.md").write_text("x")
    second = folder_hash(folder)
    assert second != first
    (folder / "README.md").rename(folder / "README.txt")
    assert folder_hash(folder) not in (first, second)


def test_every_exercise_that_ships_can_be_read() -> None:
    good, bad = find_all()
    assert not bad, [f"{e.title} {e.detail}" for e in bad]
    assert {e.id for e in good} == set(folders())
    for exercise in good:
        assert load_checks(exercise).points > 0
