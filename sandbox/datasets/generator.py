"""Generates the three tables: the same seed gives the same bytes on every machine and Python version.

A dataset of scale N is N blocks. Block 0 is scale 1, with all the rows that the course's exercises rely on,
whatever the seed. Each further block has as many customers (19 of them named John) and about as many orders
of its own, with ids above those of the block before. Employees are the same 17 at every scale. Only one
block is in memory at a time.

Amounts are whole numbers of 0.0001 throughout, so every invariant holds exactly and nothing is ever rounded.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from sandbox.datasets.draws import Draws
from sandbox.datasets.known import ABSENT_CUSTOMER, EMPLOYEE_ROWS, JOHNS, KNOWN_CUSTOMERS
from sandbox.datasets.manifest import Manifest, TableFacts
from sandbox.datasets.names import FIRST_NAMES, LAST_NAMES
from sandbox.datasets.orders import order_lines
from sandbox.datasets.schema import TABLES
from sandbox.datasets.values import text_from_value
from sandbox.errors import UsageError

GENERATOR_VERSION = 1
"""Rises with every change that changes a byte of the output."""

SEED = 20140501
MAX_SCALE = 10_000
"""Beyond it the ids of order lines would come near the end of a 32-bit INT."""

CUSTOMERS_PER_BLOCK = 635
FIRST_ID, LAST_ID = 291, 1993
ID_STEP = LAST_ID - FIRST_ID + 2
"""How much higher the customer ids of the next block are; even, so that they stay mostly odd."""
EVEN_IDS = 6


def check_scale(scale: int) -> None:
    """UsageError for a scale that no dataset can have."""
    if not 1 <= scale <= MAX_SCALE:
        raise UsageError(
            f"Scale {scale} is not possible: it must be from 1 to {MAX_SCALE}.",
            code="bad-scale",
            actions=["sandbox load --scale 12", "sandbox up --no-data"],
        )


def generate(
    folder: Path, *, scale: int, seed: int = SEED, on_block: Callable[[int], None] | None = None
) -> Manifest:
    """Write the three CSV files and ``manifest.toml`` into an existing folder.

    ``scale`` 0 writes empty tables. ``on_block`` is told the number of blocks written so far.
    Other scales are from 1 to 10000: see `check_scale`.
    """
    writers = {name: _TableWriter(folder / table.file) for name, table in TABLES.items()}
    try:
        if scale:
            writers["employees"].write(
                tuple(text_from_value(value) for value in row) for row in EMPLOYEE_ROWS
            )
        for block in range(scale):
            customers = customers_of_block(seed, block)
            writers["customers"].write(customers)
            writers["orders"].write(order_lines(seed, block, [row[0] for row in customers]))
            if on_block:
                on_block(block + 1)
    finally:
        facts = {name: writer.close() for name, writer in writers.items()}
    manifest = Manifest(
        name={0: "empty", 1: "course"}.get(scale, f"scale-{scale}")
        if seed == SEED
        else f"scale-{scale}-seed-{seed}",
        tables=facts,
        generator=GENERATOR_VERSION,
        scale=scale,
        seed=seed,
    )
    manifest.write(folder)
    return manifest


def _dataset_name(scale: int, seed: int) -> str:
    if scale == 0:
        return "empty"
    if seed != SEED:
        return f"scale-{scale}-seed-{seed}"
    return "course" if scale == 1 else f"scale-{scale}"


def customers_of_block(seed: int, block: int) -> list[tuple[int, str, str, str]]:
    """The 635 customers of a block by rising id: (customerid, firstname, lastname, fullname)."""
    draws = Draws(seed, "customers", block)
    known = {row[0]: row for row in KNOWN_CUSTOMERS} if block == 0 else {}
    ids = _customer_ids(draws, block, set(known))
    names = {row[3] for row in known.values()}
    unknown = [number for number in ids if number not in known]
    johns = set(draws.sample(unknown, JOHNS - sum(row[1] == "John" for row in known.values())))
    rows = []
    for number in ids:
        row = known.get(number)
        while row is None:
            first = "John" if number in johns else _name(draws, FIRST_NAMES)
            full = f"{first} {(last := _name(draws, LAST_NAMES))}"
            # Nobody shares a full name within a block, so that looking one up finds one.
            if full not in names:
                names.add(full)
                row = (number, first, last, full)
        rows.append(row)
    return rows


def _customer_ids(draws: Draws, block: int, known: set[int]) -> list[int]:
    first, last = FIRST_ID + block * ID_STEP, LAST_ID + block * ID_STEP
    fixed = known | {first, last}
    odd = [number for number in range(first, last + 1, 2) if number not in fixed | {ABSENT_CUSTOMER}]
    even = draws.sample(range(first + 1, last, 2), EVEN_IDS)
    return sorted([*fixed, *even, *draws.sample(odd, CUSTOMERS_PER_BLOCK - EVEN_IDS - len(fixed))])


def _name(draws: Draws, names: tuple[str, ...]) -> str:
    # The smaller of two draws, spread over the alphabet (97 is prime): some names are common, some rare.
    return names[min(draws.below(len(names)), draws.below(len(names))) * 97 % len(names)]


class _TableWriter:
    """Writes rows of text as canonical CSV and knows at the end how many, how long and with which sha256."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._sha = hashlib.sha256()
        self._rows = self._bytes = 0

    def write(self, rows: Iterable[Sequence[object]]) -> None:
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        for row in rows:
            writer.writerow(row)
            self._rows += 1
        data = text.getvalue().encode()
        self._bytes += len(data)
        self._sha.update(data)
        self._file.write(data)

    def close(self) -> TableFacts:
        self._file.close()
        return TableFacts(sha256=self._sha.hexdigest(), bytes=self._bytes, rows=self._rows)
