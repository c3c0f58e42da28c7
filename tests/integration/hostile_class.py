"""A class of hostile answers, graded in a sandbox of its own: a program, so that it can be run as any user.

``python hostile_class.py`` prints a JSON object: for each answer of :data:`ANSWERS` its points, what it
printed, what the grader said, and how the engine and the next attempt were after it.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.errors import SandboxError

if TYPE_CHECKING:
    from sandbox.sandbox import Sandbox

REDIS = "elasticache/01-create-insert-query"
POSTGRES = "rds-postgresql/01-create-insert-query"

# An answer prints GAINED when it got at what it must not get at.
FENCED = {
    "edits the exercise and reads the solution",
    "reads secrets and the answers of others",
    "connects to another engine",
}
"""What only a fence prevents, also for another user."""
ANSWERS: dict[str, tuple[str, str, str]] = {
    "forges a report": (
        REDIS,
        ".py",
        """
        import json, os
        report = {"end": "exited", "code": 0, "points": 100, "outcome": "passed", "results": "[]", "left": 0}
        line = (json.dumps(report) + "\\n").encode()
        for fd in range(256):
            try:
                os.write(fd, line)
            except OSError:
                pass
        """,
    ),
    "writes results that no statement gave": (
        REDIS,
        ".redis",
        'SET forged 1\nEVAL "return {1,2,3}" 0\n',
    ),
    "edits the exercise and reads the solution": (
        REDIS,
        ".py",
        """
        import os, pathlib
        exercise = pathlib.Path(HOSTILE_EXERCISE)
        for name in ("check.py", "solution.redis", "exercise.toml"):
            for mode in ("r", "a"):
                try:
                    open(exercise / name, mode).close()
                    print("GAINED", mode, name)
                except OSError:
                    pass
        try:
            (exercise / "more").write_text("")
            print("GAINED a file")
        except OSError:
            pass
        """,
    ),
    "reads secrets and the answers of others": (
        REDIS,
        ".py",
        """
        import os, pathlib
        for top in (HOSTILE_HOME, HOSTILE_OTHERS, "/root", "/home"):
            for parent, folders, files in os.walk(top):
                for name in files:
                    path = os.path.join(parent, name)
                    if path.startswith(os.environ["HOME"]) or HOSTILE_PACKAGE in path:
                        continue
                    if not any(word in path for word in ("secret", "answer", "password", ".json", ".toml")):
                        continue
                    try:
                        open(path).close()
                        print("GAINED", path)
                    except OSError:
                        pass
        """,
    ),
    "looks into other processes": (
        REDIS,
        ".py",
        """
        import os
        for pid in filter(str.isdigit, os.listdir("/proc")):
            if int(pid) == os.getpid():
                continue
            for name in ("environ", "mem", "fd/0"):
                try:
                    open(f"/proc/{pid}/{name}", "rb").close()
                    print("GAINED", name, open(f"/proc/{pid}/cmdline", "rb").read())
                except OSError:
                    pass
        """,
    ),
    "ends the engine and the grader": (
        REDIS,
        ".py",
        """
        import os, signal
        for pid in filter(str.isdigit, os.listdir("/proc")):
            if int(pid) in (1, os.getpid()):
                continue
            try:
                os.kill(int(pid), signal.SIGKILL)
                print("GAINED", pid)
            except OSError:
                pass
        """,
    ),
    "shuts the engine down": (REDIS, ".redis", "SHUTDOWN NOSAVE\n"),
    "flushes the engine": (REDIS, ".redis", "FLUSHALL\n"),
    "patches the grader": (
        REDIS,
        ".py",
        """
        import pathlib, sys
        import sandbox.grading.model as model, sandbox.grading.runner as runner
        model.Check.points = 0
        runner.run_checks = lambda *_: []
        runner.grade = None
        for module in (model, runner):
            try:
                open(module.__file__, "a").close()
                print("GAINED", module.__file__)
            except OSError:
                pass
        """,
    ),
    "connects to another engine": (
        REDIS,
        ".py",
        """
        import socket
        try:
            socket.create_connection(("127.0.0.1", HOSTILE_PORT), timeout=5).close()
            print("GAINED a connection")
        except OSError:
            pass
        """,
    ),
    "forks": (
        REDIS,
        ".py",
        """
        import os, time
        for _ in range(300):
            try:
                if os.fork() == 0:
                    time.sleep(20)
                    os._exit(0)
            except OSError:
                time.sleep(0.1)
        """,
    ),
    "becomes a daemon": (
        REDIS,
        ".py",
        """
        import os, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(60)
            os._exit(0)
        """,
    ),
    "fills the disk": (
        REDIS,
        ".py",
        "import time\nfor i in range(400):\n    open(str(i), 'wb').write(bytes(1 << 20)); time.sleep(.01)\n",
    ),
    "talks without end": (REDIS, ".sh", "yes | head -c 50000000\n"),
    "drops the tables of the dataset": (
        POSTGRES,
        ".sql",
        "DROP TABLE orders CASCADE;\n",
    ),
    "ruins the database": (
        POSTGRES,
        ".sh",
        """
        for statement in 'DROP TABLE IF EXISTS orders CASCADE' 'DELETE FROM customers' 'TRUNCATE employees' \
            "ALTER ROLE learner SUPERUSER" "ALTER SYSTEM SET fsync = off" \
            "COPY (SELECT 1) TO PROGRAM 'true'" \
            'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()' \
            'DROP DATABASE demo_db' 'ALTER ROLE learner CONNECTION LIMIT 0' "ALTER ROLE learner PASSWORD 'x'"
        do psql -c "$statement" || true; done
        """,
    ),
    "leaves a transaction and its locks": (
        POSTGRES,
        ".py",
        """
        import os, time, psycopg2
        told, tell = os.pipe()
        if os.fork() == 0:
            os.setsid()
            one = psycopg2.connect(os.environ["DATABASE_URL"])
            cursor = one.cursor()
            cursor.execute("CREATE TABLE IF NOT EXISTS locked (a int)")
            cursor.execute("LOCK TABLE locked; SELECT pg_advisory_lock(1)")
            for table in ("customers", "orders"):
                cursor.execute(f"SELECT * FROM {table} FOR KEY SHARE") if False else None
            os.write(tell, b"open")
            time.sleep(60)
            os._exit(0)
        os.read(told, 4)
        """,
    ),
}


def _has_name() -> bool:
    # PostgreSQL makes no data folder for a user that the system does not know by name.
    try:
        return bool(pwd.getpwuid(os.geteuid()))
    except KeyError:
        return False


def _answers(box: Sandbox, engine: str) -> bool:
    # One look may come at a moment when the machine is busy.
    try:
        box.wait([engine], 60)
    except SandboxError:
        return False
    return True


def main() -> None:
    from sandbox.config import resources
    from sandbox.grading import runner
    from sandbox.grading.exercise import find
    from sandbox.sandbox import Sandbox

    box = Sandbox(name="hostile")
    # In the place of another engine.
    listener = socket.create_server(("127.0.0.1", 0))
    found: dict[str, Any] = {}
    others = Path(tempfile.mkdtemp(prefix="sandbox-test-others-"))
    try:
        engines = ["redis", "postgres"] if _has_name() else ["redis"]
        for error in box.up(engines).failed.values():
            raise error
        places = {name: box.place(name) for name in engines}
        (others / "answer.py").write_text("of another student")
        known = {
            "HOSTILE_EXERCISE": str(find(REDIS).folder),
            "HOSTILE_HOME": os.environ["SANDBOX_HOME"],
            "HOSTILE_OTHERS": str(others),
            "HOSTILE_PACKAGE": str(resources("x").parent / "sandbox"),
            "HOSTILE_PORT": listener.getsockname()[1],
        }
        names = [name for name in ANSWERS if "postgres" in engines or ANSWERS[name][0] == REDIS]
        for name in names:
            exercise_id, suffix, source = ANSWERS[name]
            exercise, place = find(exercise_id), places["redis" if exercise_id == REDIS else "postgres"]
            text = textwrap.dedent(source).lstrip("\n")
            for word, value in known.items():
                text = text.replace(word, repr(value) if suffix == ".py" else str(value))
            answer = others.parent / f"hostile-{os.getpid()}{suffix}"
            answer.write_text(text)
            before = box.status([place.engine.name])[0].pid
            result = runner.grade(exercise, answer, place, seed=1)
            answer.unlink()
            again = runner.grade(exercise, exercise.solution, place, seed=2)
            healthy = _answers(box, place.engine.name)
            after = box.status([place.engine.name], probe=False)[0]
            found[name] = {
                "points": result.points,
                "outcomes": [check.outcome.value for check in result.checks],
                "problem": result.problem,
                "output": result.output[:4000],
                "isolation": result.facts["isolation"],
                "healthy": healthy and after.pid == before,
                "again": [again.points, again.max_points, again.problem],
            }
    finally:
        box.down(delete=True)
        listener.close()
        shutil.rmtree(others, ignore_errors=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
