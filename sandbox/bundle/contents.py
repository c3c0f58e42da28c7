"""What is in a bundle: its members, its manifest, and the bytes that stand around them in the tar.

The headers of the tar follow from the manifest alone. So whoever reads a bundle compares them instead of
believing them: there is no way to say a link, a device, a path of one's own, or one member more.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

FORMAT = 1
README = "README.txt"
MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"

_FILE = r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,200}"
NAMES = {
    "text": re.compile(re.escape(README)),
    "artifact": re.compile(rf"artifacts/[0-9a-f]{{16}}/{_FILE}\.(jar|whl)"),
    "wheel": re.compile(rf"wheels/{_FILE}\.whl"),
    "image": re.compile(rf"images/{_FILE}\.tar\.gz"),
}
"""The kinds of members, and how each is named."""

LARGEST_TEXT = 1 << 16
LARGEST_MANIFEST = 1 << 23


@dataclass(frozen=True)
class Member:
    """One file within a bundle. ``bytes`` is its size.

    ``of`` says what it is: the coordinate of an artifact, the name of an image (``postgres:18``). ``python``
    holds the versions (``3.11``) it is for, empty for all; ``id`` is that of an image in the Docker engine
    that saved it.
    """

    name: str
    kind: str
    bytes: int
    sha256: str
    of: str = ""
    python: tuple[str, ...] = ()
    id: str = ""


@dataclass(frozen=True)
class Manifest:
    """What a bundle says of itself. ``members`` in their order in the file, README.txt first.

    ``created`` is in ISO 8601 with a time zone. ``engines`` holds ``{"engine", "product", "version"}``,
    ``platform`` and ``python`` are those of the machine that made it, as the lock names them.
    """

    sandbox: str
    created: str
    platform: str
    python: str
    engines: tuple[dict[str, str], ...]
    members: tuple[Member, ...]
    format: int = field(default=FORMAT)

    def as_json(self) -> dict[str, Any]:
        """All of it as plain data."""
        return asdict(self)

    def encoded(self) -> bytes:
        """The bytes of ``manifest.json``, before they are padded."""
        return (json.dumps(self.as_json(), indent=1) + "\n").encode()

    @property
    def time(self) -> int:
        """When it was made, in seconds since 1970: the time of every member."""
        return int(datetime.fromisoformat(self.created).timestamp())

    def of_kind(self, kind: str) -> list[Member]:
        """The members of one kind."""
        return [member for member in self.members if member.kind == kind]


def now() -> str:
    """This moment, as :attr:`Manifest.created` has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def parsed(text: bytes) -> Manifest:
    """The manifest in the bytes of ``manifest.json``. ValueError with the reason when it is none.

    One of a newer format gives a Manifest without members: only ``format`` and ``sandbox`` can be relied on.
    """
    found = json.loads(text)
    if not isinstance(found, dict) or not isinstance(found.get("format"), int):
        raise ValueError("it has no format")  # noqa: TRY004 - one error for all that is wrong with it
    if found["format"] > FORMAT:
        return Manifest(str(found.get("sandbox", "")), now(), "", "", (), (), found["format"])
    try:
        members = tuple(_member(entry) for entry in found["members"])
        engines = tuple({str(k): str(v) for k, v in entry.items()} for entry in found["engines"])
        made = Manifest(
            sandbox=str(found["sandbox"]),
            created=str(found["created"]),
            platform=str(found["platform"]),
            python=str(found["python"]),
            engines=engines,
            members=members,
        )
        _ = made.time
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it lacks something: {error}") from error
    said = [made.sandbox, made.platform, made.python, *(text for entry in engines for text in entry.values())]
    if not all(text.isprintable() for text in (*said, *(m.of + m.id for m in members))):
        raise ValueError("it says something that cannot be printed")
    if not members or members[0].name != README:
        raise ValueError(f"its first member is not {README}")
    if len({member.name for member in members}) != len(members):
        raise ValueError("it names a member twice")
    return made


def _member(entry: dict[str, Any]) -> Member:
    made = Member(**{**entry, "python": tuple(entry["python"])})
    pattern = NAMES.get(made.kind)
    if pattern is None or not pattern.fullmatch(made.name):
        raise ValueError(f"{made.name!r} is no name of a member")
    if not re.fullmatch(r"[0-9a-f]{64}", made.sha256):
        raise ValueError(f"{made.name} has no sha256")
    if not isinstance(made.bytes, int) or made.bytes < 0:
        raise ValueError(f"{made.name} has no size")
    if made.kind == "artifact" and made.name.split("/")[1] != made.sha256[:16]:
        raise ValueError(f"{made.name} does not lie under its own sha256")
    return made


# -- the tar ---------------------------------------------------------------------------------------------


def header(name: str, size: int, time: int) -> bytes:
    """What stands before a member's bytes: one block, more for a name of over 100 characters."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = size, time, 0o644
    return entry.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict")


def padding(size: int) -> int:
    """How many zeros follow a member of that size."""
    return -size % tarfile.BLOCKSIZE


def room(name: str, size: int) -> int:
    """How many bytes a member takes in the file."""
    return len(header(name, 0, 0)) + size + padding(size)


def end(position: int) -> int:
    """How many zeros end a tar whose last member ends at ``position``."""
    closing = 2 * tarfile.BLOCKSIZE
    return closing + -(position + closing) % tarfile.RECORDSIZE


def sums(members: Iterable[Member], manifest_sha256: str) -> bytes:
    """The bytes of ``SHA256SUMS``, as ``sha256sum --check`` takes them."""
    lines = [(MANIFEST, manifest_sha256), *((member.name, member.sha256) for member in members)]
    return "".join(f"{digest}  {name}\n" for name, digest in lines).encode()


def sums_size(members: Sequence[Member]) -> int:
    """How many bytes :func:`sums` gives."""
    return len(sums(members, "0" * 64))


def layout(manifest: Manifest, manifest_size: int) -> Iterator[tuple[Member, int]]:
    """Every member with the position of its first byte, in order; README.txt comes before the manifest."""
    position = 0
    for member in manifest.members:
        yield member, position + len(header(member.name, 0, 0))
        position += room(member.name, member.bytes)
        if member.name == README:
            position += room(MANIFEST, manifest_size)
