"""``up``, ``down``, ``status``, ``wait``, ``logs``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sandbox.cli.options import AsJson, Engines, Name, Offline, OneEngine, Provider, Runtime
from sandbox.output import Output, command, table

if TYPE_CHECKING:
    from sandbox.datasets import Dataset
    from sandbox.runtimes.external.addresses import Address
    from sandbox.status import EngineStatus
    from sandbox.up import UpResult


def register(app: typer.Typer) -> None:
    app.command(epilog="Example:  sandbox up postgres redis --port postgres=5544")(up)
    app.command(epilog="Example:  sandbox down --delete")(down)
    app.command(epilog="Example:  sandbox status --json")(status)
    app.command(epilog="Example:  sandbox wait postgres --timeout 30")(wait)
    app.command(epilog="Example:  sandbox logs -f cassandra")(logs)


def _mib(size: int | None) -> str:
    return f"{size / 2**20:.0f} MiB" if size is not None else ""


def _note(engine: EngineStatus) -> str:
    if not engine.replica_of:
        return engine.problem or ("approximation" if engine.approximation else "")
    if engine.problem:
        return engine.problem
    note = f"replica of {engine.replica_of}"
    if engine.lag_bytes is not None:
        return f"{note}, {engine.lag_bytes} bytes behind"
    return note if engine.lag_seconds is None else f"{note}, {engine.lag_seconds:.1f} s behind"


def _engine_table(engines: list[EngineStatus]) -> Any:
    rows = [
        (
            e.name,
            e.product,
            e.runtime,
            e.state,
            e.port or "",
            "kept"
            if e.kept
            else f"{e.seconds:.2f}"
            if e.seconds is not None and e.state == "running"
            else "",
            _mib(e.memory_bytes),
            _note(e),
        )
        for e in engines
    ]
    return table(
        ("ENGINE", "PRODUCT", "RUNTIME", "STATE", "PORT", "SECONDS", "MEMORY", "NOTE"),
        rows,
        right=("PORT", "SECONDS", "MEMORY"),
    )


def _notes(engines: list[EngineStatus]) -> list[str]:
    total = sum(e.memory_bytes or 0 for e in engines)
    notes = [f"Memory in all: {total / 2**30:.2f} GiB (sum of PSS)."] if total else []
    return notes + [f"{e.name} is an approximation: {e.approximation}" for e in engines if _told(e)]


def _told(engine: EngineStatus) -> bool:
    return bool(engine.approximation) and not engine.replica_of


def _timings(result: UpResult) -> Any:
    phases: list[str] = []
    for started in result.started.values():
        phases.extend(p for p in started.phases if p not in phases)
    rows = [
        (name, *(f"{s.phases[p]:.3f}" if p in s.phases else "" for p in phases), f"{s.seconds:.3f}")
        for name, s in sorted(result.started.items(), key=lambda item: -item[1].seconds)
    ]
    columns = ("SECONDS OF", *(p.upper() for p in phases), "ALL")
    return table(columns, rows, right=columns[1:])


def _ports(given: list[str] | None) -> dict[str, int]:
    from sandbox.engines.registry import engine
    from sandbox.errors import UsageError

    asked = {}
    for text in given or []:
        name, _, number = text.partition("=")
        if not number.isdigit() or not 1 <= int(number) <= 65535:
            raise UsageError(
                f"--port {text!r} is not of the form ENGINE=PORT.",
                code="bad-port",
                detail="A port is a number from 1 to 65535.",
                actions=["sandbox up postgres --port postgres=5544"],
            )
        asked[engine(name).name] = int(number)
    return asked


def _addresses(given: list[str] | None, *, sure: bool) -> dict[str, Address]:
    """The addresses of ``--external``; AWS itself only after a yes, in the command or at the terminal."""
    if not given:
        return {}
    from sandbox.errors import UsageError
    from sandbox.runtimes.external.addresses import parse_all

    found = parse_all(given)
    real = next((a for a in found.values() if a.is_real_aws), None)
    if real and not sure:
        asked = sys.stdin.isatty() and sys.stderr.isatty()
        if not asked or not typer.confirm(f"{real.host} is AWS itself, which costs money. Use it?", err=True):
            raise UsageError(
                f"{real.host} is AWS itself, which costs money.",
                code="real-aws",
                detail="Nothing was asked there. We load, reset and delete nothing in it; what you do with "
                "`sandbox exec` and `sandbox shell` you do there.",
                actions=["the same command with --yes-real-aws", "sandbox up aws   # none of it, here"],
            )
    return found


def wished_dataset(out: Output, scale: int | None, no_data: bool) -> Callable[[], Dataset] | None:
    """The dataset that the options ask for; None when they say nothing."""
    if scale is None and not no_data:
        return None
    from sandbox.datasets import Dataset
    from sandbox.errors import UsageError

    if scale is not None and no_data:
        raise UsageError("--scale and --no-data exclude each other.", code="options-exclude")
    if no_data:
        return Dataset.empty
    return lambda: Dataset.at_scale(scale or 1, None, out.sink)


def up(
    engines: Engines = None,
    scale: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Size of the dataset: 1, or 12 as in the course, or any.", show_default=False
        ),
    ] = None,
    no_data: Annotated[bool, typer.Option("--no-data", help="Leave the tables empty.")] = False,
    port: Annotated[
        list[str] | None,
        typer.Option(metavar="ENGINE=PORT", help="Use this port; can be repeated.", show_default=False),
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Start nothing when more is needed, e.g. 2g.", show_default=False),
    ] = None,
    durable: Annotated[
        bool | None,
        typer.Option(
            "--durable/--fast",
            help="Keep every acknowledged write over a crash, or be fast (new engines are).",
            show_default=False,
        ),
    ] = None,
    replicas: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Have N replicas follow each engine named: postgres, mysql, redis. 0 deletes them. "
            "In Docker also: N further nodes of cassandra, which stay.",
            show_default=False,
        ),
    ] = None,
    runtime: Runtime = None,
    provider: Provider = None,
    external: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ENGINE=URL",
            help="Use an engine that runs already, at this address; can be repeated. "
            "ENGINE alone: the address is in SANDBOX_EXTERNAL_<ENGINE>.",
            show_default=False,
        ),
    ] = None,
    yes_real_aws: Annotated[
        bool, typer.Option("--yes-real-aws", help="Yes, --external aws may be AWS itself, which costs money.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan; change nothing.")] = False,
    timings: Annotated[
        bool, typer.Option("--timings", help="Print the seconds by engine and phase.")
    ] = False,
    offline: Offline = False,
    name: Name = None,
    as_json: AsJson = False,
) -> None:
    """Start engines (all by default) and load the dataset into each."""
    with command("up", as_json=as_json) as out:
        from sandbox import fresh, leases
        from sandbox.preflight import parse_size
        from sandbox.sandbox import Sandbox

        if not dry_run:
            fresh.sweep(out.sink)
        box = Sandbox(name=name, sink=out.sink)
        result = box.up(
            engines,
            dataset=wished_dataset(out, scale, no_data),
            asked_ports=_ports(port),
            durable=durable,
            offline=offline,
            memory=parse_size(memory) if memory else None,
            replicas=replicas,
            runtime=runtime,
            provider=provider,
            external=_addresses(external, sure=yes_real_aws),
            dry_run=dry_run,
        )
        data: dict[str, Any] = {
            "sandbox": box.name,
            "engines": [asdict(e) for e in result.engines],
            "steps": [asdict(s) for s in result.steps],
        }
        if dry_run:
            out.result(
                data,
                table(("ENGINE", "STEP", "CAUSE"), [(s.engine, s.action, s.cause) for s in result.steps]),
            )
            return
        leases.keep(box, [e.name for e in result.engines])
        data["failed"] = [{"engine": n, **e.as_json()} for n, e in result.failed.items()]
        data["timings"] = {n: dict(s.phases) for n, s in result.started.items()}
        shown: list[Any] = [_engine_table(result.engines), *_notes(result.engines)]
        if timings and result.started:
            shown += ["", _timings(result)]
        if not result.failed:
            suffix = f" --name {box.name}" if box.name != "default" else ""
            shown += [
                f"Next: sandbox shell {result.engines[0].name}{suffix}, sandbox env{suffix}, "
                "sandbox exercise list"
            ]
        out.result(data, *shown)
        _raise_failures(result)


def _raise_failures(result: UpResult) -> None:
    from sandbox.errors import EnvironmentRefusedError

    errors = list(result.failed.values())
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise EnvironmentRefusedError(
            f"{len(errors)} engines did not start: {', '.join(result.failed)}.",
            code="engines-failed",
            detail="\n".join(f"{n}: {e.title}\n{e.detail}".rstrip() for n, e in result.failed.items()),
            actions=list(dict.fromkeys(a for e in errors for a in e.actions)),
        )


def down(
    engines: Engines = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete the data too.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Every sandbox, not just one.")] = False,
    name: Name = None,
    as_json: AsJson = False,
) -> None:
    """Stop engines; their data are kept."""
    with command("down", as_json=as_json) as out:
        from sandbox import fresh
        from sandbox.sandbox import Sandbox
        from sandbox.state import names

        stopped: list[dict[str, str]] = []
        outside: list[str] = []
        lost: list[dict[str, str]] = []
        if every:
            # These have no person's data, so that there is nothing to keep.
            ended = fresh.sweep(out.sink, used=True)
            stopped += [dict(zip(("sandbox", "engine"), e.split("/"), strict=True)) for e in ended]
        deleted = False
        for one in names() if every else [name]:
            box = Sandbox(name=one, sink=out.sink)
            deleted = deleted or (delete and box.exists())
            outside += box.external()
            lost += [{"sandbox": box.name, "engine": e} for e in box.forgetful() if not delete]
            stopped += [{"sandbox": box.name, "engine": e} for e in box.down(engines, delete=delete)]
        listed = ", ".join(s["engine"] if not every else f"{s['sandbox']}/{s['engine']}" for s in stopped)
        gone = [e for e in stopped if e in lost]
        kept = "Data deleted." if deleted else "Data kept: `sandbox up` goes on with them."
        if gone == stopped:
            kept = kept if deleted else ""
        text = f"Stopped: {listed}. {kept}" if stopped else f"Nothing ran. {kept if deleted else ''}"
        shown = [text.rstrip()]
        if gone:
            names_of = ", ".join(dict.fromkeys(e["engine"] for e in gone))
            shown.append(f"Not kept, by its provider: {names_of}. `sandbox up` loads the dataset anew.")
        if left := [e["engine"] for e in stopped if e["engine"] in outside]:
            shown.append(f"External servers run on, and are let go: {', '.join(dict.fromkeys(left))}.")
        out.result({"stopped": stopped, "deleted": delete}, *shown)


def status(
    engines: Engines = None,
    counts: Annotated[bool, typer.Option("--counts/--no-counts", help="Count the rows too.")] = True,
    name: Name = None,
    as_json: AsJson = False,
) -> None:
    """What runs and is healthy now, asked afresh. Exit code 1 when an engine died or does not answer."""
    with command("status", as_json=as_json) as out:
        from sandbox.engines.registry import chosen
        from sandbox.errors import NotSoError
        from sandbox.sandbox import Sandbox

        box = Sandbox(name=name, sink=out.sink)
        found = box.status(chosen(engines))
        healthy = [e.name for e in found if e.healthy and not e.replica_of]
        tables = box.counts(healthy) if counts and healthy else []
        data = {"sandbox": box.name, "engines": [asdict(e) for e in found], "tables": tables}
        shown: list[Any] = [_engine_table(found), *_notes(found)]
        if tables:
            kinds = list(dict.fromkeys(t["table"] for t in tables))
            by = {(t["engine"], t["table"]): t["rows"] for t in tables}
            rows = [(n, *(by.get((n, k), "") for k in kinds)) for n in healthy]
            shown += ["", table(("ROWS", *kinds), rows, right=kinds)]
        if not found:
            shown = [f"Sandbox {box.name!r} has no engines. Start with: sandbox up"]
        out.result(data, *shown)
        bad = [e for e in found if e.state in ("died", "unhealthy")]
        if bad:
            raise NotSoError(
                "; ".join(f"{e.name} {e.state}: {e.problem}" for e in bad),
                code="unhealthy",
                actions=[
                    f"sandbox logs {bad[0].name}",
                    f"sandbox up {' '.join(dict.fromkeys(e.replica_of or e.name for e in bad))}",
                ],
            )


def wait(
    engines: Engines = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long at most; then exit code 1.")
    ] = 60.0,
    name: Name = None,
    as_json: AsJson = False,
) -> None:
    """Wait until engines answer a real query."""
    with command("wait", as_json=as_json) as out:
        from sandbox.sandbox import Sandbox

        box = Sandbox(name=name, sink=out.sink)
        box.wait(engines, timeout)
        out.result({"sandbox": box.name, "ready": True}, "Ready.")


def logs(
    engine: OneEngine,
    lines: Annotated[
        int, typer.Option("--lines", "-n", metavar="N", help="How many of the last lines.")
    ] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as they come.")] = False,
    name: Name = None,
    as_json: AsJson = False,
) -> None:
    """The last lines an engine wrote."""
    with command("logs", as_json=as_json) as out:
        from sandbox.errors import UsageError
        from sandbox.sandbox import Sandbox

        if follow and as_json:
            raise UsageError("--follow and --json exclude each other.", code="options-exclude")
        box = Sandbox(name=name, sink=out.sink)
        found = box.logs(engine, lines=lines, follow=follow)
        if as_json:
            out.result({"engine": engine, "lines": list(found)})
            return
        for line in found:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
