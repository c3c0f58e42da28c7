"""``snapshot save|restore|list|delete``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sandbox.cli.options import AsJson, Engines, Name
from sandbox.output import command, table

if TYPE_CHECKING:
    from sandbox.snapshots import Snapshot

app = typer.Typer(no_args_is_help=True)

SnapshotName = Annotated[str, typer.Argument(metavar="NAME", help="The snapshot's name.")]


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"


def _data(box_name: str, snapshots: list[Snapshot], **more: Any) -> dict[str, Any]:
    return {"sandbox": box_name, "snapshots": [s.as_json() for s in snapshots], **more}


@app.command(epilog="Example:  sandbox snapshot save before-migration postgres")
def save(
    snapshot: SnapshotName,
    engines: Engines = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a snapshot of that name.")] = False,
    name: Name = None,
    as_json: AsJson = False,
) -> None:
    """Save the data of engines as they are at this moment; running ones go on running."""
    with command("snapshot save", as_json=as_json) as out:
        from sandbox.sandbox import Sandbox

        box, began = Sandbox(name=name, sink=out.sink), time.monotonic()
        saved = box.save_snapshot(snapshot, engines, force=force)
        seconds = round(time.monotonic() - began, 3)
        out.result(
            _data(box.name, [saved], seconds=seconds),
            f"Saved {snapshot}: {', '.join(saved.engines)}. {_mib(saved.bytes)} in {seconds:.2f} s.",
            f"Back to it: sandbox snapshot restore {snapshot}{box.name_option}",
        )


@app.command(epilog="Example:  sandbox snapshot restore before-migration")
def restore(
    snapshot: SnapshotName, engines: Engines = None, name: Name = None, as_json: AsJson = False
) -> None:
    """Give engines the data back that they had when the snapshot was saved; running ones are restarted."""
    with command("snapshot restore", as_json=as_json) as out:
        from sandbox.sandbox import Sandbox

        box, began = Sandbox(name=name, sink=out.sink), time.monotonic()
        found = box.restore_snapshot(snapshot, engines)
        seconds = round(time.monotonic() - began, 3)
        restored = engines or list(found.engines)
        running = box.running()
        stopped = [engine for engine in restored if engine not in running]
        shown = [f"Restored {snapshot}: {', '.join(restored)}. {seconds:.2f} s."]
        if stopped:
            shown.append(f"Not running: sandbox up {' '.join(stopped)}{box.name_option}")
        out.result(_data(box.name, [found], restored=restored, seconds=seconds), *shown)


@app.command("list", epilog="Example:  sandbox snapshot list --json")
def list_(name: Name = None, as_json: AsJson = False) -> None:
    """The snapshots of a sandbox, the oldest first."""
    with command("snapshot list", as_json=as_json) as out:
        from sandbox.sandbox import Sandbox

        box = Sandbox(name=name, sink=out.sink)
        found = box.snapshots()
        rows = [
            (s.name, s.problem or ", ".join(s.engines), _mib(s.bytes), s.created, s.dataset) for s in found
        ]
        shown = table(("SNAPSHOT", "ENGINES", "SIZE", "SAVED", "DATASET"), rows, right=("SIZE",))
        none = f"Sandbox {box.name!r} has no snapshots. Save one: sandbox snapshot save NAME{box.name_option}"
        out.result(_data(box.name, found), shown if found else none)


@app.command(epilog="Example:  sandbox snapshot delete before-migration")
def delete(snapshot: SnapshotName, name: Name = None, as_json: AsJson = False) -> None:
    """Delete a snapshot."""
    with command("snapshot delete", as_json=as_json) as out:
        from sandbox.sandbox import Sandbox

        box = Sandbox(name=name, sink=out.sink)
        box.delete_snapshot(snapshot)
        out.result({"sandbox": box.name, "deleted": snapshot}, f"Deleted {snapshot}.")
