"""Is a folder with the three files in order? One finding a statement."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from sandbox.datasets.dataset import Dataset
from sandbox.datasets.known import ABSENT_CUSTOMER, EMPLOYEE_ROWS, JOHNS, KNOWN_CUSTOMERS, KNOWN_ORDER_LINES
from sandbox.datasets.manifest import MANIFEST, Manifest, file_sha256, read_manifest
from sandbox.datasets.reader import find_files, normalise
from sandbox.datasets.schema import ORDERS, TABLES
from sandbox.errors import UsageError

NO_ROWS = "there are no good rows to look at"
HALF_UNIT = Decimal("0.00005")
"""Amounts are kept with four decimals, so each may be this much off."""


@dataclass(frozen=True)
class Finding:
    """``message`` says what is wrong or why it could not be told; empty when passed."""

    sentence: str
    outcome: Literal["passed", "failed", "skipped"]
    message: str = ""


def check(folder: Path) -> list[Finding]:
    """Check files against their manifest, the schema and the invariants.

    Without a manifest what rests on one is skipped. Rows of generated datasets that the exercises rely on are
    looked for only where the manifest says that the files were generated. UsageError when there is no such
    folder.
    """
    sentence = "The files of all three tables are there"
    try:
        paths = find_files(folder)
    except UsageError as error:
        if error.code != "missing-table":
            raise
        return [Finding(sentence, "failed", error.detail.removesuffix("\nNothing was loaded."))]
    manifest, readable_manifest = _manifest(folder)
    findings = [Finding(sentence, "passed"), readable_manifest, _same_bytes(manifest, paths)]
    with tempfile.TemporaryDirectory(prefix="sandbox-check-") as scratch:
        actual, fits = _fits(folder, Path(scratch), manifest)
        clean = Dataset(Path(scratch)) if actual is not None else None
        findings += [fits, _counts(manifest, actual), *_invariants(clean)]
        if manifest is not None and manifest.scale:
            findings += _relied_on(clean, manifest.scale)
    return findings


def _manifest(folder: Path) -> tuple[Manifest | None, Finding]:
    sentence = f"{MANIFEST} is there and can be read"
    if not (folder / MANIFEST).exists():
        return None, Finding(sentence, "skipped", "these are plain CSV files without one")
    try:
        return read_manifest(folder), Finding(sentence, "passed")
    except UsageError as error:
        return None, Finding(sentence, "failed", error.title)


def _same_bytes(manifest: Manifest | None, paths: dict[str, Path]) -> Finding:
    sentence = f"The files are byte for byte those of {MANIFEST}"
    if manifest is None:
        return Finding(sentence, "skipped", f"no usable {MANIFEST}")
    wrong = []
    for name, path in paths.items():
        facts, actual = manifest.tables[name], file_sha256(path)
        if actual != facts.sha256:
            wrong.append(f"{path.name}: sha256 is {actual}, {MANIFEST} says {facts.sha256}")
    return Finding(sentence, "failed" if wrong else "passed", "\n".join(wrong))


def _fits(folder: Path, scratch: Path, manifest: Manifest | None) -> tuple[Manifest | None, Finding]:
    """What the files really hold (None when unreadable), brought to canonical form in ``scratch``."""
    sentence = "Every row fits the schema: columns, types, keys, foreign keys"
    if manifest is not None and manifest.scale == 0:
        return None, Finding(sentence, "skipped", "there are no rows")
    try:
        return normalise(folder, scratch), Finding(sentence, "passed")
    except UsageError as error:
        lines = [error.title, *error.detail.splitlines()[:-1]]
        return None, Finding(sentence, "failed", "\n".join(lines))


def _counts(manifest: Manifest | None, actual: Manifest | None) -> Finding:
    sentence = f"Each table has as many rows as {MANIFEST} says"
    if manifest is None or actual is None:
        return Finding(sentence, "skipped", f"no usable {MANIFEST}" if manifest is None else NO_ROWS)
    wrong = [
        f"{name} has {actual.tables[name].rows} rows, not {manifest.tables[name].rows}"
        for name in TABLES
        if actual.tables[name].rows != manifest.tables[name].rows
    ]
    return _finding(sentence, wrong)


Rule = Callable[[dict[str, Any]], bool]

LINE_RULES: tuple[tuple[str, Rule], ...] = (
    ("duedate is 12 days after orderdate", lambda row: row["duedate"] - row["orderdate"] == timedelta(12)),
    ("shipdate is 7 days after orderdate", lambda row: row["shipdate"] - row["orderdate"] == timedelta(7)),
    (
        "totaldue is subtotal + taxamt + freight",
        lambda row: row["totaldue"] == row["subtotal"] + row["taxamt"] + row["freight"],
    ),
    (
        "linetotal is orderqty * unitprice * (1 - unitpricediscount), to four decimals",
        lambda row: (
            abs(row["linetotal"] - row["orderqty"] * row["unitprice"] * (1 - row["unitpricediscount"]))
            <= HALF_UNIT
        ),
    ),
)
PER_ORDER = (
    *("orderdate", "duedate", "shipdate", "employeeid", "customerid"),
    *("subtotal", "taxamt", "freight", "totaldue"),
)
ORDER_SENTENCES = (
    "All lines of an order have the same dates, people and amounts",
    "subtotal is the sum of the order's line totals",
)


def _invariants(dataset: Dataset | None) -> list[Finding]:
    sentences = [*(sentence for sentence, _ in LINE_RULES), *ORDER_SENTENCES]
    if dataset is None:
        return [Finding(sentence, "skipped", NO_ROWS) for sentence in sentences]
    wrong: dict[str, list[str]] = {sentence: [] for sentence in sentences}
    heads: dict[int, tuple[Any, ...]] = {}
    sums: dict[int, tuple[Decimal, int]] = {}
    for values in dataset.rows("orders"):
        row = dict(zip(ORDERS.column_names, values, strict=True))
        order = row["salesorderid"]
        name = f"order line {order}/{row['salesorderdetailid']}"
        for sentence, holds in LINE_RULES:
            if not holds(row):
                wrong[sentence].append(name)
        head = tuple(row[column] for column in PER_ORDER)
        if heads.setdefault(order, head) != head:
            wrong[ORDER_SENTENCES[0]].append(name)
        total, lines = sums.get(order, (Decimal(0), 0))
        sums[order] = total + row["linetotal"], lines + 1
    subtotal = PER_ORDER.index("subtotal")
    for order, (total, lines) in sums.items():
        if abs(total - heads[order][subtotal]) > HALF_UNIT * (lines + 1):
            text = f"order {order}: subtotal {heads[order][subtotal]}, lines {total}"
            wrong[ORDER_SENTENCES[1]].append(text)
    return [_finding(sentence, found) for sentence, found in wrong.items()]


def _relied_on(dataset: Dataset | None, scale: int) -> list[Finding]:
    """What `sandbox.datasets.known` says of generated datasets."""
    sentences = (
        "The customers, employees and order lines that the exercises rely on are there",
        f"No customer has the id {ABSENT_CUSTOMER} or the name John Doe",
        f"{JOHNS * scale} customers have the first name John",
    )
    if dataset is None:
        return [Finding(sentence, "skipped", NO_ROWS) for sentence in sentences]
    missing: dict[str, set[tuple[Any, ...]]] = {
        "customers": set(KNOWN_CUSTOMERS),
        "employees": set(EMPLOYEE_ROWS),
        "orders": set(KNOWN_ORDER_LINES),
    }
    johns, present = 0, []
    for name, rows in missing.items():
        for row in dataset.rows(name):
            rows.discard(row)
            if name == "customers":
                johns += row[1] == "John"
                if row[0] == ABSENT_CUSTOMER or row[3].casefold() == "john doe":
                    present.append(f"{row[0]} {row[3]}")
    lost = [f"{name}: {'/'.join(str(part) for part in row[:2])}" for name in missing for row in missing[name]]
    return [
        _finding(sentences[0], lost),
        _finding(sentences[1], present),
        _finding(sentences[2], [] if johns == JOHNS * scale else [f"there are {johns}"]),
    ]


def _finding(sentence: str, wrong: list[str]) -> Finding:
    if not wrong:
        return Finding(sentence, "passed")
    more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
    return Finding(sentence, "failed", ", ".join(wrong[:3]) + more)
