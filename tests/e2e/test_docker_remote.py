"""A Docker engine on another machine: asked over ssh, its ports brought here. The other machine is this one,
seen from a network namespace that has a loopback address of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Said, await_that

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces of one's own need root"),
    pytest.mark.skipif(
        shutil.which("ip") is None or not Path("/usr/sbin/sshd").exists(), reason="no ip, no sshd"
    ),
]
FAR, NEAR, PORT = "10.213.7.1", "10.213.7.2", 22022
COMMAND = Path(sys.executable).with_name("sandbox")
SSHD = """\
Port {port}
ListenAddress {far}
HostKey {folder}/host
PidFile {folder}/sshd.pid
AuthorizedKeysFile {folder}/key.pub
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
Subsystem none /bin/false
"""
SSH = """\
#!/bin/sh
exec {ssh} -F /dev/null -i {folder}/key -o IdentitiesOnly=yes -o StrictHostKeyChecking=no \\
  -o UserKnownHostsFile={folder}/known -o LogLevel=ERROR "$@"
"""


def _do(*words: str | Path) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def near() -> Iterator[str]:
    """The name of a network namespace that reaches this machine at FAR."""
    name = f"sandbox-{os.getpid()}"
    host, inside = f"sbx{os.getpid() % 100000}a", f"sbx{os.getpid() % 100000}b"
    _do("ip", "netns", "add", name)
    try:
        _do("ip", "link", "add", host, "type", "veth", "peer", "name", inside, "netns", name)
        _do("ip", "addr", "add", f"{FAR}/24", "dev", host)
        _do("ip", "link", "set", host, "up")
        for words in (["addr", "add", f"{NEAR}/24", "dev", inside], ["link", "set", inside, "up"]):
            _do("ip", "-n", name, *words)
        _do("ip", "-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        subprocess.run(["ip", "link", "del", host], check=False, capture_output=True)
        _do("ip", "netns", "del", name)


@pytest.fixture(scope="module")
def keys(near: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with keys and an ``ssh`` that uses them; the server runs."""
    del near
    folder = tmp_path_factory.mktemp("ssh")
    for name in ("host", "key"):
        _do("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name)
    (folder / "sshd_config").write_text(SSHD.format(port=PORT, far=FAR, folder=folder))
    (folder / "bin").mkdir()
    wrapper = folder / "bin" / "ssh"
    wrapper.write_text(SSH.format(ssh=shutil.which("ssh"), folder=folder))
    wrapper.chmod(0o755)
    Path("/run/sshd").mkdir(exist_ok=True)
    server = subprocess.Popen(
        ["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "sshd_config")], stderr=subprocess.DEVNULL
    )
    try:
        await_that(lambda: _accepts() or server.poll() is not None, "sshd accepts connections")
        assert server.poll() is None, f"sshd ended with {server.returncode}"
        yield folder
    finally:
        server.terminate()
        server.wait(180)


def _accepts() -> bool:
    with suppress(OSError), socket.create_connection((FAR, PORT), timeout=60):
        return True
    return False


@pytest.fixture
def far(near: str, keys: Path, own_home: Path) -> Iterator[Callable[..., dict[str, Any]]]:
    """``far("up", "redis")``: a command run in the namespace, its JSON."""
    env = {
        **os.environ,
        "PATH": f"{keys / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "SANDBOX_HOME": str(own_home),
        "SANDBOX_RUNTIME": "docker",
        "DOCKER_HOST": f"ssh://root@{FAR}:{PORT}",
    }

    def run(*words: str, code: int = 0) -> dict[str, Any]:
        ended = subprocess.run(
            ["ip", "netns", "exec", near, COMMAND, *words, "--json"],
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert ended.returncode == code, ended.stderr + ended.stdout
        found: dict[str, Any] = json.loads(ended.stdout)
        return found

    yield run
    run("down", "--all", "--delete")
    # The connection to the engine would end by itself, ten minutes later.
    for pid in _inside(near):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def _inside(near: str) -> list[int]:
    pids = subprocess.run(["ip", "netns", "pids", near], check=True, capture_output=True, text=True).stdout
    return [int(pid) for pid in pids.split()]


def _masters(near: str) -> list[int]:
    """The ssh connections that live in the namespace in the background."""
    found = []
    for pid in _inside(near):
        with suppress(OSError):  # it ended just now
            if b"-L\x00" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def test_an_engine_far_away_is_used_as_one_that_is_here(
    far: Callable[..., dict[str, Any]], near: str
) -> None:
    engine = far("up", "redis")["data"]["engines"][0]
    assert (engine["runtime"], engine["host"], engine["state"]) == ("docker", "127.0.0.1", "running")
    rows = {row["table"]: row["rows"] for row in far("status")["data"]["tables"]}
    assert rows["customers"] == 635

    # A connection that was lost is made again by whoever asks next.
    (pid,) = _masters(near)
    os.kill(pid, signal.SIGKILL)
    await_that(lambda: not _masters(near), "it is gone")
    assert far("status")["data"]["engines"][0]["healthy"]
    assert len(_masters(near)) == 1

    assert far("down")["data"]["stopped"] == [{"sandbox": "default", "engine": "redis"}]
    # It was told to end, and does so when it gets to it.
    await_that(lambda: not _masters(near), "the connection for the ports is gone")
    again = Said(0, json.dumps(far("up", "redis")), "")
    assert again.lost_a_port or again.data["engines"][0]["port"] == engine["port"]
