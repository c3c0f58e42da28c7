"""A bundle is believed in nothing: whatever is not as it was written is found and named."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.bundle import contents, wheels
from sandbox.bundle.contents import Manifest, Member
from sandbox.bundle.load import check_fit, load
from sandbox.bundle.reading import opened
from sandbox.bundle.writing import Source, write
from sandbox.errors import EnvironmentRefusedError, SandboxError, UsageError
from sandbox.events import Event, Warned, silent
from sandbox.runtimes.native.artifacts import locked, this_platform, this_python

FACTS = Manifest(
    sandbox="0.1.0",
    created="2026-01-02T03:04:05+00:00",
    platform=this_platform(),
    python=this_python(),
    engines=({"engine": "redis", "product": "Valkey", "version": "9"},),
    members=(),
)


def source(name: str, kind: str, text: bytes, *, sized: bool = True) -> Source:
    digest = hashlib.sha256(text).hexdigest()
    member = Member(name, kind, len(text) if sized else 99, digest if sized else "")
    return Source(member, lambda: iter((text[:5], text[5:])), sized=sized)


def artifact(text: bytes, file: str = "some-1.jar") -> Source:
    return source(f"artifacts/{hashlib.sha256(text).hexdigest()[:16]}/{file}", "artifact", text)


SOURCES = (
    source("README.txt", "text", b"Read me.\n"),
    artifact(b"a jar" * 30),
    source("wheels/" + "long" * 30 + "-1-py3-none-any.whl", "wheel", b"a wheel"),
    source("images/redis-8.tar.gz", "image", b"an image" * 100, sized=False),
)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    file = tmp_path / "some.tar"
    write(file, FACTS, SOURCES, force=False, sink=silent)
    return file


def check(file: Path) -> Manifest:
    with opened(file) as found:
        found.check()
        return found.manifest


def refused(file: Path, code: str) -> SandboxError:
    with pytest.raises(SandboxError) as caught:
        check(file)
    assert caught.value.code == code, caught.value.detail
    return caught.value


def test_what_was_written_is_read_and_is_a_plain_tar(bundle: Path, tmp_path: Path) -> None:
    manifest = check(bundle)
    assert [member.name for member in manifest.members] == [s.member.name for s in SOURCES]
    with tarfile.open(bundle) as tar:
        assert tar.getnames()[:2] == ["README.txt", "manifest.json"]
        assert tar.getnames()[-1] == "SHA256SUMS"
    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "-xf", bundle, "-C", tmp_path / "out"], check=True)
    done = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=tmp_path / "out", check=False)
    assert done.returncode == 0
    assert (tmp_path / "out" / "images" / "redis-8.tar.gz").read_bytes() == b"an image" * 100


def test_every_single_byte_counts(bundle: Path) -> None:
    whole = bundle.read_bytes()
    # All that says something, and some of the zeros between.
    for position in (p for p, byte in enumerate(whole) if byte or p % 16 == 0):
        changed = bytearray(whole)
        changed[position] ^= 1 << position % 8
        bundle.write_bytes(changed)
        with pytest.raises(SandboxError) as caught:
            check(bundle)
        assert caught.value.code in ("bundle-damaged", "not-a-bundle", "bundle-newer"), position


def test_a_bundle_that_was_cut_off_anywhere_is_damaged(bundle: Path) -> None:
    whole = bundle.read_bytes()
    for length in range(0, len(whole), 7):
        bundle.write_bytes(whole[:length])
        with pytest.raises(SandboxError) as caught:
            check(bundle)
        assert caught.value.code in ("bundle-damaged", "not-a-bundle"), length


@pytest.mark.parametrize("number", range(len(SOURCES)))
def test_the_member_that_was_changed_is_named(bundle: Path, number: int) -> None:
    with opened(bundle) as found:
        member, start = found.places()[number]
    changed = bytearray(bundle.read_bytes())
    changed[start + 3] ^= 0x10
    bundle.write_bytes(changed)
    error = refused(bundle, "bundle-damaged")
    assert member.name in error.detail
    assert member.sha256 in error.detail


def test_the_member_within_which_it_was_cut_off_is_named(bundle: Path) -> None:
    with opened(bundle) as found:
        member, start = found.places()[3]
    bundle.write_bytes(bundle.read_bytes()[: start + 11])
    assert f"within {member.name}, after 11 of 800 bytes" in refused(bundle, "bundle-damaged").detail


def test_a_member_more_is_named(bundle: Path) -> None:
    with tarfile.open(bundle, "a") as tar:
        entry = tarfile.TarInfo("wheels/foreign.whl")
        entry.size = 3
        tar.addfile(entry, io.BytesIO(b"abc"))
    assert "SHA256SUMS" in refused(bundle, "bundle-damaged").detail


def _foreign(tmp_path: Path, change: Callable[[tarfile.TarInfo], None]) -> Path:
    """A bundle made by another hand: all hashes right, but one header says something else."""
    first, jar = SOURCES[0], SOURCES[1]
    manifest = dataclasses.replace(FACTS, members=(first.member, jar.member)).encoded()
    sums = contents.sums((first.member, jar.member), hashlib.sha256(manifest).hexdigest())
    file = tmp_path / "foreign.tar"
    with tarfile.open(file, "w", format=tarfile.GNU_FORMAT) as tar:
        texts = {"README.txt": b"Read me.\n", "manifest.json": manifest}
        for name, text in {**texts, jar.member.name: b"a jar" * 30, "SHA256SUMS": sums}.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(text), FACTS.time
            if name == jar.member.name:
                change(entry)
            tar.addfile(entry, io.BytesIO(text))
    return file


def test_a_bundle_by_another_hand_is_taken_when_all_is_right(tmp_path: Path) -> None:
    assert len(check(_foreign(tmp_path, lambda entry: None)).members) == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "../../etc/passwd"),
        ("name", "/etc/passwd"),
        ("type", tarfile.SYMTYPE),
        ("type", tarfile.LNKTYPE),
        ("type", tarfile.CHRTYPE),
        ("mode", 0o4755),
        ("uid", 1000),
    ],
)
def test_no_header_may_say_anything_else(tmp_path: Path, field: str, value: object) -> None:
    refused(_foreign(tmp_path, lambda entry: setattr(entry, field, value)), "bundle-damaged")


@pytest.mark.parametrize(
    "name",
    [
        "artifacts/../../../etc/cron.d/x.jar",
        "/artifacts/0123456789abcdef/x.jar",
        "artifacts/0123456789abcdef/../x.jar",
        "artifacts/0123456789abcdef/.lock",
        "artifacts/0123456789abcdef/x.jar\n",
        "elsewhere/x.jar",
        "wheels/x.jar",
    ],
)
def test_no_manifest_may_name_a_place_of_its_own(name: str) -> None:
    good = dataclasses.replace(FACTS, members=(SOURCES[0].member, SOURCES[1].member)).as_json()
    good["members"][1]["name"] = name
    with pytest.raises(ValueError, match=r"no name of a member|own sha256"):
        contents.parsed(json.dumps(good).encode())


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"{}", b'{"format": 1}', b"\xff", b"[" * 100_000, b'{"format": 1, "members": [3]}'],
)
def test_what_is_no_manifest_is_refused_with_a_sentence(text: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        contents.parsed(text)


def test_a_newer_form_is_refused_with_the_version_that_made_it(tmp_path: Path) -> None:
    file = tmp_path / "newer.tar"
    write(file, dataclasses.replace(FACTS, format=2, sandbox="9.9"), SOURCES[:1], force=False, sink=silent)
    assert "9.9" in refused(file, "bundle-newer").title


def test_another_file_is_no_bundle(tmp_path: Path) -> None:
    file = tmp_path / "other"
    file.write_bytes(b"something else" * 1000)
    refused(file, "not-a-bundle")
    refused(tmp_path / "missing", "no-such-file")
    with pytest.raises(UsageError):
        check(tmp_path)


# -- writing ---------------------------------------------------------------------------------------------


def test_an_existing_file_is_left_alone_unless_force_is_given(bundle: Path) -> None:
    before = bundle.read_bytes()
    with pytest.raises(UsageError) as caught:
        write(bundle, FACTS, SOURCES[:1], force=False, sink=silent)
    assert caught.value.code == "bundle-exists"
    assert bundle.read_bytes() == before
    write(bundle, FACTS, SOURCES[:1], force=True, sink=silent)
    assert len(check(bundle).members) == 1
    assert [p.name for p in bundle.parent.iterdir()] == [bundle.name]


def test_bytes_that_are_not_right_are_asked_for_once_more_and_then_refused(tmp_path: Path) -> None:
    good, mended = b"a jar" * 30, []
    sick = dataclasses.replace(
        SOURCES[1],
        chunks=lambda: iter((good if mended else b"rotten",)),
        mend=lambda: mended.append(True),
    )
    file = tmp_path / "mended.tar"
    write(file, FACTS, (SOURCES[0], sick), force=False, sink=silent)
    assert mended == [True]
    assert check(file).members[1].bytes == len(good)
    hopeless = dataclasses.replace(sick, chunks=lambda: iter((b"rotten",)))
    with pytest.raises(EnvironmentRefusedError) as caught:
        write(tmp_path / "none.tar", FACTS, (SOURCES[0], hopeless), force=False, sink=silent)
    assert caught.value.code == "bundle-source-changed"
    assert SOURCES[1].member.name in caught.value.title
    assert [p.name for p in tmp_path.iterdir()] == ["mended.tar"]


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    file = tmp_path / "some.tar"
    seen = []

    def meanwhile() -> list[bytes]:
        with pytest.raises(UsageError) as caught:
            write(file, FACTS, SOURCES, force=False, sink=silent)
        seen.append(caught.value.code)
        return [b"Read me.\n"]

    first = dataclasses.replace(SOURCES[0], chunks=meanwhile)
    write(file, FACTS, (first, *SOURCES[1:]), force=False, sink=silent)
    assert seen == ["bundle-busy"]
    assert len(check(file).members) == len(SOURCES)


def test_a_bundle_that_cannot_fit_is_refused_before_it_is_begun(tmp_path: Path) -> None:
    huge = dataclasses.replace(SOURCES[1], member=dataclasses.replace(SOURCES[1].member, bytes=10**15))
    with pytest.raises(EnvironmentRefusedError) as caught:
        write(tmp_path / "some.tar", FACTS, (SOURCES[0], huge), force=False, sink=silent)
    assert caught.value.code == "disk-full"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentRefusedError) as caught:
        write(tmp_path / "no" / "some.tar", FACTS, SOURCES, force=False, sink=silent)
    assert caught.value.code == "bundle-not-written"


# -- loading ---------------------------------------------------------------------------------------------


def test_what_the_lock_does_not_name_never_enters_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "some.tar"
    write(file, FACTS, SOURCES, force=False, sink=silent)
    with pytest.raises(EnvironmentRefusedError) as caught:
        load(file)
    assert caught.value.code == "bundle-other-version"
    assert not (tmp_path / "cache").exists()


def test_a_bundle_for_another_machine_is_refused_with_both_named() -> None:
    with pytest.raises(EnvironmentRefusedError) as caught:
        check_fit(dataclasses.replace(FACTS, platform="linux-riscv64"), silent)
    assert caught.value.code == "bundle-wrong-platform"
    assert "linux-riscv64" in caught.value.title
    assert this_platform() in caught.value.title


def test_files_for_another_python_are_refused_and_other_wheels_only_warned_of() -> None:
    (redis,) = locked("redis")
    jar = Member(f"artifacts/{redis.sha256[:16]}/{redis.file}", "artifact", redis.size, redis.sha256)
    bound = dataclasses.replace(jar, python=("3.99",), of="duckdb==2")
    other = dataclasses.replace(FACTS, python="3.99")
    with pytest.raises(EnvironmentRefusedError) as caught:
        check_fit(dataclasses.replace(other, members=(SOURCES[0].member, jar, bound)), silent)
    assert caught.value.code == "bundle-wrong-python"
    assert "duckdb==2" in caught.value.detail
    said: list[Event] = []
    check_fit(dataclasses.replace(other, members=(SOURCES[0].member, jar, SOURCES[2].member)), said.append)
    assert [type(event) for event in said] == [Warned]
    check_fit(dataclasses.replace(other, members=(SOURCES[0].member, jar)), pytest.fail)


# -- the wheel of the product itself ---------------------------------------------------------------------


def test_the_wheel_made_from_what_runs_is_a_wheel_whose_record_is_right() -> None:
    made = wheels.own_wheel()
    assert made == wheels.own_wheel()
    archive = zipfile.ZipFile(io.BytesIO(made))
    names = archive.namelist()
    record = next(name for name in names if name.endswith(".dist-info/RECORD"))
    assert [line.split(",")[0] for line in archive.read(record).decode().splitlines()] == names
    for name in ("sandbox/cli/app.py", "sandbox/_resources/requirements/run.txt"):
        assert name in names
    assert not [name for name in names if name.endswith(".pyc")]
