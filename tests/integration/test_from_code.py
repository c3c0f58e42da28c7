"""Sandboxes brought up by a program: blocks, tasks of asyncio, unittest."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

from sandbox.leases import Lease
from sandbox.sandbox import Sandbox

NAME = "code"


def redis() -> Sandbox:
    return Sandbox(["redis"], name=NAME)


def running() -> list[str]:
    return Sandbox(name=NAME).running()


def test_a_block_stops_what_it_started_and_leaves_what_ran(own_home: Path) -> None:
    with redis() as box:
        assert box["redis"].port
        with Sandbox(["redis", "postgres"], name=NAME) as more:
            assert more["postgres"].url
            assert more["redis"] == box["redis"]
            assert running() == ["postgres", "redis"]
        assert "redis" in running()
    assert running() == []


def test_the_last_of_several_blocks_stops_the_engine(own_home: Path) -> None:
    first, second = redis(), redis()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert running() == ["redis"]
    second.__exit__(None, None, None)
    assert running() == []


def test_what_a_person_brings_up_meanwhile_stays(own_home: Path) -> None:
    with redis():
        command = [sys.executable, "-m", "sandbox", "up", "redis", "--name", NAME]
        subprocess.run(command, check=True, capture_output=True)
    assert running() == ["redis"]


def test_a_block_whose_engine_does_not_start_leaves_nothing(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sandbox.errors import SandboxError

    with monkeypatch.context() as patch:
        patch.setenv("JAVA_HOME", "/nowhere")
        patch.setenv("PATH", "/nowhere")
        patch.setenv("SANDBOX_CACHE", str(own_home / "no" / "cache"))
        (own_home / "no").write_text("")
        with pytest.raises(SandboxError), redis():
            raise AssertionError("never comes here")
    assert running() == []


def test_tasks_share_an_engine_and_the_loop_goes_on(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ports: set[int] = set()
    starting, went_on = threading.Event(), threading.Event()
    need = Lease.need

    def need_when_the_loop_went_on(lease: Lease, *given: Any, **more: Any) -> None:
        starting.set()
        assert went_on.wait(120), "the loop stood still while an engine was to start"
        need(lease, *given, **more)

    monkeypatch.setattr(Lease, "need", need_when_the_loop_went_on)

    async def tick() -> None:
        while not starting.is_set():
            await asyncio.sleep(0.01)
        for _ in range(10):
            await asyncio.sleep(0.01)
        went_on.set()

    async def use(box: Sandbox) -> None:
        async with box as same:
            assert same is box
            ports.add(box["redis"].port)
            await asyncio.sleep(0.05)
            # The others may have ended: it runs as long as anybody needs it.
            assert running() == ["redis"]

    async def main() -> None:
        shared = redis()
        await asyncio.gather(tick(), *(use(shared) for _ in range(4)), *(use(redis()) for _ in range(8)))

    asyncio.run(main())
    assert len(ports) == 1
    assert running() == []
    for thread in threading.enumerate():
        if thread.name.startswith("sandbox_"):
            thread.join(60)
            assert not thread.is_alive()


@pytest.mark.parametrize("after", [0.0, 0.05, 0.3])
def test_a_task_that_is_cancelled_while_it_starts_leaves_nothing(own_home: Path, after: float) -> None:
    async def use() -> None:
        async with redis():
            await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(use())
        await asyncio.sleep(after)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert running() == []


def test_unittest_has_engines_for_a_class_and_namespaces_for_a_test(own_home: Path, tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(
        textwrap.dedent(
            """
            import unittest
            from pathlib import Path
            from sandbox.testing import SandboxTestCase, Session

            def setUpModule():
                SandboxTestCase.sandbox_session = unittest.enterModuleContext(Session())

            class Base(SandboxTestCase):
                sandbox_engines = ("redis",)

                def test_one(self):
                    mine = self.sandbox_namespace("redis")
                    with mine.connect() as connection:
                        self.assertEqual(connection.dbsize(), 0)
                        connection.set("a", 1)

                def test_two(self):
                    mine = self.sandbox_namespace("redis", loaded=True)
                    with mine.connect() as connection:
                        self.assertGreater(connection.dbsize(), 600)
                        self.assertIsNone(connection.get("a"))
                    endpoint = self.sandbox_endpoint("redis")
                    with Path("ports").open("a") as file:
                        file.write(f"{endpoint.port}\\n")

            class Other(Base):
                pass
            """
        )
    )
    alone = (tmp_path / "test_mine.py").read_text().replace("def setUpModule", "def unused")
    (tmp_path / "test_alone.py").write_text(alone)
    for module in ("test_mine", "test_alone"):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "unittest", module],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "Ran 4 tests" in done.stderr
        assert not list(own_home.glob("*/")), done.stderr
    ports = (tmp_path / "ports").read_text().split()
    assert len(set(ports[:2])) == 1
