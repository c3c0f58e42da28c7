"""What ``down`` does: end what runs, by the state folder or, when that is unreadable, by processes alone."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sandbox.engines.registry import NAMES
from sandbox.errors import EnvironmentRefusedError, SandboxError
from sandbox.events import Warned
from sandbox.state import State, engine_of

if TYPE_CHECKING:
    from sandbox.sandbox import Sandbox


def take_down(box: Sandbox, wanted: Sequence[str], *, delete: bool) -> list[str]:
    """Stop engines with their replicas and instances; see :meth:`sandbox.Sandbox.down`."""
    try:
        state = box.state
    except SandboxError:
        return _blind(box, wanted)
    if not state.root.is_dir():
        return []
    with state.locked(box.sink):
        there = _there(box, state, wanted)
        # Data that are to be deleted need no clean end.
        ran = box.each(there, lambda name: box.runtime.stop(box.blank_seat(name), box.sink, abort=delete))
        for name in there:
            if name in state.engines:
                state.engines[name].wanted = False
            if delete:
                box.runtime.delete(box.blank_seat(name))
                state.forget(name)
        box.end_helpers()
        _end_instances(box, wanted)
        if there:
            state.save()
        if delete and not state.engines and not _keeps_snapshots(state, wanted):
            shutil.rmtree(state.root, ignore_errors=True)
            box.forget_state()
        return [name for name, did in zip(there, ran, strict=True) if did]


def _keeps_snapshots(state: State, wanted: Sequence[str]) -> bool:
    """Whether snapshots keep the folder alive: only who deletes the whole sandbox deletes them too."""
    return len(wanted) < len(NAMES) and any((state.root / "snapshots").glob("[!.]*"))


def taken_down(box: Sandbox, name: str) -> EnvironmentRefusedError:
    """The error for what was at work on an engine when somebody took it down: it is not started again."""
    return EnvironmentRefusedError(
        f"{name} of sandbox {box.name!r} was taken down meanwhile.",
        code="taken-down",
        actions=[f"sandbox up {name}{box.name_option}", "then the same command again"],
    )


def _blind(box: Sandbox, wanted: Sequence[str]) -> list[str]:
    there = _there(box, None, wanted)
    ran = [name for name in there if box.runtime.stop(box.blank_seat(name), box.sink)]
    box.end_helpers()
    _end_instances(box, wanted)
    box.sink(Warned(f"The state file of sandbox {box.name!r} cannot be read; it was left as it is."))
    return ran


def _there(box: Sandbox, state: State | None, wanted: Sequence[str]) -> list[str]:
    """Those of the engines, and their replicas, of which there is a record: of facts or of a process."""
    known = set(state.engines if state else wanted)
    known |= {path.name.removesuffix(".pid") for path in (box.root / "run").glob("*.pid")}
    found = {name for name in known if engine_of(name) in wanted and not name.endswith(".build")}
    return sorted(found, key=lambda name: (wanted.index(engine_of(name)), name))


def _end_instances(box: Sandbox, wanted: Sequence[str]) -> None:
    if (box.root / "instances").is_dir():
        from sandbox.instances import sweep

        sweep(box, wanted, used=True)
