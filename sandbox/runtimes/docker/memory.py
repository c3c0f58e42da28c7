"""How much memory a container takes.

The Docker engine measures containers in rounds, a second apart: who asks for several at once waits for the
next one. The kernel's own files answer at once where the container runs on this machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.runtimes.docker.client import client, refusals

if TYPE_CHECKING:
    from docker.models.containers import Container

_PROCESSES, _GROUPS = Path("/proc"), Path("/sys/fs/cgroup")


def memory(container: Container) -> int | None:
    """Bytes that a running container takes, without what the kernel only keeps because there is room."""
    used = _of_its_group(container)
    return _asked(container) if used is None else used or None


def _of_its_group(container: Container) -> int | None:
    """From the container's control group, of either version; None when it is not one of this machine, or its
    files cannot be read."""
    try:
        groups = (_PROCESSES / str(container.attrs["State"]["Pid"]) / "cgroup").read_text()
        for line in groups.splitlines():
            _, controllers, path = line.split(":", 2)
            # On another machine the number is somebody else's.
            if container.id not in path:
                continue
            if controllers == "":
                folder, total = _GROUPS / path.lstrip("/"), "memory.current"
            elif "memory" in controllers.split(","):
                folder, total = _GROUPS / "memory" / path.lstrip("/"), "memory.usage_in_bytes"
            else:
                continue
            if (folder / total).exists():
                kept = dict(each.split() for each in (folder / "memory.stat").read_text().splitlines())
                return int((folder / total).read_text()) - int(kept["inactive_file"])
    except (OSError, KeyError, ValueError):
        pass
    return None


def _asked(container: Container) -> int | None:
    with refusals("its memory cannot be asked for"):
        stats: dict[str, Any] = client().api.stats(container.id, stream=False, one_shot=True)
    usage = stats.get("memory_stats", {})
    return usage.get("usage", 0) - usage.get("stats", {}).get("inactive_file", 0) or None
