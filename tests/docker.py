"""What tests ask of the Docker engine."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.runtimes.docker.client import ROOT_LABEL, client, plugin, socket_exists


@cache
def answers() -> bool:
    """Whether an engine answers and Compose is there."""
    try:
        if not socket_exists():
            return False
        plugin()
        return bool(client().ping())
    except SandboxError:
        return False


def remove_left(home: Path) -> list[str]:
    """Remove the containers, volumes and networks of all sandboxes of a home; the names of what was there."""
    if not answers():
        return []
    label, found, engine = {"label": ROOT_LABEL}, [], client()
    for container in engine.containers.list(all=True, filters=label, ignore_removed=True):
        if container.labels[ROOT_LABEL].startswith(f"{home}/"):
            found.append(container.name)
            container.remove(force=True, v=True)
    for each in (*engine.volumes.list(filters=label), *engine.networks.list(filters=label)):
        if (each.attrs.get("Labels") or {}).get(ROOT_LABEL, "").startswith(f"{home}/"):
            found.append(each.name)
            each.remove()
    return found
