"""What an account has, kept in a file and put into other accounts: in a hundredth of the time that it took to
bring it in.

Runs inside MiniStack's environment like :mod:`.aws_server`, and imports nothing of this project. Relies on
MiniStack 1.5.33: all that belongs to an account lies in dictionaries whose keys begin with its id; and items
of DynamoDB and records of Kinesis are never changed in place: what changes one puts a new one in its stead.
So accounts that were filled share these, and have all else of their own.
"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import io
import os
import pickle
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ID = 12
"""Digits of an account's id, with which a file begins."""

passing: set[str] = set()
"""Accounts that were filled: tests' own, which are not written with the state of all others."""


def stores() -> Iterator[tuple[str, str, dict[Any, Any]]]:
    """Module, name and content of all dictionaries by account. Keys are (account, key) or (account, region,
    key)."""
    from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict

    scoped = (AccountScopedDict, AccountRegionScopedDict)
    for name, module in list(sys.modules.items()):
        if name.startswith("ministack."):
            for attribute, value in list(vars(module).items()):
                if isinstance(value, scoped):
                    yield name, attribute, value._data


def forget(account: str) -> None:
    """Remove all that an account has in any service, with the files of its buckets."""
    for _, _, content in stores():
        for key in [key for key in list(content) if key[0] == account]:
            content.pop(key, None)
    passing.discard(account)
    shutil.rmtree(_files(account), ignore_errors=True)


def holds(account: str) -> bool:
    """Whether an account has anything."""
    return any(key[0] == account for _, _, content in stores() for key in list(content))


def leave_out() -> None:
    """Forget the accounts that were filled, but not their files: for a process that only writes the others'
    state and ends."""
    for _, _, content in stores():
        for key in [key for key in list(content) if key[0] in passing]:
            del content[key]


def keep(account: str, name: str) -> None:
    """Remember what an account has now under a name."""
    found = [
        (module, attribute, key[1:], value)
        for module, attribute, content in stores()
        for key, value in list(content.items())
        if key[0] == account
    ]
    path = _kept(name)
    path.parent.mkdir(exist_ok=True)
    files = path.with_suffix(".files")
    shutil.rmtree(files, ignore_errors=True)
    if _files(account).is_dir():
        shutil.copytree(_files(account), files)
    fresh = path.with_suffix(f".{os.getpid()}.tmp")
    # In one piece: what several dictionaries share, they share afterwards.
    fresh.write_bytes(account.encode() + pickle.dumps(found, protocol=5))
    fresh.replace(path)


def fill(account: str, name: str) -> bool:
    """Give an account, which has nothing, what was kept under a name; False when nothing was. The id of the
    account from which it was kept becomes its own, in names of resources and of buckets, too."""
    path = _kept(name)
    try:
        template = _template(path)
    except FileNotFoundError:
        return False
    old = template.account
    into: dict[tuple[str, str], dict[Any, Any]] = {(m, a): content for m, a, content in stores()}
    for module, attribute, key, value in template.copy(account.encode()):
        into[module, attribute][account, *key] = value
    passing.add(account)
    files = path.with_suffix(".files")
    if files.is_dir():
        for bucket in files.iterdir():
            renamed = bucket.name.replace(old.decode(), account)
            shutil.copytree(bucket, _files(account) / renamed, dirs_exist_ok=True)
    return True


@dataclass
class _Template:
    """What was kept, in memory: ``rest`` is pickled, and refers by number to what all copies share,
    which ``reader`` knows."""

    mark: tuple[int, int]
    account: bytes
    rest: bytes
    reader: type[pickle.Unpickler]

    def copy(self, account: bytes) -> list[tuple[str, str, tuple[Any, ...], Any]]:
        # Both ids have twelve digits, so that no length changes; and nothing else has those of one made by
        # chance.
        reader = self.reader(io.BytesIO(self.rest.replace(self.account, account)))
        found: list[tuple[str, str, tuple[Any, ...], Any]] = reader.load()
        return found


_templates: dict[Path, _Template] = {}


def _template(path: Path) -> _Template:
    about = path.stat()
    mark = (about.st_mtime_ns, about.st_ino)
    known = _templates.get(path)
    if known is None or known.mark != mark:
        kept = path.read_bytes()
        account, whole = kept[:_ID], kept[_ID:]
        found = pickle.loads(whole)  # noqa: S301 - written by us, in our own folder
        shared = [each for module, name, _, value in found for each in _unchanging((module, name), value)]
        # Not those that name the account.
        shared = [each for each in shared if account.decode() not in str(each)]
        numbers = {id(each): number for number, each in enumerate(shared)}
        rest = io.BytesIO()
        _with(pickle.Pickler, persistent_id=lambda each: numbers.get(id(each)))(rest, protocol=5).dump(found)
        reader = _with(pickle.Unpickler, persistent_load=shared.__getitem__)
        known = _Template(mark, account, rest.getvalue(), reader)
        _templates.clear()
        _templates[path] = known
    return known


def _with(base: Any, **functions: Any) -> Any:
    """A class with functions in the place of methods. Python 3.13.0 lets nobody set those of an instance; and
    methods in Python would be called for each of thousands of objects."""
    return type(base.__name__, (base,), {name: staticmethod(each) for name, each in functions.items()})


def _unchanging(kind: tuple[str, str], value: dict[str, Any]) -> Iterator[Any]:
    """Items of a table, records of a stream."""
    if kind == ("ministack.services.dynamodb", "_tables"):
        for sorted_items in value.get("items", {}).values():
            yield from sorted_items.values()
    elif kind == ("ministack.services.kinesis", "_streams"):
        for shard in value.get("shards", {}).values():
            yield from shard.get("records", [])


def _files(account: str) -> Path:
    return Path(os.environ["S3_DATA_DIR"]) / account


def _kept(name: str) -> Path:
    return Path(os.environ["STATE_DIR"]).parent / "kept" / f"{name}.account"
