"""``sandbox fixtures``: the datasets that there are, a new one, and whether one is in order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from sandbox.datasets import Dataset
    from sandbox.events import Sink

app = typer.Typer(no_args_is_help=True, help="The data that engines are loaded with: list, generate, check.")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]


@app.command("list", epilog="Example:  sandbox fixtures list --json")
def list_(as_json: Json = False) -> None:
    """The shipped dataset and those in the cache, with rows and hashes."""
    from sandbox.datasets import TABLES
    from sandbox.output import command, table

    with command("fixtures list", as_json=as_json) as out:
        data = datasets(out.sink)
        rows = [
            [d["name"], d["hash"], *(t["rows"] for t in d["tables"]), d["folder"]] for d in data["datasets"]
        ]
        columns = ["dataset", "hash", *TABLES, "folder"]
        out.result(data, table(columns, rows, right=tuple(TABLES)))


@app.command(epilog="Example:  sandbox fixtures generate --scale 12 --out course-size")
def generate(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder to write to: new, empty, or a dataset's.")
    ],
    scale: Annotated[
        int, typer.Option("--scale", metavar="N", help="How many times 635 customers and 5,000 lines.")
    ] = 1,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="Another seed gives other people.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write customers, employees, orders of any scale and a manifest; the same seed gives the same bytes."""
    from sandbox.datasets import Dataset
    from sandbox.output import command

    with command("fixtures generate", as_json=as_json) as output:
        made = Dataset.generate(out, scale, seed, output.sink)
        counts = ", ".join(f"{rows} {name}" for name, rows in made.counts.items())
        output.result(facts(made), f"{out}: {counts}; hash {made.hash}")


@app.command(epilog="Example:  sandbox fixtures check ./my-csv-files")
def check(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="A dataset or plain CSV files; default: the shipped."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check files against manifest, schema and invariants; exit code 1 when something is not so."""
    from sandbox.datasets import Dataset
    from sandbox.errors import NotSoError
    from sandbox.output import command

    with command("fixtures check", as_json=as_json) as out:
        place = folder if folder is not None else Dataset.course().folder
        data = findings(place)
        out.result(data, *(_shown(check) for check in data["checks"]))
        failed = sum(check["outcome"] == "failed" for check in data["checks"])
        if failed:
            raise NotSoError(
                f"{place} is not in order: {failed} of {len(data['checks'])} checks failed.",
                code="dataset-not-so",
            )


def datasets(sink: Sink) -> dict[str, Any]:
    """``{"datasets": [facts, ...]}``: the shipped one and those in the cache; broken ones are warned of."""
    from sandbox.datasets import Dataset
    from sandbox.datasets.folders import kept
    from sandbox.errors import UsageError
    from sandbox.events import Warned

    good = []
    for folder in (Dataset.course().folder, *kept()):
        try:
            good.append(facts(Dataset(folder)))
        except UsageError as error:
            sink(Warned(error.title))
    return {"datasets": good}


def facts(dataset: Dataset) -> dict[str, Any]:
    """``{"name", "hash", "scale", "seed", "folder", "tables": [{"table", "rows", "bytes", "sha256",
    "columns", "key"}]}`` of one dataset."""
    from sandbox.datasets import TABLES

    manifest = dataset.manifest
    return {
        "name": manifest.name,
        "hash": manifest.hash,
        "scale": manifest.scale,
        "seed": manifest.seed,
        "folder": str(dataset.folder),
        "tables": [
            {
                "table": name,
                "rows": manifest.tables[name].rows,
                "bytes": manifest.tables[name].bytes,
                "sha256": manifest.tables[name].sha256,
                "columns": list(table.column_names),
                "key": list(table.key),
            }
            for name, table in TABLES.items()
        ],
    }


def _shown(check: dict[str, str]) -> str:
    message = "".join(f"\n           {line}" for line in check["message"].splitlines())
    return f"{check['outcome']:9}  {check['sentence']}{message}"


def findings(folder: Path) -> dict[str, Any]:
    """``{"folder", "ok", "checks": [{"sentence", "outcome": passed|failed|skipped, "message"}]}``."""
    from dataclasses import asdict

    from sandbox.datasets.check import check as check_folder

    checks = [asdict(finding) for finding in check_folder(folder)]
    ok = all(check["outcome"] != "failed" for check in checks)
    return {"folder": str(folder), "ok": ok, "checks": checks}
