"""Reads a person's own files of the three tables, forgiving in form and strict in content.

Taken as it comes: CRLF or LF, UTF-8 with or without BOM, with or without a header line, any column order
under a header, blanks around names and values, blank lines, empty fields as missing, zero-padded dates.
Anything that could not be loaded, or only with a guess, is an error that names file, line, column and value.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from sandbox.datasets.fields import BadValueError, value_from_text
from sandbox.datasets.header import Header, find_header
from sandbox.datasets.manifest import Manifest, TableFacts, file_sha256
from sandbox.datasets.schema import TABLES, ForeignKey, Table
from sandbox.datasets.values import text_from_value
from sandbox.errors import UsageError
from sandbox.events import Sink, Warned, silent

SHOWN = 5
"""How many mistakes an error tells of; the others are counted."""


@dataclass
class Mistakes:
    """What is wrong in the files of a folder, in the order it was found."""

    folder: Path
    first: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, path: Path, text: str, *, line: int | None = None, column: str | None = None) -> None:
        self.count += 1
        if len(self.first) < SHOWN:
            where = str(path.relative_to(self.folder))
            where += f" line {line}" if line is not None else ""
            where += f", column {column}" if column is not None else ""
            self.first.append(f"{where}: {text}")

    def error(self) -> UsageError:
        """One error for all: the first is its title, the next few and the number of the rest its detail."""
        more = self.count - len(self.first)
        detail = [*self.first[1:], *([f"... and {more} more."] if more else []), "Nothing was loaded."]
        return UsageError(
            f"{self.folder}: {self.first[0]}.",
            code="bad-dataset",
            detail="\n".join(detail),
            actions=[f"sandbox fixtures check {self.folder}"],
        )


def normalise(folder: Path, out: Path, sink: Sink = silent) -> Manifest:
    """Check the three files of ``folder`` and write them to ``out`` in canonical form, with a manifest.

    A file is looked for as ``orders.csv``, ``orders/orders.csv`` and ``rawData/orders/orders.csv``. Lines
    keep their order, but an employee follows the manager. Amounts with more than four decimals are rounded
    half up and told of in a `Warned` event. UsageError when anything is wrong: throw ``out`` away then.
    """
    paths = find_files(folder)
    mistakes = Mistakes(folder)
    keys: dict[str, set[Any]] = {}
    facts = {}
    for table in TABLES.values():
        reading = _Reading(table, paths[table.name], mistakes, keys)
        facts[table.name] = reading.write(out / table.file)
        if reading.whole:
            keys[table.name] = reading.keys
        if reading.rounded:
            sink(Warned(reading.rounded_text()))
    if mistakes.count:
        raise mistakes.error()
    manifest = Manifest(name="from-", tables=facts)
    manifest = Manifest(name=f"from-{manifest.hash}", tables=facts)
    manifest.write(out)
    return manifest


def find_files(folder: Path) -> dict[str, Path]:
    """The file of each table in a folder; UsageError that names those missing and the places looked at."""
    if not folder.is_dir():
        raise UsageError(
            f"{folder} is not a folder." if folder.exists() else f"There is no folder {folder}.",
            code="no-dataset-folder",
            detail="Expected a folder with customers.csv, employees.csv and orders.csv.",
            actions=["sandbox load --from DIR"],
        )
    found, missing = {}, []
    for table in TABLES.values():
        places = (Path(table.file), Path(table.name, table.file), Path("rawData", table.name, table.file))
        path = next((folder / place for place in places if (folder / place).is_file()), None)
        if path:
            found[table.name] = path
        else:
            missing.append(f"{table.name}: expected {' or '.join(str(place) for place in places)}")
    if missing:
        raise UsageError(
            f"{folder} lacks {' and '.join(text.split(':')[0] for text in missing)}.",
            code="missing-table",
            detail="\n".join([*missing, "Nothing was loaded."]),
            actions=["sandbox load --from DIR"],
        )
    return found


class _Reading:
    """One file on its way into canonical form."""

    def __init__(self, table: Table, path: Path, mistakes: Mistakes, parents: dict[str, set[Any]]) -> None:
        self.table, self.path, self.mistakes, self.parents = table, path, mistakes, parents
        self.keys: set[Any] = set()
        self.rounded = 0
        self.first_rounded = ""
        self._lines: dict[Any, int] = {}
        self._key_places = tuple(table.position(name) for name in table.key)
        self._parent_places = tuple((key, table.position(key.column)) for key in table.foreign_keys)
        self._before = mistakes.count

    @property
    def whole(self) -> bool:
        """Whether every row was read, so that others may be checked against its keys."""
        return self.mistakes.count == self._before

    def rounded_text(self) -> str:
        return (
            f"{self.path.name}: {self.rounded} amounts with more than four decimals were rounded to four "
            f"(first: {self.first_rounded})."
        )

    def write(self, out: Path) -> TableFacts:
        """Write the good rows; what is not good is in the mistakes afterwards."""
        rows: Iterable[tuple[Any, ...]] = self._rows()
        if any(key.table == self.table.name for key in self.table.foreign_keys):
            rows = self._parents_first(list(rows))
        with out.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            count = 0
            for row in rows:
                writer.writerow([text_from_value(value) for value in row])
                count += 1
        return TableFacts(sha256=file_sha256(out), bytes=out.stat().st_size, rows=count)

    def _wrong(self, text: str, line: int | None = None, column: str | None = None) -> None:
        self.mistakes.add(self.path, text, line=line, column=column)

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        """Typed rows in the schema's order of columns, each checked by itself, for its key, its parents."""
        header: Header | None = None
        for line, record in self._records():
            if header is None:
                header = find_header(self.table, record)
                for mistake in header.mistakes:
                    self._wrong(mistake, line)
                if header.mistakes:
                    return
                if header.present:
                    continue
            row = self._row(header, line, record)
            if row is not None and self._is_new(row, line):
                self._check_parents(row, line)
                yield row
        if header is None and self.whole:
            self._wrong("the file is empty")

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """(line number from 1, fields) of every line that is not blank."""
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.reader(self._without_nul(file), strict=True)
                line = 1
                try:
                    for record in reader:
                        if "".join(record).strip():
                            yield line, record
                        line = reader.line_num + 1
                except csv.Error as error:
                    self._wrong(f"this is not CSV: {error}", line)
        except _NulError as error:
            self._wrong("there is a NUL byte; is this a text file in UTF-8?", error.line)
        except UnicodeDecodeError:
            self._wrong(*self._not_utf8())
        except OSError as error:
            self._wrong(f"cannot be read: {error.strerror}")

    def _without_nul(self, file: IO[str]) -> Iterator[str]:
        for number, text in enumerate(file, 1):
            if "\0" in text:
                raise _NulError(number)
            yield text

    def _not_utf8(self) -> tuple[str, int | None]:
        with self.path.open("rb") as file:
            for number, data in enumerate(file, 1):
                try:
                    data.decode()
                except UnicodeDecodeError as error:
                    bad = data[error.start : error.end]
                    near = data[max(0, error.start - 12) : error.end + 12].decode(errors="replace").strip()
                    return f"byte 0x{bad.hex()} is not UTF-8, in {near!r}", number
        return "the file is not UTF-8", None

    def _row(self, header: Header, line: int, record: Sequence[str]) -> tuple[Any, ...] | None:
        if len(record) != len(self.table.columns):
            text = f"{len(record)} fields where {len(self.table.columns)} are expected"
            self._wrong(f"{text}, in {_shortened(','.join(record))!r}{header.hint(record)}", line)
            return None
        row: list[Any] = []
        good = True
        for column, place in zip(self.table.columns, header.places, strict=True):
            try:
                value, rounded = value_from_text(column, record[place])
            except BadValueError as error:
                good = False
                self._wrong(str(error), line, column.name)
                continue
            row.append(value)
            if rounded:
                self.rounded += 1
                self.first_rounded = self.first_rounded or f"line {line}, {column.name}, {record[place]}"
        return tuple(row) if good else None

    def _key(self, row: Sequence[Any]) -> Any:
        places = self._key_places
        return row[places[0]] if len(places) == 1 else tuple(row[place] for place in places)

    def _is_new(self, row: Sequence[Any], line: int) -> bool:
        key = self._key(row)
        if key in self.keys:
            text = "/".join(str(part) for part in (key if isinstance(key, tuple) else (key,)))
            self._wrong(
                f"{text} is there already, on line {self._lines[key]}", line, "/".join(self.table.key)
            )
            return False
        self.keys.add(key)
        self._lines[key] = line
        return True

    def _check_parents(self, row: Sequence[Any], line: int) -> None:
        for key, place in self._parent_places:
            # None: the other file has mistakes of its own, so that nothing can be said.
            known = self.parents.get(key.table)
            value = row[place]
            if known is not None and value is not None and value not in known:
                self._wrong(_no_parent(key, value), line, key.column)

    def _parents_first(self, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Rows of a table that refers to itself, each after the row it refers to, else in their order."""
        (key,) = (key for key in self.table.foreign_keys if key.table == self.table.name)
        parent = self.table.position(key.column)
        if self.whole:
            for row in rows:
                if row[parent] is not None and row[parent] not in self.keys:
                    self._wrong(_no_parent(key, row[parent]), self._lines[self._key(row)], key.column)
        if not self.whole:
            return rows
        done: dict[Any, tuple[Any, ...]] = {}
        waiting = rows
        while waiting:
            for row in waiting:
                if row[parent] is None or row[parent] in done:
                    done[self._key(row)] = row
            left = [row for row in waiting if self._key(row) not in done]
            if len(left) == len(waiting):
                row = left[0]
                text = f"{row[parent]} leads back to {self._key(row)} itself, so that nobody is at the top"
                self._wrong(text, self._lines[self._key(row)], key.column)
                break
            waiting = left
        return list(done.values())


class _NulError(Exception):
    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def _no_parent(key: ForeignKey, value: Any) -> str:
    return f"{value} is no {key.references} of {key.table}"


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
