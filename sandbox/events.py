"""What domain code says while it works. It never prints: it emits these to a sink, which shows them.

A sink is any callable that takes one event. `sandbox.output` has the plain, rich and JSON ones. Sinks are
called from several threads and must cope with that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Phase:
    """An engine (or another subject) entered a phase: ``fetch``, ``prepare``, ``start``, ``load`` ..."""

    subject: str
    phase: str
    text: str = ""


@dataclass(frozen=True)
class Progress:
    """How far a phase is. ``done`` and ``total`` share ``unit`` (``bytes``, ``rows``, ``files``);
    ``total`` is None when it cannot be known."""

    subject: str
    phase: str
    done: int
    total: int | None
    unit: str


@dataclass(frozen=True)
class Done:
    """A phase of a subject ended well after ``seconds``."""

    subject: str
    phase: str
    seconds: float
    text: str = ""


@dataclass(frozen=True)
class Failed:
    """A subject failed; the error follows as an exception or in the result."""

    subject: str
    text: str


@dataclass(frozen=True)
class Warned:
    """Something a person should know, which stops nothing. Repeated in ``warnings`` of the JSON envelope."""

    text: str


@dataclass(frozen=True)
class Said:
    """One plain line of information."""

    text: str


Event: TypeAlias = Phase | Progress | Done | Failed | Warned | Said
Sink: TypeAlias = Callable[[Event], None]


def silent(_event: Event) -> None:
    """A sink that shows nothing."""
