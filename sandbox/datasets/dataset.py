"""A dataset: a folder with the three tables as canonical CSV files and a manifest."""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from sandbox import config
from sandbox.datasets.manifest import MANIFEST, Manifest, read_manifest
from sandbox.datasets.schema import TABLES
from sandbox.datasets.values import canonical_converters
from sandbox.errors import EnvironmentRefusedError, UsageError
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
        if scale < 1:
            raise UsageError(
                f"Scale {scale} is not possible: it must be at least 1.",
                code="bad-scale",
                actions=["sandbox load --scale 12", "sandbox up --no-data"],
            )
        return cls._generated(scale, cache, sink)

    @classmethod
    def empty(cls, cache: Path | None = None) -> Dataset:
        """The three tables without a row, for ``--no-data``."""
        return cls._generated(0, cache, silent)

    @classmethod
    def from_folder(cls, folder: Path, cache: Path | None = None, sink: Sink = silent) -> Dataset:
        """A person's own files of the same tables, checked as a whole, kept in canonical form in the cache.

        UsageError that names file, line, column and value when anything in them cannot be loaded; nothing is
        kept then. A `Warned` event tells of amounts with more than four decimals, which are rounded.
        """
        from sandbox.datasets.reader import normalise

        with _new_folder(_store(cache)) as fresh:
            manifest = normalise(Path(folder), fresh.path, sink)
            return cls(fresh.keep_as(manifest.name))

    @classmethod
    def _generated(cls, scale: int, cache: Path | None, sink: Sink) -> Dataset:
        from filelock import FileLock

        from sandbox.datasets.generator import GENERATOR_VERSION, generate

        store = _store(cache)
        # The version is in the name: two versions of the product may share one cache.
        name = f"scale-{scale}-v{GENERATOR_VERSION}"
        if not (store / name).is_dir():
            with FileLock(store / f".{name}.lock"):
                if not (store / name).is_dir():
                    with _new_folder(store) as fresh:
                        subject = f"dataset scale {scale}"

                        def tell(blocks: int) -> None:
                            sink(Progress(subject, "generate", blocks, scale, "blocks"))

                        generate(fresh.path, scale=scale, on_block=tell)
                        fresh.keep_as(name)
        return cls(store / name)


class _new_folder:  # noqa: N801 - used as a with-statement's verb
    """A folder that only appears under its name when it is complete, and leaves nothing behind otherwise."""

    def __init__(self, store: Path) -> None:
        self._store = store

    def __enter__(self) -> _new_folder:
        self.path = Path(tempfile.mkdtemp(prefix=".new-", dir=self._store))
        # An engine that runs as another user than we do may read the files.
        self.path.chmod(0o755)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def keep_as(self, name: str) -> Path:
        """Rename to its final name, unless somebody was faster with the same content."""
        final = self._store / name
        try:
            self.path.rename(final)
        except OSError:
            if not (final / MANIFEST).is_file():
                raise
        return final


def _store(cache: Path | None) -> Path:
    store = (cache or config.cache()) / "datasets"
    try:
        store.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentRefusedError(
            f"{store} cannot be made.",
            code="cache-refused",
            detail=str(error),
            actions=["export SANDBOX_CACHE=DIR  # a folder that you can write to"],
        ) from error
    return store
