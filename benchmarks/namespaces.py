"""What a namespace costs: from asking for one until it is dropped again, for each engine, empty and loaded.

    sandbox up
    python benchmarks/namespaces.py                      all engines that run
    python benchmarks/namespaces.py postgres mysql       some of them
    python benchmarks/namespaces.py --repeat 50 --pause 0.5

The first three of a process are not counted in the medians: they connect, and make what the others are copied
from. *Ready*: one is ready when it is asked for, as in a suite whose tests take longer than making one. *In a
row*: each is asked for as soon as the last was given back, so that the making of all of them is in it.
``--pause`` is how long each is kept: what is done in the background is done meanwhile. Each loaded one has a
row or a key changed. Processor time is that of the engine's processes and of this one together, for each of
those in a row, with what was made ahead and not used. Run it on an otherwise idle machine. Prints Markdown;
figures of one run belong together.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.endpoint import Endpoint
from sandbox.engines.registry import engine as engine_named
from sandbox.namespaces import namespaces
from sandbox.sandbox import Sandbox

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Figures:
    """Milliseconds: of the first take; of each later take and give_back together, where one was ready and in
    a row; of the processor."""

    first: float = 0.0
    ready: list[float] = field(default_factory=list)
    row: list[float] = field(default_factory=list)
    processor: float = 0.0
    close: float = 0.0


def processor(box: Sandbox, name: str) -> float:
    """Seconds of the processor that the engine's processes and this one have used so far."""
    family = {next(each.pid for each in box.status([name], probe=False))}
    spent = 0.0
    for entry in sorted(int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()):
        try:
            fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if entry in family or int(fields[1]) in family:
            family.add(entry)
            # Those that ended meanwhile (a session of PostgreSQL) are counted in their parent.
            spent += sum(int(fields[at]) for at in (11, 12, 13, 14)) / _TICKS
    return spent + time.process_time()


def change(endpoint: Endpoint) -> None:
    """One small write, as nearly every test makes one."""
    with engine_named(endpoint.engine).connect(endpoint) as made:
        if endpoint.engine in ("postgres", "mysql"):
            made.cursor().execute("update customers set lastname = 'Nobody' where customerid = 293")
        elif endpoint.engine == "cassandra":
            made.execute("UPDATE customers SET lastname = 'Nobody' WHERE customerid = 293")
        elif endpoint.engine == "mongodb":
            made[endpoint.database].customers.delete_one({"_id": 293})
        elif endpoint.engine == "redis":
            made.delete("customer:293")
        elif endpoint.engine == "gremlin":
            made.V("customer-293").property("lastname", "Nobody").iterate()
        else:
            key = {"customerid": {"N": "293"}}
            made.client("dynamodb").delete_item(TableName="customers", Key=key)


def measure(box: Sandbox, name: str, repeat: int, pause: float, *, loaded: bool) -> Figures:
    found, before = Figures(), 0.0
    spaces = namespaces(box, name)

    def one() -> tuple[float, float]:
        began = time.perf_counter()
        taken = spaces.take(loaded=loaded)
        took = time.perf_counter() - began
        if loaded:
            change(taken)
        time.sleep(pause)
        began = time.perf_counter()
        spaces.give_back(taken)
        return took * 1000, (time.perf_counter() - began) * 1000

    try:
        found.first = one()[0]
        one()
        one()
        for _ in range(repeat):
            deadline = time.monotonic() + 5
            while spaces.ahead[loaded] and not spaces.spares(loaded=loaded) and time.monotonic() < deadline:
                time.sleep(0.005)
            found.ready.append(sum(one()))
        before = processor(box, name)
        found.row = [sum(one()) for _ in range(repeat)]
        began = time.perf_counter()
    finally:
        spaces.close()
    found.close = (time.perf_counter() - began) * 1000
    # After the end, so that what is done in the background is in it.
    found.processor = (processor(box, name) - before) * 1000 / repeat
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engines", nargs="*", help="engines (default: all that run)")
    parser.add_argument("--repeat", type=int, default=30, help="namespaces of which the median is taken")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds for which each is kept")
    options = parser.parse_args()
    box = Sandbox()
    head = (
        "engine",
        "holds",
        "first ms",
        "ready ms",
        "worst ms",
        "in a row ms",
        "worst ms",
        "processor ms",
        "close ms",
    )
    for cells in (head, ["---"] * len(head)):
        sys.stdout.write("| " + " | ".join(cells) + " |\n")
    for name in options.engines or box.running():
        for loaded in (False, True):
            seen = measure(box, name, options.repeat, options.pause, loaded=loaded)
            figures = (
                seen.first,
                statistics.median(seen.ready),
                max(seen.ready),
                statistics.median(seen.row),
                max(seen.row),
                seen.processor,
                seen.close,
            )
            cells = [name, "the dataset" if loaded else "nothing", *(f"{each:.1f}" for each in figures)]
            sys.stdout.write("| " + " | ".join(cells) + " |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
