"""``load`` and ``reset``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sandbox.cli.options import AsJson, Engines, Name
from sandbox.output import Output, command, table


def register(app: typer.Typer) -> None:
    app.command(epilog="Example:  sandbox load postgres --from ./my-csv-files")(load)
    app.command(epilog="Example:  sandbox reset redis")(reset)


def _show(out: Output, rows: list[dict[str, Any]], done: str) -> None:
    if not rows:
        out.result({"tables": []}, "Nothing runs. Start with: sandbox up")
        return
    shown = [(r["engine"], r["table"], f"{r['rows']:,}") for r in rows]
    out.result({"tables": rows}, table(("ENGINE", "TABLE", "ROWS"), shown, right=("ROWS",)), done)


def load(
    engines: Engines = None,
    scale: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Size of the dataset: 1, or 12 as in the course, or any.", show_default=False
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="DIR", help="A folder with your own files of the tables.", show_default=False
        ),
    ] = None,
    name: Name = None,
    as_json: AsJson = False,
) -> None:
    """Bring the dataset into running engines again; afterwards their tables hold exactly that."""
    with command("load", as_json=as_json) as out:
        from sandbox.datasets import Dataset
        from sandbox.errors import UsageError
        from sandbox.sandbox import Sandbox

        if scale is not None and folder is not None:
            raise UsageError("--scale and --from exclude each other.", code="options-exclude")
        dataset = (
            Dataset.from_folder(folder, None, out.sink)
            if folder
            else Dataset.at_scale(scale or 1, None, out.sink)
        )
        rows = Sandbox(name=name, sink=out.sink).load(engines, dataset)
        _show(out, rows, f"Loaded: {dataset.name}.")


def reset(engines: Engines = None, name: Name = None, as_json: AsJson = False) -> None:
    """Back to the state after `up`, without a restart: what you made is gone, the dataset whole."""
    with command("reset", as_json=as_json) as out:
        from sandbox.sandbox import Sandbox

        _show(out, Sandbox(name=name, sink=out.sink).reset(engines), "Reset.")
