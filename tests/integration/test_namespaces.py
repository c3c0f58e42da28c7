"""What an answer of a normal user cannot reach in namespaces of its own, and what it still can.

Each look is made twice: in namespaces, and behind Landlock alone or nothing, where it must succeed, so that
a fence that is off shows. Under root the looks are made by another user, as a normal user would."""

from __future__ import annotations

import json
import sys
import textwrap
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sandbox.grading import limits
from sandbox.grading.limits import Folder, Limits

# Run by the normal user: makes what an answer is to look for, then runs answers both ways.
PROGRAM = """
import ctypes, json, os, resource, socket, subprocess, sys, tempfile
from pathlib import Path
from sandbox.grading import limits
from sandbox.grading.limits import Folder, Isolation, Limits

# What is looked at is reach, not time: a busy machine stands still for seconds.
PATIENT = Limits(seconds=600)
LOOKS = json.load(open("looks.json"))
strongest = limits.strongest_isolation()
found = {"isolation": strongest.name}
listener = socket.socket(socket.AF_UNIX)
place = tempfile.mkdtemp(prefix="bus-")
listener.bind(place + "/socket")
listener.listen(50)
neighbour = subprocess.Popen(
    ["sleep", "100000"], env={**os.environ, "NEIGHBOUR": "secret-of-a-neighbour"}
)
shared = Path(f"/dev/shm/sandbox-test-{os.getpid()}")
shared.write_text("secret in memory")
queue = ctypes.CDLL(None).shmget(os.getpid(), 4096, 0o1600)
known = {
    "SOCKET": place + "/socket", "PID": neighbour.pid, "SHARED": str(shared), "KEY": os.getpid(),
    "UID": os.getuid(),
}
try:
    for way in (strongest, Isolation()):
        for name, source in LOOKS.items():
            folder = Folder.make()
            for word, value in known.items():
                source = source.replace(word, repr(value))
            (folder.work / "look.py").write_text(source)
            env = {**folder.environment(), "PATH": os.environ["PATH"], **limits.python_environment()}
            ended = limits.run([sys.executable, "look.py"], folder, env, limits=PATIENT, isolation=way)
            found.setdefault(name, []).append([ended.end, ended.code, ended.shown])
finally:
    neighbour.kill()
    neighbour.wait()
    shared.unlink()
    ctypes.CDLL(None).shmctl(queue, 0, None)
print(json.dumps(found))
"""

HIDDEN = {
    "a socket under a path": "import socket; socket.socket(socket.AF_UNIX).connect(SOCKET)",
    "the arguments of another process": "assert b'sleep' in open('/proc/%d/cmdline' % PID, 'rb').read()",
    "the variables of another process": "assert b'NEIGHBOUR' in open('/proc/%d/environ' % PID, 'rb').read()",
    "the limits of another process": (
        "import resource; resource.prlimit(PID, resource.RLIMIT_NOFILE, (64, 1048576 // 1024))"
    ),
    "the niceness of another process": "import os; os.setpriority(os.PRIO_PROCESS, PID, 12)",
    "shared memory under a name": "open(SHARED).read()",
    "shared memory under a key": "import ctypes; assert ctypes.CDLL(None).shmget(KEY, 4096, 0) >= 0",
}
"""Programs that end well where nothing holds them off."""

SEEN = {
    "its own user": "import os, pwd; assert (os.getuid(), os.geteuid()) == (UID, UID)",
    "its own processes": """
        import os, subprocess, time
        child = subprocess.Popen(["sleep", "1000"])
        # The kernel shows it a moment after the program has begun.
        while b"sleep" not in open(f"/proc/{child.pid}/cmdline", "rb").read():
            time.sleep(0.01)
        assert os.path.basename(os.readlink("/proc/self")) == str(os.getpid())
        child.kill()
    """,
    "sockets in its own folder": """
        import os, socket
        server = socket.socket(socket.AF_UNIX); server.bind("own.sock"); server.listen()
        socket.socket(socket.AF_UNIX).connect(os.path.realpath("own.sock"))
    """,
    "shared memory of its own": """
        from multiprocessing import Lock, shared_memory
        Lock()
        block = shared_memory.SharedMemory(create=True, size=1 << 20); block.close(); block.unlink()
    """,
    "descriptors as files": """
        import subprocess
        subprocess.run(["bash", "-ec", "cat <(echo x) > /dev/null; echo y > /dev/stderr"], check=True)
    """,
    "no right of an administrator": """
        status = dict(line.split(":", 1) for line in open("/proc/self/status"))
        assert {int(status[name], 16) for name in ("CapPrm", "CapEff", "CapInh", "CapAmb")} == {0}
    """,
}
"""Programs that end well everywhere."""


@cache
def _looked() -> dict[str, Any]:
    looks = json.dumps({name: textwrap.dedent(source) for name, source in {**HIDDEN, **SEEN}.items()})
    folder = Folder.make()
    (folder.work / "program.py").write_text(PROGRAM)
    (folder.work / "looks.json").write_text(looks)
    env = {**folder.environment(), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    env.update(limits.python_environment())
    # Behind no fence itself, which would keep it from making namespaces.
    outer = replace(limits.strongest_isolation(), landlock=0, namespaces=False)
    large = Limits(seconds=3000, cpu_seconds=600, processes=500, output_bytes=8 << 20)
    ended = limits.run([sys.executable, "program.py"], folder, env, limits=large, isolation=outer)
    assert (ended.end, ended.code) == ("exited", 0), ended
    found: dict[str, Any] = json.loads(ended.output)
    return found


@pytest.fixture(scope="module")
def looked() -> dict[str, Any]:
    """How each look ended, first in namespaces, then behind nothing."""
    if "namespaces" not in _looked()["isolation"]:
        pytest.skip("a normal user can make no namespaces here")
    return _looked()


@pytest.mark.parametrize("name", HIDDEN)
def test_an_answer_in_namespaces_does_not_reach(looked: dict[str, Any], name: str) -> None:
    within, without = looked[name]
    assert within[:2] == ["exited", 1], within
    assert without[:2] == ["exited", 0], without


@pytest.mark.parametrize("name", SEEN)
def test_an_answer_in_namespaces_has(looked: dict[str, Any], name: str) -> None:
    within, without = looked[name]
    assert within[:2] == ["exited", 0], within
    assert without[:2] == ["exited", 0], without


def test_namespaces_are_named() -> None:
    assert limits.Isolation(landlock=7, namespaces=True).name == "landlock+namespaces"
    assert limits.Isolation(landlock=4).name == "landlock-4"
    assert limits.Isolation(namespaces=True).name == "namespaces"
    assert limits.Isolation().name == "none"


def test_every_link_on_the_way_to_a_program_is_shown(tmp_path: Path) -> None:
    from sandbox.grading import fences

    real = tmp_path / "real" / "bin"
    real.mkdir(parents=True)
    (tmp_path / "second").symlink_to("real")
    (tmp_path / "first").symlink_to(tmp_path / "second")
    found = dict(fences.view(tmp_path, {"PATH": str(tmp_path / "first" / "bin")})["links"])
    assert found[str(tmp_path / "first")] == str(tmp_path / "second")
    assert found[str(tmp_path / "second")] == "real"
