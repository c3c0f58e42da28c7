"""Classes of a jar with a few bytes changed."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from sandbox.errors import BugError
from sandbox.runtimes.native.amend import amended

MEMBER = "org/example/Some.class"


@pytest.fixture
def jar(tmp_path: Path) -> Path:
    path = tmp_path / "some-1.0.jar"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MEMBER, b"before\x01\x02after")
        archive.writestr("org/example/Other.class", b"other")
    return path


def test_only_the_amended_class_is_in_the_new_jar(jar: Path, tmp_path: Path) -> None:
    changes = [(b"\x01\x02", b"\x03\x04"), (b"aft", b"und")]
    made = amended("mine", jar, {MEMBER: changes}, cache=tmp_path / "cache")
    with zipfile.ZipFile(made) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {MEMBER: b"before\x03\x04under"}


@pytest.mark.parametrize(
    "change", [(b"\x05", b"\x06"), (b"e", b"f"), (b"\x01\x02", b"\x03")], ids=["missing", "twice", "length"]
)
def test_a_class_that_is_not_as_known_is_refused(
    jar: Path, tmp_path: Path, change: tuple[bytes, bytes]
) -> None:
    with pytest.raises(BugError) as refused:
        amended("mine", jar, {MEMBER: [change]}, cache=tmp_path / "cache")
    assert refused.value.code == "class-not-as-known"
