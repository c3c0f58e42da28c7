"""How long it takes to save and to restore the course's dataset, by engine, through the installed command.

    python benchmarks/snapshots.py                       natively
    python benchmarks/snapshots.py --runtime docker      in containers
    python benchmarks/snapshots.py --repeat 5 redis      the median of more runs; some engines only

Seconds by the wall are of use on an otherwise idle machine only; those of the processor also on a busy one.
They are those of the command and of the programs that it ran to their end (``cp``), not the engines'. Prints
Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

COMMAND = str(Path(sys.executable).with_name("sandbox"))
ENGINES = ("postgres", "mysql", "redis", "aws", "mongodb", "gremlin", "cassandra")
FAST = ("postgres", "mysql", "redis", "aws")


def processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def sandbox(*args: str) -> tuple[float, float, dict[str, Any]]:
    """Seconds by the wall, those of the processor, and the data of the envelope."""
    began, used = time.monotonic(), processor()
    done = subprocess.run([COMMAND, *args, "--json"], capture_output=True, text=True, check=False)
    seconds, worked = time.monotonic() - began, processor() - used
    if done.returncode:
        sys.exit(f"{' '.join(args)} failed:\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}")
    data: dict[str, Any] = json.loads(done.stdout)["data"]
    return seconds, worked, data


def row(*cells: object) -> None:
    sys.stdout.write("| " + " | ".join(str(c) for c in cells) + " |\n")
    sys.stdout.flush()


def measured(label: str, engines: tuple[str, ...], repeat: int) -> None:
    figures: dict[str, list[tuple[float, float]]] = {"save": [], "restore": []}
    size = 0
    for _ in range(repeat):
        for word, taken in figures.items():
            force = ["--force"] if word == "save" else []
            seconds, worked, data = sandbox("snapshot", word, "bench", *engines, *force)
            taken.append((seconds, worked))
            size = data["snapshots"][0]["bytes"]
    cells = [
        f"{statistics.median(each[part] for each in taken):.2f}"
        for taken in figures.values()
        for part in (0, 1)
    ]
    row(label, *cells, f"{size / 2**20:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("engines", nargs="*", help="some engines only")
    parser.add_argument("--runtime", default="native", help="native or docker")
    parser.add_argument("--repeat", type=int, default=3, help="runs of which the median is taken")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="sandbox-bench-"))
    home.chmod(0o755)
    os.environ["SANDBOX_HOME"] = str(home)
    engines = tuple(options.engines) or ENGINES
    try:
        sandbox("up", *engines, "--runtime", options.runtime)
        time.sleep(3)
        load = " ".join(f"{each:.1f}" for each in os.getloadavg())
        sys.stdout.write(f"Runtime {options.runtime}; load of the machine: {load}.\n\n")
        row("engines", "save s", "processor s", "restore s", "processor s", "MiB")
        row(*["---"] * 6)
        for name in engines:
            measured(name, (name,), options.repeat)
        if set(FAST) <= set(engines):
            measured("these four at once: " + ", ".join(FAST), FAST, options.repeat)
        if len(engines) > 1 and set(engines) != set(FAST):
            measured(f"all {len(engines)} at once", engines, options.repeat)
    finally:
        subprocess.run([COMMAND, "down", "--all", "--delete"], capture_output=True, check=False)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
