"""What a runtime does with an engine's data for snapshots; each has a ``snapshots.py`` with its ``keeper``.

Nothing here knows what a snapshot is called or consists of: that is :mod:`sandbox.snapshots`.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sandbox.state import write_atomic

if TYPE_CHECKING:
    from sandbox.endpoint import Endpoint
    from sandbox.engines.base import Credentials
    from sandbox.runtimes.base import Runtime
    from sandbox.state import Seat


class Hold(Protocol):
    """An engine that stands still. :meth:`release` lets it go on; a second call does nothing."""

    def release(self) -> None: ...


class Keeper(Protocol):
    """Copies data of engines out of their places and back. ``folder`` is a snapshot's place for one engine,
    which the keeper fills as it likes. ``seat`` is never a replica's."""

    def fits(self, seat: Seat, product: str, version: str) -> bool:
        """Whether the engine here can run on data that this version of this product left."""

    def size(self, seat: Seat) -> int:
        """Bytes that a copy of the data will take; about."""

    def passwords(self, seat: Seat) -> Credentials:
        """Those that the data have."""

    def settle(self, seat: Seat, endpoint: Endpoint) -> None:
        """Have a running engine bring all that it acknowledged so far into its data."""

    def hold(self, seat: Seat) -> Hold:
        """Have a running engine stand still: nothing of it writes until it is released or we are gone."""

    def save(self, seat: Seat, folder: Path) -> int:
        """Copy the data of an engine that stands still, or does not run, into an empty folder; the bytes that
        it takes then."""

    def stage(self, seat: Seat, folder: Path) -> None:
        """Make ready to give the engine, which may run, the data that were saved in the folder."""

    def swap(self, seat: Seat, was: Credentials | None) -> None:
        """Put what was staged in the place of the data of an engine that does not run; those are kept until
        :meth:`forget`. ``was``: the passwords that the data have, when they are not the seat's. Does nothing
        when nothing is staged: so it can be done again after a kill at any moment."""

    def swap_back(self, seat: Seat) -> None:
        """Undo a swap; the engine does not run. It can be done again after a kill at any moment."""

    def recycle(self, seat: Seat, folder: Path) -> None:
        """Take out of a snapshot's folder that is about to be deleted what makes the next copy quicker."""

    def make_room(self, seat: Seat) -> None:
        """Delete what is kept only to make the next copy quicker."""

    def left_over(self, seat: Seat) -> bool:
        """Whether there is something that :meth:`forget` would delete."""

    def forget(self, seat: Seat) -> None:
        """Delete what was staged, and what a swap kept."""


RESTORED = "restored"
"""In a seat's record, in the place of a golden copy's key: the data have the passwords that they were saved
with. They get the sandbox's at the next start."""


def restored_path(seat: Seat) -> Path:
    """The file with the passwords that restored data have (0600)."""
    return seat.root / "engines" / seat.engine / "restored.json"


def restored_passwords(seat: Seat) -> Credentials | None:
    """The passwords that restored data have; None when they have the sandbox's."""
    from sandbox.engines.base import Credentials

    if seat.record.golden != RESTORED:
        return None
    try:
        return Credentials(**json.loads(restored_path(seat).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_passwords(seat: Seat, was: Credentials | None) -> None:
    """Note which passwords the data have; None for the sandbox's."""
    if was is not None:
        text = json.dumps({"admin": was.admin, "learner": was.learner})
        restored_path(seat).parent.mkdir(parents=True, exist_ok=True)
        write_atomic(restored_path(seat), text + "\n")
    seat.record.golden = RESTORED if was is not None else ""


def keeper(runtime: Runtime) -> Keeper:
    """The runtime's keeper of data."""
    module = importlib.import_module(f"sandbox.runtimes.{runtime.name}.snapshots")
    made: Keeper = module.KEEPER(runtime)
    return made
