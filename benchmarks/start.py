"""How fast and how big: starts, memory and loads of every engine, measured through the installed command.

    python benchmarks/start.py                  from a full cache (fills it first)
    python benchmarks/start.py --cold           also from an empty cache: downloads everything
    python benchmarks/start.py --repeat 5       the median of more runs

Run it on an otherwise idle machine. Prints Markdown; figures of one run belong together.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

COMMAND = str(Path(sys.executable).with_name("sandbox"))
ENGINES = ("postgres", "mysql", "cassandra", "mongodb", "redis", "gremlin", "aws")
SMALL = ("postgres", "redis", "aws")


def sandbox(*args: str, **extra: str) -> tuple[float, dict[str, Any]]:
    """Seconds by the wall, and the data of the envelope."""
    began = time.monotonic()
    done = subprocess.run(
        [COMMAND, *args, "--json"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **extra},
    )
    seconds = time.monotonic() - began
    if done.returncode:
        sys.exit(f"{' '.join(args)} failed:\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}")
    data: dict[str, Any] = json.loads(done.stdout)["data"]
    return seconds, data


def settle() -> None:
    """Let what runs in the background (copies made ahead) end before the next figure."""
    time.sleep(3)


def fresh(*engines: str) -> tuple[float, dict[str, Any]]:
    """``up`` of a new sandbox from a full cache, once the copies made ahead are ready (`down` ends that)."""
    settle()
    sandbox("down", "--delete")
    return sandbox("up", *engines)


def again(*engines: str) -> tuple[float, dict[str, Any]]:
    """``up`` on data folders that are there already."""
    sandbox("down")
    settle()
    return sandbox("up", *engines)


def median(repeat: int, act: Callable[[], float]) -> float:
    return statistics.median(act() for _ in range(repeat))


def up_seconds(data: dict[str, Any]) -> dict[str, float]:
    return {e["name"]: e["seconds"] for e in data["engines"]}


def row(*cells: object) -> None:
    sys.stdout.write("| " + " | ".join(str(c) for c in cells) + " |\n")


def head(*cells: str) -> None:
    row(*cells)
    row(*("---" for _ in cells))


def size_of(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cold", action="store_true", help="also measure from an empty cache")
    parser.add_argument("--repeat", type=int, default=3, help="runs of which the median is taken")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="sandbox-bench-"))
    home.chmod(0o755)
    os.environ["SANDBOX_HOME"] = str(home / "home")
    try:
        measure(options.cold, options.repeat, home)
    finally:
        subprocess.run([COMMAND, "down", "--all", "--delete"], capture_output=True, check=False)
        shutil.rmtree(home, ignore_errors=True)


def measure(cold: bool, repeat: int, home: Path) -> None:
    cold_by_engine: dict[str, float] = {}
    if cold:
        os.environ["SANDBOX_CACHE"] = str(home / "cache")
        pull, _ = sandbox("pull")
        artifacts = size_of(home / "cache" / "artifacts")
        sys.stdout.write(f"Empty cache: {artifacts / 1e6:.0f} MB fetched and unpacked in {pull:.1f} s.\n\n")
        for name in ENGINES:
            _, data = sandbox("up", name)
            cold_by_engine.update(up_seconds(data))
            sandbox("down")
    else:
        sandbox("up")
    golden: dict[str, list[float]] = {name: [] for name in ENGINES}
    warm: dict[str, list[float]] = {name: [] for name in ENGINES}
    for _ in range(repeat):
        for name in ENGINES:
            golden[name].append(up_seconds(fresh(name)[1])[name])
            warm[name].append(up_seconds(again(name)[1])[name])
    together, rerun, small, running, alone, stop = [], [], [], [], [], []
    data: dict[str, Any] = {}
    for _ in range(repeat):
        alone.append(fresh("cassandra")[0])
        together.append(fresh()[0])
        running.append(sandbox("up")[0])
        rerun.append(again()[0])
        _, data = sandbox("status")
        stop.append(sandbox("down")[0])
        small.append(fresh(*SMALL)[0])
    memory = {e["name"]: e["memory_bytes"] for e in data["engines"]}
    loads = load_speeds()

    def mid(values: list[float]) -> str:
        return f"{statistics.median(values):.2f}"

    head("engine", "cold s", "golden s", "warm s", "MiB (PSS)", "rows/s loaded")
    for name in ENGINES:
        row(
            name,
            f"{cold_by_engine[name]:.1f}" if name in cold_by_engine else "-",
            mid(golden[name]),
            mid(warm[name]),
            f"{memory[name] / 2**20:.0f}",
            f"{loads[name]:,.0f}",
        )
    sys.stdout.write(f"\nMemory of all seven: {sum(memory.values()) / 2**30:.2f} GiB.\n\n")
    ratio = statistics.median(together) / statistics.median(alone)
    help_ = median(max(repeat, 5), lambda: timed("--help"))
    head("command (whole, by the wall)", "s")
    row("up cassandra, fresh sandbox", mid(alone))
    row(f"up (all seven), fresh sandbox: {ratio:.2f} x Cassandra alone", mid(together))
    row("up (all seven), data there", mid(rerun))
    row("up postgres redis aws, fresh sandbox", mid(small))
    row("up (all seven), running", mid(running))
    row("down (all seven)", mid(stop))
    row("--help", f"{help_:.3f}")


def timed(*args: str) -> float:
    began = time.monotonic()
    subprocess.run([COMMAND, *args], capture_output=True, check=True)
    return time.monotonic() - began


def load_speeds() -> dict[str, float]:
    """Rows a second of ``load`` at scale 4, one engine after the other, read from its own progress."""
    import re

    sandbox("up")
    speeds = {}
    for name in ENGINES:
        done = subprocess.run(
            [COMMAND, "load", name, "--scale", "4"], capture_output=True, text=True, check=True
        )
        found = re.search(r"([\d,]+) rows/s", done.stderr)
        speeds[name] = float(found[1].replace(",", "")) if found else float("nan")
    return speeds


if __name__ == "__main__":
    main()
