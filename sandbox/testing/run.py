"""What the pytest plugin knows in one process of a run, from the first test that asks for an engine.

A controller of pytest-xdist has one in any case, so that this is light.
"""

from __future__ import annotations

import hashlib
import signal
import threading
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import config as folders
from sandbox.testing.choice import Choice

if TYPE_CHECKING:
    from sandbox.testing.logs import LogMark
    from sandbox.testing.session import Session

_logs: pytest.StashKey[dict[str, LogMark]] = pytest.StashKey()


class Run:
    """One process of a run of pytest: the only one, the controller of pytest-xdist, or one of its workers."""

    def __init__(self, config: pytest.Config) -> None:
        given = getattr(config, "workerinput", {})
        if "sandbox" in given:
            values = {**given["sandbox"], "together": tuple(given["sandbox"]["together"])}
            self.choice = Choice(**values, worker=given["workerid"])
        else:
            self.choice = _read(config)
        self.kept = ""
        """The sandbox that was left running at the end."""
        self._has_workers = False
        self._before: Any = None
        self._end_cleanly_on_sigterm()

    @cached_property
    def session(self) -> Session:
        """The run's engines."""
        from sandbox.testing.session import Session

        return Session(self.choice)

    def for_workers(self) -> dict[str, Any]:
        """The choice in plain values. The controller ends what its workers started."""
        self._has_workers = True
        values = asdict(self.choice)
        values.pop("worker")
        return {**values, "together": list(values["together"])}

    def end(self) -> None:
        """Give back everything; in a controller, end what workers left. Harmless the second time."""
        session: Session | None = self.__dict__.pop("session", None)
        used = session is not None and session.used
        if session is not None:
            session.close()
        if self._has_workers and (folders.home() / self.choice.name).is_dir():
            from sandbox.testing.session import finish

            finish(self.choice, workers=True)
            used = True
        if used and self.choice.keep:
            self.kept = self.choice.name
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)
            self._before = None

    def watch_log(self, item: pytest.Item, engine: str) -> None:
        """Show what an engine writes from now on when the test fails."""
        logs = item.stash.setdefault(_logs, {})
        if engine not in logs:
            logs[engine] = self.session.mark_log(engine)

    def add_logs(self, item: pytest.Item, report: pytest.TestReport) -> None:
        """Add to the report of a failed test what its engines wrote."""
        for engine, mark in item.stash.get(_logs, {}).items():
            started = self.session.started.get(engine, mark)
            # What it said while it started for this test is of no use.
            if lines := max(mark, started, key=lambda m: m.at).lines():
                report.sections.append((f"Log of {engine} since the test began", "\n".join(lines)))

    def _end_cleanly_on_sigterm(self) -> None:
        """As on Ctrl-C: what cancels a job of continuous integration would else leave engines running."""
        ours = threading.current_thread() is threading.main_thread()
        if ours and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            self._before = signal.signal(signal.SIGTERM, signal.default_int_handler)


def _read(config: pytest.Config) -> Choice:
    dataset = config.getini("sandbox_dataset")
    folder = config.rootpath / dataset
    return Choice.of(
        config.getoption("sandbox_name") or config.getini("sandbox_name") or None,
        keep=config.getoption("sandbox_keep"),
        key=hashlib.sha256(str(config.rootpath).encode()).hexdigest()[:12],
        together=config.getini("sandbox_engines"),
        dataset=str(folder) if dataset and folder.is_dir() else dataset,
        runtime=config.getoption("sandbox_runtime") or config.getini("sandbox_runtime"),
    )
