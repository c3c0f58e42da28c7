"""How long datasets take to generate and to read, and in how much memory: `generate.py [SCALE...]`.

Each scale is generated in a process of its own, whose highest resident memory (VmHWM, Linux) is what counts.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

GENERATE = """
import pathlib, sys, time
start = time.perf_counter()
from sandbox.datasets.generator import generate
facts = generate(pathlib.Path(sys.argv[1]), scale=int(sys.argv[2]))
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
print(time.perf_counter() - start, int(peak) / 1024, facts.tables["orders"].rows)
"""


def main(scales: list[int]) -> None:
    from sandbox.datasets import Dataset

    print(
        f"{'scale':>6} {'lines':>9} {'generate s':>11} {'peak MiB':>9} {'rows() s':>9} {'from_folder s':>14}"
    )
    for scale in scales:
        with tempfile.TemporaryDirectory() as scratch:
            made = Path(scratch, "made")
            made.mkdir()
            run = [sys.executable, "-c", GENERATE, str(made), str(scale)]
            env = {**os.environ, "PYTHONPATH": str(ROOT)}
            done = subprocess.run(run, check=True, capture_output=True, text=True, env=env)
            seconds, peak, lines = done.stdout.split()
            start = time.perf_counter()
            for _ in Dataset(made).rows("orders"):
                pass
            reading = time.perf_counter() - start
            start = time.perf_counter()
            Dataset.from_folder(made, Path(scratch, "cache"))
            checking = time.perf_counter() - start
        print(f"{scale:>6} {lines:>9} {float(seconds):>11.2f} {float(peak):>9.1f}", end=" ")
        print(f"{reading:>9.3f} {checking:>14.2f}")


if __name__ == "__main__":
    main([int(text) for text in sys.argv[1:]] or [1, 12, 100])
