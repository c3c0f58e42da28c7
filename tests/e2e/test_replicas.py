"""Replicas as a person has them: up with some, look, lose one, take them away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from sandbox.sandbox import Sandbox
from tests.e2e.conftest import Run, await_that, lives

KILLED_IN_COPY = """\
import os, signal, sys, threading, time
from pathlib import Path
from sandbox.cli import run
from sandbox.runtimes.native import postgres
copying, real = Path(sys.argv.pop(1)), postgres.run_as
def deadly(argv, **more):
    assert argv[0].endswith("pg_basebackup")
    threading.Thread(target=real, args=(argv,), kwargs=more, daemon=True).start()
    while not any(copying.iterdir()):
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGKILL)
postgres.run_as = deadly
run()
"""
"""The command, which gets SIGKILL before a copy of PostgreSQL is done, however fast that is: the folder that
is filled is its first argument."""


def test_up_gives_a_replica_that_status_env_and_logs_know_and_down_ends(run: Run, own_home: Path) -> None:
    first = run("up", "redis", "--replicas", "1", "--json")
    assert first.code == 0, first.err
    assert [e["name"] for e in first.data["engines"]] == ["redis", "redis-replica-1"]
    primary, replica = run("status", "--json").data["engines"]
    assert (primary["replica_of"], replica["replica_of"]) == ("", "redis")
    assert replica["healthy"]
    assert replica["lag_bytes"] is not None
    shown = run("status")
    assert "replica of redis" in shown.out
    env = json.loads(run("env", "--format", "json").out)
    assert env["SANDBOX_REDIS_REPLICA_PORT"] == str(replica["port"])
    run("shell", "redis", "-c", "SET seen yes")
    read = (
        "import os, redis; r = redis.from_url(os.environ['SANDBOX_REDIS_REPLICA_URL']); print(r.get('seen'))"
    )
    await_that(lambda: "yes" in run("exec", "--", sys.executable, "-c", read).out, "the replica has it")
    assert "REPLICA" in run("logs", "redis-replica-1").out
    assert run("logs", "redis-replica-2").code == 2
    assert "redis-replica-1" in run("down").out
    assert not lives(replica["pid"])
    again = run("up", "redis", "--json")
    before = [primary["port"], replica["port"]]
    assert again.lost_a_port or [e["port"] for e in again.data["engines"]] == before


def test_a_replica_that_died_is_told_with_the_command_that_brings_it_back(run: Run, own_home: Path) -> None:
    pid = run("up", "redis", "--replicas", "1", "--json").data["engines"][1]["pid"]
    os.kill(pid, signal.SIGKILL)
    await_that(lambda: not lives(pid), "it is gone")
    status = run("status", "--json")
    assert status.code == 1
    assert "redis-replica-1 died" in status.json["error"]["title"]
    assert "sandbox up redis" in status.json["error"]["actions"]
    assert run("up", "redis").code == 0
    assert run("status").code == 0


def test_dry_run_tells_that_mysql_is_stopped_to_be_copied(run: Run, own_home: Path) -> None:
    assert run("up", "mysql").code == 0
    steps = run("up", "mysql", "--replicas", "1", "--dry-run", "--json").data["steps"]
    assert [(s["engine"], s["action"]) for s in steps] == [
        ("mysql", "stop"),
        ("mysql", "start"),
        ("mysql-replica-1", "create"),
        ("mysql-replica-1", "start"),
    ]
    assert "copied" in steps[0]["cause"]


def test_engines_without_replicas_are_refused_with_a_code(run: Run, own_home: Path) -> None:
    refused = run("up", "cassandra", "--replicas", "1", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (2, "no-replicas")
    assert "Cassandra" in refused.json["error"]["title"]
    assert run("up", "--replicas", "1", "--json").json["error"]["code"] == "replicas-without-engine"


def test_an_up_that_is_killed_while_it_makes_a_replica_is_made_good_by_the_next(
    run: Run, own_home: Path
) -> None:
    assert run("up", "postgres").code == 0
    copying = own_home / "default" / "engines" / "postgres-replica-1" / "data.new"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_IN_COPY, str(copying), "up", "postgres", "--replicas", "1"],
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert list(copying.iterdir())
    done = run("up", "postgres", "--replicas", "1", "--json")
    assert done.code == 0, done.err
    assert run("status", "--json").data["engines"][1]["healthy"]
    run("down", "--delete")
    assert not Sandbox().exists()
