"""Which runtime runs an engine that is new in a sandbox, and which of its providers serves it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from sandbox.engines.registry import engine as engine_named
from sandbox.errors import SandboxError, UsageError, unknown_name
from sandbox.events import Said
from sandbox.runtimes.registry import EXTERNAL, check_runtime

if TYPE_CHECKING:
    from sandbox.runtimes.external.addresses import Address
    from sandbox.sandbox import Sandbox

AUTO = "auto"


def settle(
    box: Sandbox,
    engines: Sequence[str],
    asked: str | None = None,
    external: Collection[str] = (),
    provider: str | None = None,
) -> dict[str, str]:
    """Give each engine a record with the runtime that :func:`choose` says, and with its provider. Returns the
    runtimes."""
    served = providers(box, engines, provider, external)
    found = choose(box, engines, asked, external, served)
    for name, runtime in found.items():
        box.state.seat(name, runtime).record.provider = served[name]
    return found


def providers(
    box: Sandbox, engines: Sequence[str], asked: str | None, external: Collection[str] = ()
) -> dict[str, str]:
    """The provider of each engine as its record keeps it, empty for the usual one: what was asked for, else
    what the record says; for a new engine what SANDBOX_<ENGINE>_PROVIDER says.

    UsageError when there is no such provider, or another one has the engine's data."""
    if asked is not None and not any(_several(name) for name in engines if name not in external):
        raise UsageError(
            f"--provider {asked}: none of the engines that are brought up has providers to choose from.",
            code="provider-without-engine",
            detail="An engine at an address of its own is what it is." if external else "",
            actions=["sandbox up aws --provider localstack"],
        )
    return {name: "" if name in external else _provider(box, name, asked) for name in engines}


def _several(name: str) -> tuple[str, ...]:
    return engine_named(name).providers


def _provider(box: Sandbox, name: str, asked: str | None) -> str:
    known, record = _several(name), box.state.engines.get(name)
    if not known:
        return ""
    wish = asked
    if wish is None and record is None:
        wish = os.environ.get(f"SANDBOX_{name.upper()}_PROVIDER")
    if not wish:
        return record.provider if record else ""
    if wish not in known:
        raise unknown_name("provider", wish, known, list_command="sandbox up --help")
    found = "" if wish == known[0] else wish
    if record is not None and (record.provider != found or record.runtime == EXTERNAL):
        seat = box.seat(name)
        if box.runtime.observe(seat, memory=False).alive or box.runtime.has_data(seat):
            raise UsageError(
                f"{name} of sandbox {box.name!r} is {record.product or 'another'} and has its data there.",
                code="provider-differs",
                detail=f"An engine stays with its provider. Asked for: {wish}.",
                actions=[
                    f"sandbox up {name} --provider {wish} --name other   # a second sandbox",
                    f"sandbox down {name} --delete{box.name_option}   # its data are lost",
                ],
            )
    return found


def _only_in_docker(name: str, provider: str) -> UsageError:
    return UsageError(
        f"{provider} runs in Docker only.",
        code="provider-native",
        detail=f"Natively {name} is {_several(name)[0]}.",
        actions=[
            f"sandbox up {name} --provider {provider} --runtime docker",
            f"sandbox up --external {name}=URL   # one that runs already",
        ],
    )


def choose(
    box: Sandbox,
    engines: Sequence[str],
    asked: str | None,
    external: Collection[str] = (),
    served: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The runtime of each engine: what its record says; for a new one what was asked for, else what
    SANDBOX_RUNTIME says, else ``auto``: Docker where an engine answers that has the image, else native where
    this platform has a recipe, else Docker with a pull. Those of ``external`` have addresses; those that are
    not ``served`` by their usual provider run in Docker.

    UsageError when another runtime is asked for than that of an engine which runs or has data."""
    found: dict[str, str] = {}
    if external:
        before = {name: box.state.engines[name].runtime for name in external if name in box.state.engines}
        outside = _all_of(box, list(external), before, EXTERNAL)
        return outside | choose(box, [n for n in engines if n not in external], asked, (), served)
    if others := [name for name in engines if (served or {}).get(name)]:
        wish = asked or (os.environ.get("SANDBOX_RUNTIME") if others[0] not in box.state.engines else None)
        if wish not in (None, "", AUTO, "docker"):
            check_runtime(wish)
            raise _only_in_docker(others[0], (served or {})[others[0]])
        before = {name: box.state.engines[name].runtime for name in others if name in box.state.engines}
        inside = _all_of(box, others, before, "docker")
        return inside | choose(box, [name for name in engines if name not in others], asked)
    for name in engines:
        record = box.state.engines.get(name)
        if record is not None:
            found[name] = record.runtime
    if asked not in (None, AUTO):
        return _all_of(box, engines, found, check_runtime(asked))
    new = [name for name in engines if name not in found]
    wish = asked or os.environ.get("SANDBOX_RUNTIME") or AUTO
    if wish != AUTO:
        return {**found, **dict.fromkeys(new, check_runtime(wish))}
    return {**found, **_automatic(box, new)}


def connect(box: Sandbox, name: str, address: Address) -> None:
    """Remember where an engine that runs already is, and who we are to it. One who owned something at another
    address does not own it here."""
    from sandbox.runtimes.external.addresses import written

    record = box.state.seat(name).record
    before = record.options
    same = (before.get("host"), record.ports.get("main")) == (address.host, address.port)
    owner = before["owner"] if same and before.get("owner") else secrets.token_hex(8)
    record.options = written(address, owner)
    record.options |= {key: before[key] for key in ("held", "answers_run_as") if same and key in before}
    record.ports = {"main": address.port}
    box.state.set_password(name, address.password)


def _all_of(box: Sandbox, engines: Sequence[str], found: dict[str, str], asked: str) -> dict[str, str]:
    for name, runtime in found.items():
        if runtime == asked:
            continue
        seat = box.seat(name)
        if box.runtime.observe(seat, memory=False).alive or box.runtime.has_data(seat):
            raise UsageError(
                f"{name} of sandbox {box.name!r} runs with the runtime {runtime!r}, and its data are there.",
                code="runtime-differs",
                detail=f"An engine stays with its runtime. Asked for: {asked}.",
                actions=[
                    f"sandbox up {_asking(name, asked)} --name other   # a second sandbox",
                    f"sandbox down {name} --delete{box.name_option}   # its data are lost",
                ],
            )
        box.seat(name).record.runtime = asked
    return dict.fromkeys(engines, asked)


def _asking(name: str, runtime: str) -> str:
    return f"--external {name}=URL" if runtime == EXTERNAL else f"{name} --runtime {runtime}"


def _automatic(box: Sandbox, engines: Sequence[str]) -> dict[str, str]:
    if not engines:
        return {}
    from sandbox.runtimes.native.artifacts import this_platform
    from sandbox.runtimes.native.registry import recipe

    able, why = _in_docker(engines)
    here = this_platform()
    found = {}
    for name in engines:
        native = here in recipe(name).platforms
        found[name] = "docker" if name in able or not native else "native"
    _say(box, found, why)
    return found


def _in_docker(engines: Sequence[str]) -> tuple[list[str], str]:
    """The engines whose image a Docker engine has here; why the others do not run there."""
    from sandbox.runtimes.docker import images
    from sandbox.runtimes.docker.client import client, plugin, socket_exists
    from sandbox.runtimes.docker.recipe import recipe

    if not socket_exists():
        return [], "no Docker engine runs here"
    try:
        client()
        plugin()
        able = [name for name in engines if images.there(recipe(name))]
    except SandboxError as error:
        return [], error.title.rstrip(".")
    lacking = [recipe(name).chosen_image for name in engines if name not in able]
    return able, f"Docker has no image {', '.join(lacking)}" if lacking else ""


def _say(box: Sandbox, found: dict[str, str], why: str) -> None:
    by: dict[str, list[str]] = {}
    for name, runtime in found.items():
        by.setdefault(runtime, []).append(name)
    if "docker" in by:
        box.sink(Said(f"In Docker, which has their images: {', '.join(by['docker'])}."))
    if "native" in by and why:
        box.sink(Said(f"Natively: {', '.join(by['native'])}. {why}."))
