"""A dataset: a folder with the three tables as canonical CSV files and a manifest."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from sandbox import config
from sandbox.datasets.folders import keep_as, new_folder, place, refuse_unless_ours, replace, store
from sandbox.datasets.manifest import MANIFEST, Manifest, read_manifest
from sandbox.datasets.schema import TABLES
from sandbox.datasets.values import canonical_converters
from sandbox.errors import UsageError
from sandbox.events import Progress, Sink, silent


class Dataset:
    """The files of one folder, which nothing changes any more.

    Files are canonical: UTF-8 without BOM, LF, no header, columns in the order of the schema, quotes only
    where CSV needs them (then doubled; a backslash means itself), a missing value as an empty field, one line
    a row. An employee's row comes after the manager's. Making one reads nothing; the manifest is read when
    first asked for.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def __repr__(self) -> str:
        return f"Dataset({str(self.folder)!r})"

    @cached_property
    def manifest(self) -> Manifest:
        """What the folder holds; UsageError when it is no dataset."""
        return read_manifest(self.folder)

    @property
    def name(self) -> str:
        """``course``, ``scale-12``, ``empty``, or ``from-`` and the hash for a person's own files."""
        return self.manifest.name

    @property
    def hash(self) -> str:
        """Sixteen hex digits for the content of all tables, from the manifest: a golden copy's key has it."""
        return self.manifest.hash

    def path(self, table: str) -> Path:
        """The file of a table, for bulk loads straight from it."""
        return self.folder / TABLES[table].file

    def count(self, table: str) -> int:
        """Rows of a table, from the manifest."""
        return self.manifest.tables[table].rows

    @property
    def counts(self) -> dict[str, int]:
        """Rows of every table."""
        return {table: self.count(table) for table in TABLES}

    def rows(self, table: str) -> Iterator[tuple[Any, ...]]:
        """Typed rows in the file's order, columns as in the schema, one at a time.

        Values are int, str, Decimal, date or None. UsageError when the file is gone or was changed by hand
        so that it cannot be read.
        """
        converters = canonical_converters(TABLES[table])
        path = self.path(table)
        try:
            with path.open(encoding="utf-8", newline="") as file:
                for record in csv.reader(file):
                    yield tuple([convert(text) for convert, text in zip(converters, record, strict=True)])
        except (OSError, ValueError, ArithmeticError, csv.Error) as error:
            raise UsageError(
                f"{path} is damaged: it is not what its {MANIFEST} says.",
                code="damaged-dataset",
                detail=str(error),
                actions=[f"sandbox fixtures check {self.folder}"],
            ) from error

    @classmethod
    def course(cls) -> Dataset:
        """The dataset that ships with the product: scale 1."""
        return cls(config.resources("fixtures"))

    @classmethod
    def at_scale(cls, scale: int, cache: Path | None = None, sink: Sink = silent) -> Dataset:
        """The generated dataset of a scale, made once and kept in the cache; scale 1 is `course`.

        Two processes that ask at once make it once. UsageError for a scale outside 1 to 10000.
        """
        if scale == 1:
            return cls.course()
        from sandbox.datasets.generator import check_scale

        check_scale(scale)
        return cls._generated(scale, cache, sink)

    @classmethod
    def empty(cls, cache: Path | None = None) -> Dataset:
        """The three tables without a row, for ``--no-data``."""
        return cls._generated(0, cache, silent)

    @classmethod
    def named(cls, name: str, cache: Path | None = None, sink: Sink = silent) -> Dataset:
        """The dataset that has this :attr:`name`; a person's own files as they are kept in the cache."""
        if name == "course":
            return cls.course()
        if name == "empty":
            return cls.empty(cache)
        kind, _, scale = name.partition("-")
        if kind == "scale" and scale.isdigit():
            return cls.at_scale(int(scale), cache, sink)
        return cls(place(cache) / name)

    @classmethod
    def from_folder(cls, folder: Path, cache: Path | None = None, sink: Sink = silent) -> Dataset:
        """A person's own files of the same tables, checked as a whole, kept in canonical form in the cache.

        UsageError that names file, line, column and value when anything in them cannot be loaded; nothing is
        kept then. A `Warned` event tells of amounts with more than four decimals, which are rounded.
        """
        from sandbox.datasets.reader import normalise

        kept = store(cache)
        with new_folder(kept) as fresh:
            manifest = normalise(Path(folder), fresh, sink)
            return cls(keep_as(fresh, kept / manifest.name))

    @classmethod
    def generate(cls, out: Path, scale: int, seed: int | None = None, sink: Sink = silent) -> Dataset:
        """Generate into a folder of the user's: a new one, an empty one, or one that holds a dataset already.

        UsageError when there is something else, or for a scale outside 1 to 10000; nothing is changed then.
        """
        from sandbox.datasets.generator import SEED, check_scale, generate

        check_scale(scale)
        refuse_unless_ours(out)
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        with new_folder(out.absolute().parent) as fresh:
            seed = SEED if seed is None else seed
            generate(fresh, scale=scale, seed=seed, on_block=_teller(scale, sink))
            replace(fresh, out)
        return cls(out)

    @classmethod
    def _generated(cls, scale: int, cache: Path | None, sink: Sink) -> Dataset:
        from filelock import FileLock

        from sandbox.datasets.generator import GENERATOR_VERSION, generate

        # The version is in the name: two versions of the product may share one cache.
        final = place(cache) / f"scale-{scale}-v{GENERATOR_VERSION}"
        if not final.is_dir():
            kept = store(cache)
            with FileLock(kept / f".{final.name}.lock"):
                if not final.is_dir():
                    with new_folder(kept) as fresh:
                        generate(fresh, scale=scale, on_block=_teller(scale, sink))
                        keep_as(fresh, final)
        return cls(final)


def _teller(scale: int, sink: Sink) -> Callable[[int], None]:
    def tell(blocks: int) -> None:
        sink(Progress(f"dataset scale {scale}", "generate", blocks, scale, "blocks"))

    return tell
