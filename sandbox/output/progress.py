"""Progress on stderr: live bars on a terminal, a line for each longer phase in a pipe."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

from sandbox.events import Done, Event, Failed, Phase, Progress, Said, Warned

_QUIET_PHASES = {"install", "spawn", "copy", "secure", "stop", "initialise"}
"""Phases that are not worth a line of their own unless they take long."""
_LONG = 1.0


def progress(*, quiet: bool) -> Plain | Live | Quiet:
    """The display that fits stderr; quiet under ``--json`` (warnings are in the envelope)."""
    if quiet:
        return Quiet()
    return Live() if sys.stderr.isatty() else Plain()


def amount(done: int, unit: str) -> str:
    """``12.3 MB``, ``5,012 rows``."""
    return f"{done / 1e6:,.1f} MB" if unit == "bytes" else f"{done:,} {unit}"


def said(event: Event) -> str | None:
    """The event as a line, or None when it deserves none."""
    if isinstance(event, Done):
        if event.phase in _QUIET_PHASES and event.seconds < _LONG:
            return None
        text = f" ({event.text})" if event.text else ""
        return f"{event.subject}: {event.phase} done in {event.seconds:.2f} s{text}"
    if isinstance(event, Failed):
        return f"{event.subject}: failed: {event.text}"
    if isinstance(event, Warned):
        return f"warning: {event.text}"
    return event.text if isinstance(event, Said) else None


class Quiet:
    """Shows nothing."""

    def __call__(self, event: Event) -> None:
        pass

    def close(self) -> None:
        pass


class Plain:
    """Lines for a pipe or a log: the start of what may take long, an amount every five seconds, the end."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, str], float] = {}

    def __call__(self, event: Event) -> None:
        if isinstance(event, Phase):
            if event.phase in ("fetch", "initialise", "settle", "build"):
                self._line(f"{event.subject}: {event.phase} ..." + (f" ({event.text})" if event.text else ""))
            return
        if isinstance(event, Progress):
            now, key = time.monotonic(), (event.subject, event.phase)
            if now - self._said.setdefault(key, now) >= 5:
                self._said[key] = now
                of = f" of {amount(event.total, event.unit)}" if event.total else ""
                self._line(f"{event.subject}: {event.phase} {amount(event.done, event.unit)}{of}")
            return
        line = said(event)
        if line:
            self._line(line)

    def _line(self, text: str) -> None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def close(self) -> None:
        pass


class Live:
    """One live row for each subject at work; rows go when their subject is done."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        from sandbox.output import console

        self._console = console(stderr=True)
        self._bars = Bars(
            SpinnerColumn(),
            TextColumn("[bold]{task.description:<11}"),
            TextColumn("{task.fields[phase]:<28}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[amount]}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        self._rows: dict[str, Any] = {}
        self._started = False
        self._guard = threading.Lock()

    def _row(self, subject: str) -> Any:
        if not self._started:
            self._bars.start()
            self._started = True
        if subject not in self._rows:
            self._rows[subject] = self._bars.add_task(subject, total=None, phase="", amount="")
        return self._rows[subject]

    def __call__(self, event: Event) -> None:
        with self._guard:
            if isinstance(event, Phase):
                text = f"{event.phase} {event.text}".strip()
                self._bars.update(self._row(event.subject), total=None, phase=text, amount="")
            elif isinstance(event, Progress):
                self._bars.update(
                    self._row(event.subject),
                    total=event.total,
                    completed=event.done,
                    phase=event.phase,
                    amount=amount(event.done, event.unit),
                )
            elif isinstance(event, Done):
                if event.subject in self._rows:
                    self._bars.update(self._rows[event.subject], phase=f"{event.phase} done", amount="")
            else:
                line = said(event)
                if line:
                    from rich.text import Text

                    (self._bars.console if self._started else self._console).print(Text(line))

    def close(self) -> None:
        """Take the display away."""
        with self._guard:
            if self._started:
                self._bars.stop()
                self._started = False
                self._rows.clear()
