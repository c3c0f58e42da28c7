"""Docker beside native beside plain Compose: all seven engines, cold and warm, with memory and image sizes.

    python benchmarks/runtimes.py

Needs a Docker engine that has the images. Run it on an otherwise idle machine. Prints Markdown.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from start import ENGINES, sandbox  # the file beside this one

from sandbox.runtimes.docker.client import client, plugin
from sandbox.runtimes.docker.compose import file_of
from sandbox.runtimes.docker.recipe import recipe


def ups(runtime: str) -> tuple[float, float, dict[str, dict[str, Any]]]:
    """Seconds of ``up`` of all engines, first on nothing, then on their data; what it told of each."""
    cold, data = sandbox("up", "--runtime", runtime)
    sandbox("down")
    warm, again = sandbox("up")
    sandbox("down", "--delete")
    seconds = {e["name"]: e["seconds"] for e in again["engines"]}
    return cold, warm, {e["name"]: {**e, "warm": seconds[e["name"]]} for e in data["engines"]}


def plain() -> tuple[float, float]:
    """Seconds of ``docker compose up --wait`` of all files at once: first on nothing, then on their data."""
    env = {**os.environ}
    for number, name in enumerate(ENGINES):
        env[f"SANDBOX_{name.upper()}_PORT"] = str(28600 + number)

    def all_files(*words: str) -> float:
        began = time.monotonic()
        running = [
            subprocess.Popen(
                [*plugin(), "-f", str(file_of(name)), *words], env=env, stderr=subprocess.DEVNULL
            )
            for name in ENGINES
        ]
        codes = [process.wait() for process in running]
        if any(codes):
            raise SystemExit(f"docker compose {words[0]} failed")
        return time.monotonic() - began

    up = ("up", "--wait", "--wait-timeout", "300", "--pull", "never")
    try:
        cold = all_files(*up)
        all_files("down")
        return cold, all_files(*up)
    finally:
        all_files("down", "-v")


def main() -> None:
    home = tempfile.mkdtemp(prefix="sandbox-bench-")
    Path(home).chmod(0o755)
    os.environ["SANDBOX_HOME"] = home
    sandbox("pull")
    native_cold, native_warm, native = ups("native")
    docker_cold, docker_warm, docker = ups("docker")
    compose_cold, compose_warm = plain()
    print("| all seven engines, s | first `up` | again |")
    print("|---|---|---|")
    print(
        f"| native (data folders prepared before), with the dataset | {native_cold:.1f} | {native_warm:.1f} |"
    )
    print(f"| Docker, with the dataset | {docker_cold:.1f} | {docker_warm:.1f} |")
    print(f"| `docker compose up --wait`, without data | {compose_cold:.1f} | {compose_warm:.1f} |")
    print()
    print(
        "| engine | native first / again, s | Docker first / again, s | native MiB | Docker MiB | image MB |"
    )
    print("|---|---|---|---|---|---|")
    for name in ENGINES:
        one, other = native[name], docker[name]
        size = client().images.get(recipe(name).chosen_image).attrs["Size"] / 1e6
        seconds = [f"{each['seconds']:.2f} / {each['warm']:.2f}" for each in (one, other)]
        memory = [f"{each['memory_bytes'] / 2**20:.0f}" for each in (one, other)]
        print("|", " | ".join([name, *seconds, *memory, f"{size:.0f}"]), "|")


if __name__ == "__main__":
    main()
