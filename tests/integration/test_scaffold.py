"""A new exercise runs at once, and the verifier names what is left to write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.endpoint import Endpoint
from sandbox.engines.base import Engine
from sandbox.engines.services import engine_of
from sandbox.errors import UsageError
from sandbox.grading import scaffold
from sandbox.grading.exercise import find
from sandbox.grading.verify import verify
from sandbox.sandbox import Sandbox


@pytest.mark.parametrize("service", sorted(scaffold.SKELETONS))
def test_a_new_exercise_is_whole_but_for_what_says_todo(
    service: str,
    sandbox: Sandbox,
    engine_up: Callable[[str], tuple[Engine, Endpoint]],
    tmp_path: Path,
) -> None:
    engine_up(engine_of(service))
    place = sandbox.place(engine_of(service))
    folder = scaffold.new(service, "try-it", tmp_path)
    assert folder == tmp_path / service / "01-try-it"
    exercise = find(str(folder))
    assert [p.split(" says TODO")[0] for p in verify(exercise, place).problems] == [
        "README.md",
        "check.py",
        "exercise.toml",
    ]
    for path in folder.rglob("*.*"):
        path.write_text(path.read_text().replace("TODO", "Done"))
    found = verify(find(str(folder)), place)
    assert (found.problems, found.skipped) == ((), "")


def test_the_second_exercise_has_the_next_number_and_a_taken_name_is_refused(tmp_path: Path) -> None:
    scaffold.new("s3", "one", tmp_path)
    assert scaffold.new("s3", "two", tmp_path).name == "02-two"
    for service, slug, said in (
        ("s3", "one", "already"),
        ("s3", "No Such Name", "cannot name"),
        ("s4", "x1", "no service"),
    ):
        with pytest.raises(UsageError) as refused:
            scaffold.new(service, slug, tmp_path)
        assert said in refused.value.title
    assert sorted(path.name for path in (tmp_path / "s3").iterdir()) == ["01-one", "02-two"]
