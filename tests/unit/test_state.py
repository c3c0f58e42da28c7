"""The state folder: nothing is lost, nothing is guessed."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from sandbox.errors import EnvironmentRefusedError, UsageError
from sandbox.events import Event, Said, silent
from sandbox.state import State, check_name, names, write_atomic


def test_what_is_saved_is_read_again(own_home: Path) -> None:
    state = State("one")
    seat = state.seat("redis")
    seat.record.ports["main"] = 7000
    seat.record.wanted = False
    state.save()
    again = State("one").seat("redis")
    assert again.record == seat.record
    assert again.credentials.admin == seat.credentials.admin
    assert names() == ["one"]


def test_passwords_differ_by_engine_sandbox_and_user_and_are_for_the_owner_only(own_home: Path) -> None:
    found = set()
    for name in ("one", "two"):
        state = State(name)
        for engine in ("redis", "postgres"):
            pair = state.seat(engine).credentials
            found |= {pair.admin, pair.learner}
            assert pair.admin not in repr(pair)
        state.save()
        assert (own_home / name / "secrets.json").stat().st_mode & 0o077 == 0
        assert pair.admin not in (own_home / name / "state.json").read_text()
    assert len(found) == 8


def test_fields_of_a_later_version_are_passed_over(own_home: Path) -> None:
    state = State("one")
    state.seat("redis")
    state.save()
    document = json.loads(state.path.read_text())
    document["engines"]["redis"]["invented_later"] = 1
    state.path.write_text(json.dumps(document))
    assert "redis" in State("one").engines


@pytest.mark.parametrize("name", ["", "../up", "a b", "A", "-x", "x" * 33])
def test_a_name_that_could_leave_the_home_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        check_name(name)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "file"
    write_atomic(target, "old")
    target.chmod(0o644)
    tmp_path.chmod(0o755)
    write_atomic(target, "new")
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]
    with pytest.raises(EnvironmentRefusedError, match="could not be written"):
        write_atomic(target / "below-a-file", "x")


def test_a_second_holder_of_the_lock_waits_and_says_so(own_home: Path) -> None:
    said: list[Event] = []
    entered = threading.Event()

    def second() -> None:
        with State("one").locked(said.append):
            entered.set()

    with State("one").locked(silent):
        thread = threading.Thread(target=second)
        thread.start()
        deadline = time.monotonic() + 60
        while not said and time.monotonic() < deadline:
            time.sleep(0.01)
        assert any(isinstance(e, Said) and "waiting" in e.text for e in said)
        assert not entered.is_set()
    thread.join(60)
    assert entered.is_set()
