"""``manifest.toml``: what a dataset's folder holds, so that nobody has to read its files to know."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.datasets.schema import SCHEMA_VERSION, TABLES
from sandbox.errors import UsageError

MANIFEST = "manifest.toml"


@dataclass(frozen=True)
class TableFacts:
    """One file: its sha256 in hex, its size in bytes, its rows (lines; there is no header)."""

    sha256: str
    bytes: int
    rows: int


@dataclass(frozen=True)
class Manifest:
    """``scale`` and ``seed`` are None where the files were not generated; ``generator`` is then 0."""

    name: str
    tables: Mapping[str, TableFacts]
    generator: int = 0
    scale: int | None = None
    seed: int | None = None

    @property
    def hash(self) -> str:
        """Sixteen hex digits that change with any byte of any file, and with the schema."""
        parts = [f"schema {SCHEMA_VERSION}", *(f"{name} {self.tables[name].sha256}" for name in TABLES)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def write(self, folder: Path) -> None:
        """Write ``manifest.toml`` into a folder."""
        (folder / MANIFEST).write_text(self._toml(), encoding="utf-8", newline="\n")

    def _toml(self) -> str:
        lines = [
            "# Written by `sandbox fixtures generate`; checked by `sandbox fixtures check`.",
            "# The files: UTF-8, LF, no header line; dates M/D/YYYY; an empty field is a missing value.",
            f"schema_version = {SCHEMA_VERSION}",
            f"name = {_quoted(self.name)}",
        ]
        if self.scale is not None:
            lines += ["", "[generator]", f"version = {self.generator}", f"scale = {self.scale}"]
            lines += [f"seed = {self.seed}"]
        for table in TABLES.values():
            facts = self.tables[table.name]
            lines += ["", f"[tables.{table.name}]", f'sha256 = "{facts.sha256}"', f"bytes = {facts.bytes}"]
            lines += [f"rows = {facts.rows}", f"columns = [{_quoted(*table.column_names)}]"]
            lines += [f"key = [{_quoted(*table.key)}]"]
            pairs = [f'{key.column} = "{key.table}.{key.references}"' for key in table.foreign_keys]
            if pairs:
                lines += [f"foreign_keys = {{ {', '.join(pairs)} }}"]
        return "\n".join(lines) + "\n"


def file_sha256(path: Path) -> str:
    """In hex, without holding the file in memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder; UsageError when it is missing, broken or of another schema."""
    import tomllib

    path = folder / MANIFEST
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        if data["schema_version"] != SCHEMA_VERSION:
            raise _bad(path, f"it has schema version {data['schema_version']}, this is {SCHEMA_VERSION}")
        generator: dict[str, Any] = data.get("generator", {})
        return Manifest(
            name=str(data["name"]),
            tables={name: _facts(name, data["tables"][name]) for name in TABLES},
            generator=int(generator.get("version", 0)),
            scale=int(generator["scale"]) if generator else None,
            seed=int(generator["seed"]) if generator else None,
        )
    except FileNotFoundError:
        raise UsageError(
            f"{folder} is no dataset: it has no {MANIFEST}.",
            code="no-dataset",
            detail="A folder of plain CSV files is loaded with `sandbox load --from`.",
            actions=["sandbox fixtures list"],
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, TypeError, ValueError) as error:
        raise _bad(path, str(error)) from error
    except KeyError as error:
        raise _bad(path, f"{error.args[0]} is missing") from error


def _quoted(*names: str) -> str:
    # Only names of ours come here; none has a character that TOML would want escaped.
    return ", ".join(f'"{name}"' for name in names)


def _facts(name: str, data: Mapping[str, Any]) -> TableFacts:
    if data["columns"] != list(TABLES[name].column_names) or data["key"] != list(TABLES[name].key):
        raise ValueError(f"columns or key of {name} are not those of the schema")
    return TableFacts(sha256=str(data["sha256"]), bytes=int(data["bytes"]), rows=int(data["rows"]))


def _bad(path: Path, why: str) -> UsageError:
    return UsageError(
        f"{path} cannot be used: {why}.",
        code="bad-manifest",
        actions=["sandbox fixtures generate --scale 1 --out DIR"],
    )
