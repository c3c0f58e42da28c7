"""The scripts that run inside of containers, run here: one starts the engine, others exchange its files."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from sandbox.runtimes.docker import mysql, restart, snapshots, tars

SECONDS = 60
Begin = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Begin the script that starts an engine, with other words in the engine's place."""
    all_begun: list[subprocess.Popen[str]] = []

    def begun(*words: str, again: str = "") -> subprocess.Popen[str]:
        script = tmp_path / "start.sh"
        script.write_text(restart.script(again).replace("/tmp/", f"{tmp_path}/"))
        # In a container none is ignored; under `nohup` and in the background of a shell they are, and a shell
        # that begins so hears nothing of them.
        before = {each: signal.signal(each, signal.SIG_DFL) for each in (signal.SIGINT, signal.SIGQUIT)}
        try:
            process = subprocess.Popen(
                ["sh", str(script), *words], stdout=subprocess.PIPE, text=True, start_new_session=True
            )
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
        all_begun.append(process)
        return process

    yield begun
    for process in all_begun:
        with process:
            kill(process)


def python(program: str) -> tuple[str, ...]:
    return sys.executable, "-uc", program


def kill(process: subprocess.Popen[str]) -> None:
    """With its engine."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def line(process: subprocess.Popen[str]) -> str:
    """What it says next; nothing when it ends, which it does when it says nothing for long."""
    assert process.stdout is not None
    timer = threading.Timer(SECONDS, kill, [process])
    timer.start()
    try:
        return process.stdout.readline().strip()
    finally:
        timer.cancel()


def ended(process: subprocess.Popen[str]) -> int:
    with process:
        return process.wait(SECONDS)


@pytest.mark.parametrize(
    ("program", "code"),
    [("raise SystemExit(0)", 0), ("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 137)],
)
def test_it_ends_as_the_engine_ends(begin: Begin, program: str, code: int) -> None:
    assert ended(begin(*python(program))) == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_is_passed_on_and_the_engine_takes_its_time(begin: Begin, number: signal.Signals) -> None:
    process = begin(
        *python(
            "import signal, time\n"
            f"signal.signal({int(number)}, lambda *_: (time.sleep(0.3), print('clean'), exit(5)))\n"
            "print('on')\n"
            "while True: signal.pause()"
        )
    )
    assert line(process) == "on"
    process.send_signal(number)
    assert line(process) == "clean"
    assert ended(process) == 5


def end_held(engine: int, folder: Path) -> None:
    """End the engine while it is held, and hold it no more once that is seen."""
    held, waits = folder / ".sandbox-held", folder / ".sandbox-waits"
    waits.unlink(missing_ok=True)
    held.touch()
    os.kill(engine, signal.SIGKILL)
    deadline = time.monotonic() + SECONDS
    while not waits.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    held.unlink()


def test_an_engine_that_ends_while_it_is_held_is_started_again_afterwards(
    begin: Begin, tmp_path: Path
) -> None:
    process = begin(*python("import os, signal; print(os.getpid()); signal.pause()"))
    first = line(process)
    end_held(int(first), tmp_path)
    second = line(process)
    assert second not in ("", first)
    os.kill(int(second), signal.SIGKILL)
    assert ended(process) == 137


def test_the_second_start_leaves_the_entrypoint_out_where_the_engine_can_do_without(
    begin: Begin, tmp_path: Path
) -> None:
    entrypoint, engine = tmp_path / "entrypoint", tmp_path / "engine"
    entrypoint.write_text('#!/bin/sh\necho entrypoint\nexec "$@"\n')
    engine.write_text('#!/bin/sh\necho "$$ $*"\nexec sleep 600\n')
    for each in (entrypoint, engine):
        each.chmod(0o755)
    process = begin(str(entrypoint), str(engine), "--one", "two words", again="--user=me")
    assert line(process) == "entrypoint"
    for said in ("--one two words", "--user=me --one two words", "--user=me --one two words"):
        number, _, words = line(process).partition(" ")
        assert words == said
        end_held(int(number), tmp_path)


def test_a_signal_ends_it_while_it_waits_for_its_files(begin: Begin, tmp_path: Path) -> None:
    process = begin(*python("import os, signal; print(os.getpid()); signal.pause()"))
    first = line(process)
    (tmp_path / ".sandbox-held").touch()
    os.kill(int(first), signal.SIGKILL)
    process.send_signal(signal.SIGTERM)
    assert ended(process) == 137


# -- files -------------------------------------------------------------------------------------------------

OLD = {"a": "old", ".hidden": "old", "only old/b": "old"}
NEW = {"a": "new", ".hidden": "new", "only new/c": "new"}


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def read(folder: Path) -> dict[str, str]:
    """The files that are not ours."""
    found = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}
    return {name: p.read_text() for name, p in found.items() if not name.startswith(".sandbox-")}


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    folder = tmp_path / "volume"
    write(folder, OLD)
    write(folder / ".sandbox-new", NEW)
    return folder


def run(script: str, volume: Path, deadly: int = -1) -> int:
    """Run a script; it is killed before move ``deadly`` / 2 of files, or right after it where that is odd."""
    tools = volume.parent / "tools"
    tools.mkdir(exist_ok=True)
    count = volume.parent / "count"
    count.write_text("0")
    wrapper = tools / "mv"
    wrapper.write_text(
        f"""#!/bin/sh
n=$(cat {count})
echo $((n + 2)) >{count}
[ "$n" != {deadly} ] || kill -9 $PPID
{shutil.which("mv")} "$@" || exit 1
[ "$((n + 1))" != {deadly} ] || kill -9 $PPID
"""
    )
    wrapper.chmod(0o755)
    env = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    words = ["sh", "-c", script, "sandbox", "one", str(volume)]
    return subprocess.run(words, env=env, check=False, timeout=SECONDS).returncode


MOMENTS = range(-1, 8)
"""Before and after each of the at most four moves."""


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_swap_that_was_killed_at_any_moment_is_finished_by_another(volume: Path, moment: int) -> None:
    assert (run(snapshots.SWAP, volume, moment) == 0) == (moment not in range(6))
    assert run(snapshots.SWAP, volume) == 0
    assert read(volume) == NEW
    assert read(volume / ".sandbox-before-one") == OLD
    assert run(snapshots.SWAP, volume) == 0
    assert read(volume) == NEW


@pytest.mark.parametrize("moment", MOMENTS)
def test_so_is_the_way_back(volume: Path, moment: int) -> None:
    assert run(snapshots.SWAP, volume) == 0
    assert (run(snapshots.SWAP_BACK, volume, moment) == 0) == (moment not in range(6))
    assert run(snapshots.SWAP_BACK, volume) == 0
    assert read(volume) == OLD
    assert run(snapshots.SWAP_BACK, volume) == 0
    assert read(volume) == OLD
    assert run(snapshots.CLEAN, volume) == 0
    assert [p.name for p in volume.iterdir() if p.name.startswith(".sandbox-")] == []


def test_a_new_volume_gets_all_that_was_saved_and_the_rights_of_its_folder(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    write(volume / ".sandbox-new", NEW)
    (volume / ".sandbox-new").chmod(0o710)
    assert run(snapshots.SWAP, volume) == 0
    assert read(volume) == NEW
    assert volume.stat().st_mode & 0o777 == 0o710
    assert sorted(p.name for p in volume.iterdir()) == [".hidden", "a", "only new"]


def test_what_a_restore_left_does_not_hinder_the_next_one(volume: Path) -> None:
    write(volume / ".sandbox-before-zero", OLD)
    write(volume / ".sandbox-moving-zero", OLD)
    assert run(snapshots.SWAP, volume) == 0
    assert read(volume) == NEW


def test_cleaning_behind_a_restore_leaves_what_the_next_one_stages(volume: Path) -> None:
    write(volume / ".sandbox-before-one", OLD)
    assert run(snapshots.CLEAN_BEHIND, volume) == 0
    assert not (volume / ".sandbox-before-one").exists()
    assert read(volume / ".sandbox-new") == NEW


def test_what_a_server_makes_anew_is_left_out_of_a_saved_volume(tmp_path: Path) -> None:
    large = os.urandom(3 << 20)
    write(
        tmp_path / "volume", {"data/a": "a", "data/ibtmp1": "temporary", "data/#innodb_redo/#ib_redo7": "log"}
    )
    write(tmp_path / "volume", {"data/#innodb_redo/#ib_redo8_tmp": "spare"})
    (tmp_path / "volume/data/large").write_bytes(large)
    (tmp_path / "volume/data/empty").write_bytes(bytes(5 << 20))
    (tmp_path / "volume/data/link").symlink_to("a")
    whole, saved = tmp_path / "whole.tar", tmp_path / "saved.tar"
    with tarfile.open(whole, "w") as tar:
        tar.add(tmp_path / "volume", ".sandbox-new")
    content = whole.read_bytes()
    pieces = [content[at : at + 700_001] for at in range(0, len(content), 700_001)]
    tars.write_tar(saved, pieces, mysql.RECIPE.passing)
    (tmp_path / "restored").mkdir()
    subprocess.run(["tar", "xf", str(saved), "-C", str(tmp_path / "restored")], check=True)
    restored = tmp_path / "restored/.sandbox-new/data"
    names = sorted(str(p.relative_to(restored)) for p in restored.rglob("*"))
    assert names == ["#innodb_redo", "#innodb_redo/#ib_redo7", "a", "empty", "large", "link"]
    assert (restored / "large").read_bytes() == large
    assert (restored / "empty").read_bytes() == bytes(5 << 20)
    assert saved.stat().st_blocks * 512 < 6 << 20, "what is empty takes room"


def test_cleaning_leaves_what_is_no_data(volume: Path) -> None:
    write(volume / ".sandbox-kept", {"compiled": "x"})
    assert run(snapshots.SWAP, volume) == 0
    assert run(snapshots.CLEAN, volume) == 0
    assert read(volume) == NEW
    assert [p.name for p in volume.iterdir() if p.name.startswith(".sandbox-")] == [".sandbox-kept"]
