"""A container made ahead for a restore: what the seat's own is made of, on the volumes that are filled.

The Compose command takes some tenths of a second for each container, and the old one has to be gone first.
The Docker engine is asked instead for another container of the same settings, under another name, while the
old one still runs; the next start takes it. Compose's labels are copied too, so that its commands know it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sandbox.runtimes.docker import compose
from sandbox.runtimes.docker.client import MADE_LABEL, client
from sandbox.runtimes.docker.recipe import Container as Wish
from sandbox.runtimes.docker.recipe import Recipe
from sandbox.state import Seat

if TYPE_CHECKING:
    from docker.models.containers import Container


def made_of(seat: Seat, found: Recipe, wish: Wish) -> str:
    """A hash of all that a seat's container is made of, but for the names of its volumes."""
    more = {k: v for k, v in os.environ.items() if compose.PASSED.fullmatch(k)}
    facts = [
        compose.file_of(seat.kind).read_text(encoding="utf-8"),
        json.dumps(compose.override(seat, found, wish)["services"], sort_keys=True),
        json.dumps([compose.variables(seat, wish), more], sort_keys=True),
    ]
    digest = hashlib.sha256("\0".join(facts).encode())
    for path, content in sorted(wish.files.items()):
        text = content.encode() if isinstance(content, str) else content
        digest.update(path.encode() + b"\0" + (b"" if path in found.anew else text))
    return digest.hexdigest()[:16]


def make(seat: Seat, old: Container, made: str, volumes: Mapping[str, str]) -> Container | None:
    """Another container like the old one, on other ``volumes`` (the new name by the old). None when the old
    one is not made as it would be now (``made``), or the engine refuses: Compose makes it then."""
    from docker.errors import APIError

    if old.labels.get(MADE_LABEL) != made:
        return None
    settings: dict[str, Any] = {**old.attrs["Config"]}
    # That is the old one's number.
    settings.pop("Hostname", None)
    settings["HostConfig"] = _moved(old.attrs["HostConfig"], volumes)
    with suppress(APIError):
        number = client().api.create_container_from_config(settings, name(seat))["Id"]
        return client().containers.get(number)
    return None


def name(seat: Seat) -> str:
    """What it is called until it is taken."""
    return f"{compose.container_name(seat)}-restored"


def take(seat: Seat, made: str) -> Container | None:
    """Give the one that was made ahead the seat's name; None when there is none that is made as it would be
    now, on the seat's volumes. The old one is gone."""
    from docker.errors import APIError

    with suppress(APIError):
        found = client().containers.get(name(seat))
        on = {each.get("Name") for each in found.attrs["Mounts"]}
        if found.labels.get(MADE_LABEL) == made and on >= set(compose.volume_names(seat)):
            found.rename(compose.container_name(seat))
            found.reload()
            return found
        found.remove(force=True, v=True)
    return None


def _moved(settings: Mapping[str, Any], volumes: Mapping[str, str]) -> dict[str, Any]:
    """The settings of a container on other volumes."""
    binds = []
    for bind in settings.get("Binds") or ():
        volume, colon, rest = bind.partition(":")
        binds.append(f"{volumes.get(volume, volume)}{colon}{rest}")
    mounts = [
        {**mount, "Source": volumes.get(mount.get("Source", ""), mount.get("Source"))}
        for mount in settings.get("Mounts") or ()
    ]
    return {**settings, "Binds": binds or None, "Mounts": mounts}
