"""``pull``: fetch and unpack what engines need, before it is needed."""

from __future__ import annotations

from typing import Annotated

import typer

from sandbox.cli.options import AsJson, Engines, Runtime
from sandbox.output import Output, command, table


def register(app: typer.Typer) -> None:
    app.command(epilog="Example:  sandbox pull postgres redis")(pull)


def pull(
    engines: Engines = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check every fetched file against its sha256.")
    ] = False,
    runtime: Runtime = None,
    renew_lock: Annotated[
        bool, typer.Option("--renew-lock", help="Resolve all artifacts anew and write the lock.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Fetch and unpack all that engines need, so that `up` works without a network: files for native engines,
    with --runtime docker images."""
    with command("pull", as_json=as_json) as out:
        from dataclasses import asdict

        from sandbox.engines.registry import chosen
        from sandbox.runtimes.native.registry import recipe
        from sandbox.runtimes.native.runtime import NativeRuntime

        names = chosen(engines)
        if renew_lock:
            from sandbox.runtimes.native.renew import renew

            changes = renew(sink=out.sink)
            lines = [
                f"{change.group}: {sign}{coordinate}"
                for change in changes
                for sign, coordinates in (("+", change.added), ("-", change.removed))
                for coordinate in coordinates
            ]
            out.result(
                {"changes": [asdict(change) for change in changes]},
                "\n".join(lines) or "The lock is as it was.",
            )
            return
        if runtime == "docker":
            _pull_images(out, names)
            return
        native = NativeRuntime()
        if verify:
            from sandbox.runtimes.native.fetch import verify as verify_files

            bad = verify_files(None, cache=native.cache, sink=out.sink, remove=True)
            for one in bad:
                state = f"has sha256 {one.found}" if one.found else "is missing"
                out.say(f"{one.path.name} {state}, {one.artifact.sha256} is right; it is fetched again.")
        native.fetch(names, out.sink, offline=False)
        rows = []
        for name in names:
            native.installed(name, out.sink, offline=False)
            rows.append((name, recipe(name).product))
        data = {"engines": [{"name": n, "product": p} for n, p in rows], "cache": str(native.cache)}
        out.result(data, table(("ENGINE", "PRODUCT"), rows), f"Everything is in {native.cache}.")


def _pull_images(out: Output, names: list[str]) -> None:
    from sandbox.runtimes.docker.recipe import recipe
    from sandbox.runtimes.registry import Runtimes

    Runtimes().named("docker").fetch(names, out.sink, offline=False)
    rows = [(name, recipe(name).chosen_image) for name in names]
    data = {"engines": [{"name": n, "image": i, "product": recipe(n).product} for n, i in rows]}
    out.result(data, table(("ENGINE", "IMAGE"), rows), "All images are on the Docker engine.")
