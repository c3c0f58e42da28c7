"""``services`` and ``engines``: what there is."""

from __future__ import annotations

import typer

from sandbox.cli.options import AsJson
from sandbox.output import command, table


def register(app: typer.Typer) -> None:
    app.command(epilog="Example:  sandbox services")(services)
    app.command(epilog="Example:  sandbox engines --json")(engines)


def services(as_json: AsJson = False) -> None:
    """AWS services, what stands in for each here, and how AWS differs."""
    with command("services", as_json=as_json) as out:
        from dataclasses import asdict

        from sandbox.engines.services import all_services

        found = all_services()
        rows = [(s.name, s.title, s.engine, s.stand_in, s.difference) for s in found]
        out.result(
            {"services": [asdict(s) for s in found]},
            table(("SERVICE", "AWS CALLS IT", "ENGINE", "STAND-IN", "HOW AWS DIFFERS"), rows),
        )


def engines(as_json: AsJson = False) -> None:
    """Engines, their versions here, and what they lack."""
    with command("engines", as_json=as_json) as out:
        from sandbox.engines.registry import NAMES, engine
        from sandbox.runtimes.native.registry import recipe
        from sandbox.runtimes.registry import EXTERNAL
        from sandbox.runtimes.registry import NAMES as RUNTIMES

        data, rows = [], []
        for name in NAMES:
            one, made = engine(name), recipe(name)
            lacks = sorted(made.lacks)
            data.append(
                {
                    "name": name,
                    "title": one.title,
                    "product": made.product,
                    "version": made.version,
                    "services": list(one.services),
                    "runtimes": [*RUNTIMES, EXTERNAL],
                    "platforms": list(made.platforms),
                    "providers": list(one.providers),
                    "default_port": one.default_port,
                    "memory_mib": made.memory_mib,
                    "approximation": made.approximation,
                    "no_password": made.no_password,
                    "lacks": lacks,
                }
            )
            rows.append((name, made.product, made.version, f"{made.memory_mib} MiB", ", ".join(lacks) or "-"))
        shown = table(("ENGINE", "PRODUCT", "VERSION", "MEMORY", "LACKS"), rows, right=("MEMORY",))
        notes = [f"{d['name']} is an approximation: {d['approximation']}" for d in data if d["approximation"]]
        out.result({"engines": data}, shown, *notes)
