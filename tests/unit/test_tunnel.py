"""Where the control sockets of ssh connections lie."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from sandbox.errors import EnvironmentRefusedError
from sandbox.runtimes.docker import tunnel


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_ending_a_connection_that_never_was_leaves_nothing_behind(temporary: Path) -> None:
    tunnel.end(tunnel.socket_of("a seat"))
    assert not tunnel.lives(tunnel.socket_of("a seat"))
    assert not list(temporary.iterdir())


def test_sockets_in_a_folder_that_is_open_to_others_are_not_used() -> None:
    socket = tunnel.socket_of("a seat")
    socket.parent.mkdir(mode=0o755)
    socket.touch()
    for use in (tunnel.lives, tunnel.end):
        with pytest.raises(EnvironmentRefusedError, match="open to others"):
            use(socket)
    with pytest.raises(EnvironmentRefusedError, match="open to others"):
        tunnel.begin(socket, [], "ssh://nobody@127.0.0.1:1")
    assert socket.exists()
