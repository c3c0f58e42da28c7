"""Up, down and what lies between, as a person does it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from sandbox.engines.registry import NAMES
from tests.e2e.conftest import COMMAND, Run, lives


def test_up_starts_what_was_asked_loads_it_and_up_again_keeps_it(run: Run, own_home: Path) -> None:
    first = run("up", "redis", "postgres", "--json")
    assert first.code == 0, first.err
    engines = {e["name"]: e for e in first.data["engines"]}
    assert set(engines) == {"redis", "postgres"}
    assert all(e["healthy"] and not e["kept"] and e["seconds"] > 0 for e in engines.values())
    again = run("up", "redis", "postgres", "--json")
    assert {e["name"]: (e["pid"], e["kept"]) for e in again.data["engines"]} == {
        name: (e["pid"], True) for name, e in engines.items()
    }
    status = run("status", "--json").data
    rows = {(t["engine"], t["table"]): t["rows"] for t in status["tables"]}
    course = run("fixtures", "list", "--json").data["datasets"][0]
    for table in course["tables"]:
        assert {rows[name, table["table"]] for name in engines} == {table["rows"]}


def test_down_keeps_the_data_and_delete_removes_them(run: Run, own_home: Path) -> None:
    assert run("up", "redis").code == 0
    assert run("shell", "redis", "-c", "SET kept yes").code == 0
    pid = run("status", "--json").data["engines"][0]["pid"]
    assert run("down").out.startswith("Stopped: redis.")
    assert not lives(pid)
    assert "Nothing ran" in run("down").out
    assert run("up", "redis").code == 0
    assert "yes" in run("shell", "redis", "-c", "GET kept").out
    assert run("down", "--delete").code == 0
    assert not (own_home / "default").exists()


def test_reset_brings_back_the_state_after_up_without_a_restart(run: Run, own_home: Path) -> None:
    before = run("up", "redis", "--json").data["engines"][0]["pid"]
    run("shell", "redis", "-c", "DEL customer:293")
    run("shell", "redis", "-c", "SET mine 1")
    assert run("reset", "redis").code == 0
    assert "Abel" in run("shell", "redis", "-c", "HGETALL customer:293").out
    assert run("shell", "redis", "--json", "-c", "GET mine").data["results"][0]["value"] is None
    assert run("status", "--json").data["engines"][0]["pid"] == before


def test_sandboxes_with_different_names_live_side_by_side(run: Run, own_home: Path) -> None:
    one = run("up", "redis", "--json").data["engines"][0]
    two = run("up", "redis", "--name", "two", "--json")
    other = two.data["engines"][0]
    assert other["port"] != one["port"]
    assert any(str(one["port"]) in w for w in two.json["warnings"]) or one["port"] != 6379
    run("shell", "redis", "--name", "two", "-c", "SET whose two")
    assert run("shell", "redis", "--json", "-c", "GET whose").data["results"][0]["value"] is None
    assert run("down", "--all").code == 0
    assert not lives(one["pid"])
    assert not lives(other["pid"])


def test_ports_are_kept_over_down_and_up(run: Run, own_home: Path) -> None:
    first = run("up", "redis", "--json").data["engines"][0]["port"]
    run("down")
    again = run("up", "redis", "--json")
    assert again.lost_a_port or again.data["engines"][0]["port"] == first


def test_two_ups_at_once_wait_for_each_other(run: Run, own_home: Path) -> None:
    both = [
        subprocess.Popen(
            [COMMAND, "up", "redis", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [p.communicate(timeout=300) for p in both]
    assert [p.returncode for p in both] == [0, 0], said
    pids = {json.loads(out)["data"]["engines"][0]["pid"] for out, _ in said}
    assert len(pids) == 1


def test_engines_listen_on_the_loopback_address_only(run: Run, own_home: Path) -> None:
    engines = run("up", "redis", "postgres", "--json").data["engines"]
    for engine in engines:
        process = psutil.Process(engine["pid"])
        family = [process, *process.children(recursive=True)]
        listening = {
            c.laddr.ip
            for p in family
            for c in p.net_connections("inet")
            if c.status == psutil.CONN_LISTEN or c.type == 2
        }
        assert listening == {"127.0.0.1"}, engine["name"]


def test_passwords_are_kept_in_a_file_of_the_owner_only(run: Run, own_home: Path) -> None:
    run("up", "redis")
    assert (own_home / "default" / "secrets.json").stat().st_mode & 0o077 == 0
    env = run("env", "--format", "json")
    password = json.loads(env.out)["SANDBOX_REDIS_PASSWORD"]
    pid = run("status", "--json").data["engines"][0]["pid"]
    assert len(password) >= 16
    assert password not in " ".join(psutil.Process(pid).cmdline())


def test_env_and_exec_give_a_command_what_it_needs(run: Run, own_home: Path) -> None:
    run("up", "postgres")
    assert "export PGHOST=127.0.0.1" in run("env", "postgres").out
    assert "PGHOST=127.0.0.1" in run("env", "postgres", "--format", "dotenv").out.splitlines()
    counted = run("exec", "--", "psql", "-Atc", "select count(*) from customers")
    assert counted.out.strip() == "635", counted.err
    assert run("exec", "--", "sh", "-c", "exit 7").code == 7
    assert run("exec", "--", "no-such-program").code == 2


def test_an_installed_command_works_from_an_empty_folder(run: Run, own_home: Path, tmp_path: Path) -> None:
    assert run("fixtures", "list", cwd=tmp_path).code == 0
    assert run("exercise", "list", cwd=tmp_path).code == 0


def test_a_dry_run_prints_the_plan_and_starts_nothing(run: Run, own_home: Path) -> None:
    plan = run("up", "redis", "--dry-run", "--json").data["steps"]
    assert [(s["engine"], s["action"]) for s in plan][-1] == ("redis", "start")
    assert all(s["cause"] for s in plan)
    assert not (own_home / "default" / "state.json").exists()


def test_help_loads_no_driver_and_no_heavy_library() -> None:
    code = (
        "import sys\n"
        "from sandbox.cli.app import app\n"
        "heavy = {'boto3', 'botocore', 'cassandra', 'psycopg2', 'pymysql', 'pymongo', 'redis',"
        " 'gremlin_python', 'sqlalchemy', 'pydantic', 'docker', 'testcontainers', 'jgo',"
        " 'prompt_toolkit', 'rich', 'psutil'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "command", ["services", "engines", "fixtures list", "exercise list", "status", "down"]
)
def test_json_is_one_envelope_and_nothing_else(run: Run, own_home: Path, command: str) -> None:
    document = run(*command.split(), "--json").json
    assert list(document) == ["schema_version", "command", "status", "data", "warnings", "error"]
    assert document["schema_version"] == 1
    assert document["command"] == command
    assert document["status"] == "ok"


def test_every_command_has_help_with_an_example(run: Run) -> None:
    listed = run("--help").out.partition("Commands:")[2]
    names = [line.split()[0] for line in listed.splitlines() if line.startswith("  ") and line[2] != " "]
    assert len(names) >= 16
    for name in names:
        said = run(name, "--help")
        assert said.code == 0
        if "Commands:" in said.out:
            inner = said.out.partition("Commands:")[2].splitlines()
            for sub in (line.split()[0] for line in inner if line.startswith("  ") and line[2] != " "):
                assert "Example" in run(name, sub, "--help").out, f"{name} {sub}"
        else:
            assert "Example" in said.out, name


def test_completion_offers_engines(run: Run) -> None:
    words = run(
        "", env={"_SANDBOX_COMPLETE": "complete_bash", "COMP_WORDS": "sandbox up ", "COMP_CWORD": "2"}
    )
    assert set(NAMES) <= set(words.out.split())
