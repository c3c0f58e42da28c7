"""Fetching: from a repository of our own on 127.0.0.1, with every fault that a network can have."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sandbox.errors import EnvironmentRefusedError
from sandbox.events import Done, Event, Phase, Progress
from sandbox.runtimes.native import artifacts as lock
from sandbox.runtimes.native import download, transfer
from sandbox.runtimes.native.artifacts import Artifact, missing
from sandbox.runtimes.native.fetch import fetch, verify
from sandbox.runtimes.native.renew import write_lock

from .maven_server import Fault, Repository, serve

MakeGroup = Callable[..., list[Artifact]]

PATIENCE = 300.0
"""Seconds without a byte after which a connection of these tests counts as broken."""


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    # A server that a busy machine keeps from its work is not a broken connection, which would be asked again.
    monkeypatch.setattr(transfer, "TIMEOUT", PATIENCE)
    with serve() as running:
        monkeypatch.setenv("SANDBOX_MAVEN_URL", running.url + "/")
        yield running


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "locks"
    folder.mkdir()
    monkeypatch.setattr(lock, "LOCKS", folder)
    _forget()
    yield folder
    _forget()


def _forget() -> None:
    for remembered in (lock.group_names, lock.locked, lock.artifacts):
        remembered.cache_clear()


@pytest.fixture
def group(locks: Path, repository: Repository) -> MakeGroup:
    """``group("name", a=1000, b=2000)``: jars with so many bytes, locked and offered by the repository."""

    def make(name: str, **sizes: int) -> list[Artifact]:
        made = []
        for file, size in sizes.items():
            body = random.Random(file).randbytes(size)
            artifact = Artifact(
                f"org.example:{file}:1.0", f"{file}-1.0.jar", hashlib.sha256(body).hexdigest(), size
            )
            repository.files["/" + artifact.maven_path] = body
            made.append(artifact)
        write_lock(locks / f"{name}.json", made)
        _forget()
        return made

    return make


def _fetch_elsewhere(locks: Path, cache: Path, group: str) -> subprocess.Popen[str]:
    """The same fetch in another process, which prints how many bytes it knows to be there."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from sandbox.events import Progress\n"
        "from sandbox.runtimes.native import artifacts, fetch, transfer\n"
        "artifacts.LOCKS = Path(sys.argv[1])\n"
        "transfer.TIMEOUT = float(sys.argv[4])\n"
        "def tell(event):\n"
        "    if isinstance(event, Progress):\n"
        "        print(event.done, flush=True)\n"
        "fetch.fetch([sys.argv[3]], cache=Path(sys.argv[2]), sink=tell)\n"
    )
    command = [sys.executable, "-c", code, str(locks), str(cache), group, str(PATIENCE)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def test_jars_arrive_verified_in_the_order_of_the_lock_and_readable_by_all(
    group: MakeGroup, repository: Repository, cache: Path
) -> None:
    sizes = {f"jar{number}": 10_000 * number for number in range(1, 30)}
    made = group("many", **sizes)
    previous = os.umask(0o077)
    try:
        paths = fetch(["many"], cache=cache)["many"]
    finally:
        os.umask(previous)
    assert [path.name for path in paths] == [artifact.file for artifact in lock.artifacts("many")]
    assert {path.read_bytes() for path in paths} == set(repository.files.values())
    assert len(repository.requests) == len(made)
    for path in paths:
        assert path.stat().st_mode & 0o777 == 0o644
        for folder in path.relative_to(cache).parents:
            assert (cache / folder).stat().st_mode & 0o777 == 0o755


def test_what_is_there_is_not_asked_for_again(group: MakeGroup, repository: Repository, cache: Path) -> None:
    group("one", a=1000, b=1000)
    fetch(["one"], cache=cache)
    asked = len(repository.requests)
    fetch(["one"], cache=cache)
    fetch(["one"], cache=cache, offline=True)
    assert len(repository.requests) == asked


def test_groups_report_their_bytes_until_all_are_there(group: MakeGroup, cache: Path) -> None:
    group("first", a=300_000, b=500_000)
    group("second", a=300_000, c=1)
    events: list[Event] = []
    fetch(["first", "second"], cache=cache, sink=events.append)
    for name, total in (("first", 800_000), ("second", 300_001)):
        mine = [event for event in events if getattr(event, "subject", "") == name]
        assert isinstance(mine[0], Phase)
        assert isinstance(mine[-1], Done)
        progress = [event for event in mine if isinstance(event, Progress)]
        assert [event.done for event in progress] == sorted(event.done for event in progress)
        assert progress[-1] == Progress(name, "fetch", total, total, "bytes")


def test_a_broken_download_goes_on_where_it_stopped(
    group: MakeGroup, repository: Repository, cache: Path
) -> None:
    [artifact] = group("one", a=2_000_000)
    repository.break_next(artifact.maven_path, Fault(break_after=700_000), Fault(break_after=1))
    [path] = fetch(["one"], cache=cache)["one"]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == artifact.sha256
    assert repository.asked("a-1.0.jar") == [None, "bytes=700000-", "bytes=700001-"]


def test_a_server_without_ranges_is_asked_for_the_whole_again(
    group: MakeGroup, repository: Repository, cache: Path
) -> None:
    [artifact] = group("one", a=2_000_000)
    repository.ranges = False
    repository.break_next(artifact.maven_path, Fault(break_after=700_000))
    [path] = fetch(["one"], cache=cache)["one"]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == artifact.sha256
    assert repository.asked("a-1.0.jar") == [None, "bytes=700000-"]


def test_a_fetch_that_was_killed_is_gone_on_with_by_the_next(
    group: MakeGroup, repository: Repository, cache: Path, locks: Path
) -> None:
    [artifact] = group("one", a=4_000_000)
    never = threading.Event()
    repository.break_next(artifact.maven_path, Fault(stall=never))
    killed = _fetch_elsewhere(locks, cache, "one")
    part = artifact.path(cache).with_name("a-1.0.jar.part")
    _wait(lambda: part.exists() and part.stat().st_size >= 1_000_000)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    never.set()
    assert missing(["one"], cache) == [artifact]
    have = part.stat().st_size
    [path] = fetch(["one"], cache=cache)["one"]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == artifact.sha256
    assert repository.asked("a-1.0.jar") == [None, f"bytes={have}-"]
    assert not part.exists()


def test_a_part_with_wrong_bytes_is_fetched_anew(
    group: MakeGroup, repository: Repository, cache: Path
) -> None:
    [artifact] = group("one", a=100_000)
    part = artifact.path(cache).with_name("a-1.0.jar.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 40_000)
    [path] = fetch(["one"], cache=cache)["one"]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == artifact.sha256
    assert repository.asked("a-1.0.jar") == ["bytes=40000-", None]


def test_wrong_bytes_on_the_wire_are_fetched_again_once(
    group: MakeGroup, repository: Repository, cache: Path
) -> None:
    [artifact] = group("one", a=100_000)
    repository.break_next(artifact.maven_path, Fault(body=b"x" * 100_000))
    [path] = fetch(["one"], cache=cache)["one"]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == artifact.sha256


@pytest.mark.parametrize("size", [500, 100_000, 300_000, 3_000_000])
def test_wrong_bytes_twice_are_refused_with_both_hashes_whatever_their_length(
    size: int, group: MakeGroup, repository: Repository, cache: Path
) -> None:
    [artifact] = group("one", a=100_000)
    wrong = b"x" * size
    repository.break_next(artifact.maven_path, *[Fault(body=wrong)] * 2)
    with pytest.raises(EnvironmentRefusedError) as caught:
        fetch(["one"], cache=cache)
    assert caught.value.code == "artifact-corrupt"
    assert "a-1.0.jar" in caught.value.title
    assert artifact.sha256 in caught.value.detail
    if size < 1_000_000:
        assert hashlib.sha256(wrong).hexdigest() in caught.value.detail
    assert len(repository.requests) == 2
    assert [path for path in cache.rglob("*.jar*") if path.is_file()] == []


def test_a_busy_server_is_asked_again(group: MakeGroup, repository: Repository, cache: Path) -> None:
    [artifact] = group("one", a=1000)
    repository.break_next(artifact.maven_path, Fault(status=503), Fault(status=429))
    fetch(["one"], cache=cache)
    assert len(repository.requests) == 3


def test_a_file_that_the_repository_does_not_have_is_named(
    group: MakeGroup, repository: Repository, cache: Path
) -> None:
    group("one", a=1000)
    repository.files.clear()
    with pytest.raises(EnvironmentRefusedError) as caught:
        fetch(["one"], cache=cache)
    assert caught.value.code == "artifact-not-found"
    assert "org.example:a:1.0" in caught.value.title
    assert "404" in caught.value.detail
    assert len(repository.requests) == 1


def test_a_secret_in_the_repositorys_address_is_not_shown(
    group: MakeGroup, repository: Repository, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group("one", a=1000)
    repository.files.clear()
    monkeypatch.setenv("SANDBOX_MAVEN_URL", repository.url.replace("//", "//user:hunter2@"))
    with pytest.raises(EnvironmentRefusedError) as caught:
        fetch(["one"], cache=cache)
    assert "hunter2" not in json.dumps(caught.value.as_json())


def test_credentials_in_the_repositorys_address_are_used(
    group: MakeGroup, repository: Repository, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group("one", a=1000)
    repository.login = "user:hunter2"
    monkeypatch.setenv("SANDBOX_MAVEN_URL", repository.url.replace("//", "//user:hunter2@"))
    assert fetch(["one"], cache=cache)["one"][0].stat().st_size == 1000


def test_offline_tells_by_group_what_is_missing_and_asks_nobody(
    group: MakeGroup, repository: Repository, cache: Path
) -> None:
    group("there", z=10)
    fetch(["there"], cache=cache)
    repository.requests.clear()
    group("many", **{f"jar{number}": 50_000 for number in range(40)})
    group("one", a=1_500_000)
    with pytest.raises(EnvironmentRefusedError) as caught:
        fetch(["there", "many", "one"], cache=cache, offline=True)
    error = caught.value
    assert error.code == "artifacts-missing"
    assert "many: 40 of 40 files, 2.0 MB" in error.detail
    assert "one: 1 of 1 files, 1.5 MB (org.example:a:1.0)" in error.detail
    assert "there" not in error.detail
    assert len(error.detail.splitlines()) < 8
    assert any("sandbox pull" in action for action in error.actions)
    assert repository.requests == []


def test_without_a_network_the_same_is_told_within_seconds(
    group: MakeGroup, repository: Repository, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One after the other each would be tried for seconds: for minutes altogether.
    group("many", **{f"jar{number}": 10 for number in range(1000)})
    # Ours, so that nobody else gets the port, and nobody listens.
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        monkeypatch.setenv("SANDBOX_MAVEN_URL", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        begun = time.monotonic()
        with pytest.raises(EnvironmentRefusedError) as caught:
            fetch(["many"], cache=cache)
    assert time.monotonic() - begun < 60
    assert caught.value.code == "artifacts-missing"
    assert "refused" in caught.value.detail
    assert "many: 1000 of 1000 files" in caught.value.detail


def test_two_fetchers_at_once_share_one_download(
    group: MakeGroup, repository: Repository, cache: Path, locks: Path
) -> None:
    artifacts = group("two", a=3_000_000, b=1000)
    go_on = threading.Event()
    repository.break_next(artifacts[0].maven_path, Fault(stall=go_on))
    first = _fetch_elsewhere(locks, cache, "two")
    _wait(lambda: bool(repository.asked("a-1.0.jar")))
    second = _fetch_elsewhere(locks, cache, "two")
    # It tells how far the first one is, while it waits for that one's lock.
    assert second.stdout is not None
    while int(second.stdout.readline()) < 1_000_000:
        pass
    go_on.set()
    for process in (first, second):
        _, said = process.communicate(timeout=180)
        assert process.returncode == 0, said
    assert repository.asked("a-1.0.jar") == [None]
    assert repository.asked("b-1.0.jar") == [None]
    assert verify(["two"], cache=cache) == []


def test_one_failure_ends_the_other_downloads_soon(
    group: MakeGroup, repository: Repository, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big, small = group("two", big=8_000_000, small=10)
    failed = threading.Event()

    class Pool(ThreadPoolExecutor):
        def shutdown(self, *given: Any, **more: Any) -> None:
            # The failure has come through, and the other download is now waited for.
            failed.set()
            super().shutdown(*given, **more)

    monkeypatch.setattr(download, "ThreadPoolExecutor", Pool)
    repository.break_next(big.maven_path, Fault(stall=failed))
    del repository.files["/" + small.maven_path]
    with pytest.raises(EnvironmentRefusedError) as caught:
        fetch(["two"], cache=cache)
    assert failed.is_set()
    assert "small" in caught.value.title
    assert missing(["two"], cache) == [big, small]


def test_verify_finds_a_file_that_went_bad_and_the_next_fetch_replaces_it(
    group: MakeGroup, cache: Path
) -> None:
    group("one", a=100_000, b=10)
    bad = fetch(["one"], cache=cache)["one"][0]
    good = bad.read_bytes()
    bad.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert missing(["one"], cache) == []
    [found] = verify(["one"], cache=cache, remove=True)
    assert found.path == bad
    assert found.found not in ("", found.artifact.sha256)
    fetch(["one"], cache=cache)
    assert bad.read_bytes() == good
    assert verify(["one"], cache=cache) == []


def test_too_little_room_is_refused_before_the_first_byte(
    group: MakeGroup, repository: Repository, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group("one", a=2_000_000)
    real = shutil.disk_usage
    monkeypatch.setattr(shutil, "disk_usage", lambda path: real(path)._replace(free=1_000_000))
    with pytest.raises(EnvironmentRefusedError) as caught:
        fetch(["one"], cache=cache)
    assert caught.value.code == "disk-full"
    assert "2 MB" in caught.value.detail
    assert repository.requests == []


def test_a_disk_that_fills_up_on_the_way_is_named_and_what_arrived_is_kept(
    group: MakeGroup, cache: Path, locks: Path, tmp_path: Path
) -> None:
    group("one", a=900_000)
    cache.mkdir()
    script = tmp_path / "fill.py"
    script.write_text(_FILL)
    mount = f"mount -t tmpfs -o size=1m none {cache} && exec {sys.executable} {script} {locks} {cache}"
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", mount],
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip("this machine lets nobody mount a small disk")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["code"] == "disk-full"
    assert str(cache) in said["title"]
    assert said["kept"] > 100_000


# There is room for the file when it is asked for; then another writer takes it.
_FILL = """
import json, sys
from pathlib import Path
from sandbox.errors import SandboxError
from sandbox.runtimes.native import artifacts, download, fetch

cache, check = Path(sys.argv[2]), download.check_room

def check_and_fill(*arguments):
    check(*arguments)
    (cache / "other").write_bytes(bytes(500_000))

artifacts.LOCKS = Path(sys.argv[1])
download.check_room = check_and_fill
try:
    fetch.fetch(["one"], cache=cache)
except SandboxError as error:
    print(json.dumps(error.as_json() | {"kept": sum(p.stat().st_size for p in cache.rglob("*.part"))}))
"""


def test_a_cache_that_cannot_be_made_is_named(group: MakeGroup, tmp_path: Path) -> None:
    group("one", a=10)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(EnvironmentRefusedError) as caught:
        fetch(["one"], cache=tmp_path / "file" / "cache")
    assert caught.value.code == "cache-not-writable"
    assert str(tmp_path / "file") in caught.value.title


def _wait(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.02)
