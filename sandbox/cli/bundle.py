"""``sandbox bundle``: one file for machines without a network: make it, check it, bring it in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sandbox.cli.options import AsJson, Engines
from sandbox.output import command, table

if TYPE_CHECKING:
    from sandbox.bundle.contents import Manifest

app = typer.Typer(no_args_is_help=True, help="One file for machines without a network: create, verify, load.")

New = Annotated[Path, typer.Argument(metavar="FILE", help="The file to write, such as sandbox.tar.")]
Old = Annotated[Path, typer.Argument(metavar="FILE", help="A bundle.")]


@app.command(epilog="Example:  sandbox bundle create redis.tar redis")
def create(
    file: New,
    engines: Engines = None,
    images: Annotated[
        bool, typer.Option("--images", help="Also the Docker images of the engines, for `--runtime docker`.")
    ] = False,
    wheels: Annotated[
        bool,
        typer.Option("--wheels", help="Also `sandbox` itself and all that it is built on, to install from."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the files that engines need, Java among them, into one file with checksums."""
    with command("bundle create", as_json=as_json) as out:
        from sandbox.bundle.create import create as make
        from sandbox.engines.registry import chosen

        manifest = make(file, chosen(engines), images=images, wheels=wheels, force=force, sink=out.sink)
        size = file.expanduser().stat().st_size
        out.result(facts(file, manifest), _table(manifest), f"{file}: {size / 1e6:.1f} MB.")


@app.command(epilog="Example:  sandbox bundle verify redis.tar")
def verify(file: Old, as_json: AsJson = False) -> None:
    """Check every byte of a bundle; exit code 1 when it is not as it was written."""
    with command("bundle verify", as_json=as_json) as out:
        from sandbox.bundle.reading import opened

        with opened(file.expanduser().absolute()) as bundle:
            # Before the check: what it should hold is worth knowing when it is damaged.
            out.data = facts(file, bundle.manifest)
            bundle.check(out.sink)
            made = bundle.manifest
        out.result(
            facts(file, made),
            _table(made),
            f"{file} is whole. Made {made.created} by sandbox {made.sandbox}, "
            f"for {made.platform}, Python {made.python}.",
        )


@app.command(epilog="Example:  sandbox bundle load redis.tar")
def load(file: Old, as_json: AsJson = False) -> None:
    """Check a bundle, then bring its files into the cache of this machine. No network is asked."""
    with command("bundle load", as_json=as_json) as out:
        from sandbox.bundle.load import load as bring

        done = bring(file, sink=out.sink)
        states: list[str] = list(done.states.values())
        data = facts(file, done.manifest)
        for member in data["members"]:
            member["state"] = done.states[member["name"]]
        counts = ", ".join(
            f"{states.count(state)} {word}"
            for state, word in (("loaded", "loaded"), ("mended", "mended"), ("there", "there already"))
            if states.count(state)
        )
        ready = f"Ready without a network: {', '.join(done.engines)}." if done.engines else ""
        out.result({**data, "ready": list(done.engines)}, f"Files: {counts or 'none'}.", ready)


def facts(file: Path, manifest: Manifest) -> dict[str, Any]:
    """``{"file", "bytes", "format", "sandbox", "created", "platform", "python", "engines": [{"engine",
    "product", "version"}], "members": [{"name", "kind", "bytes", "sha256", "of", "python",
    "id"}]}``."""
    path = file.expanduser().absolute()
    return {"file": str(path), "bytes": path.stat().st_size, **manifest.as_json()}


def _table(manifest: Manifest) -> Any:
    rows = []
    for kind, what in (("artifact", "files of engines"), ("wheel", "wheels"), ("image", "Docker images")):
        found = manifest.of_kind(kind)
        if found:
            names = "" if kind == "wheel" else ", ".join(e["engine"] for e in manifest.engines)
            rows.append((what, len(found), f"{sum(m.bytes for m in found) / 1e6:,.1f} MB", names))
    return table(("WHAT", "FILES", "SIZE", "OF"), rows, right=("FILES", "SIZE"))
