"""The lock, and what is decided from it without a network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.errors import EnvironmentRefusedError, UsageError
from sandbox.runtimes.native import artifacts as lock
from sandbox.runtimes.native.artifacts import Artifact
from sandbox.runtimes.native.installs import Unpack
from sandbox.runtimes.native.java import Java, cds_key
from sandbox.runtimes.native.renew import write_lock
from sandbox.runtimes.native.wanted import PYTHONS, WANTED, Jars, Wheels


def test_every_wanted_group_is_locked_and_nothing_else() -> None:
    assert set(lock.group_names()) == set(WANTED)


@pytest.mark.parametrize("group", sorted(WANTED))
def test_every_artifact_has_a_hash_and_a_size_and_no_address(group: str) -> None:
    for artifact in lock.locked(group):
        assert re.fullmatch(r"[0-9a-f]{64}", artifact.sha256)
        assert artifact.size > 0
    assert "//" not in (lock.LOCKS / f"{group}.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("group", sorted(WANTED))
def test_what_was_asked_for_is_in_the_lock_and_what_is_left_out_is_not(group: str) -> None:
    wanted = WANTED[group]
    coordinates = {artifact.coordinate for artifact in lock.locked(group)}
    if isinstance(wanted, Jars):
        assert coordinates >= set(wanted.roots)
        assert all(wanted.keeps(coordinate) for coordinate in coordinates)
    else:
        assert re.sub(r"\[.*]", "", wanted.root) in coordinates


@pytest.mark.parametrize("group", sorted(g for g, w in WANTED.items() if isinstance(w, Wheels)))
def test_every_supported_python_gets_the_same_packages(group: str) -> None:
    packages = {
        python: {a.coordinate for a in lock.locked(group) if a.fits(python, "linux-x86_64")}
        for python in PYTHONS
    }
    assert packages[PYTHONS[0]]
    assert all(found == packages[PYTHONS[0]] for found in packages.values())


def test_a_jar_is_found_by_its_coordinate_in_any_maven_repository() -> None:
    jar = Artifact("io.netty:netty-all:4.1.130.Final", "netty-all-4.1.130.Final.jar", "0" * 64, 1)
    assert jar.maven_path == "io/netty/netty-all/4.1.130.Final/netty-all-4.1.130.Final.jar"
    native = Artifact("a.b:c:1:linux-x86_64", "c-1-linux-x86_64.jar", "0" * 64, 1)
    assert native.maven_path == "a/b/c/1/c-1-linux-x86_64.jar"
    for artifact in lock.locked("cassandra"):
        _, name, version, *classifier = artifact.coordinate.split(":")
        assert artifact.file == "-".join([name, version, *classifier]) + ".jar"


def test_an_unknown_group_gets_the_nearest_name() -> None:
    with pytest.raises(UsageError) as caught:
        lock.artifacts("casandra")
    assert "cassandra" in caught.value.detail


def test_a_machine_that_there_are_no_files_for_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    lock.artifacts.cache_clear()
    monkeypatch.setattr(lock, "this_platform", lambda: "linux-riscv64")
    try:
        with pytest.raises(EnvironmentRefusedError) as caught:
            lock.artifacts("postgres")
    finally:
        lock.artifacts.cache_clear()
    assert "linux-riscv64" in caught.value.title
    assert "linux-x86_64" in caught.value.detail


def test_a_python_that_there_are_no_wheels_for_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    lock.artifacts.cache_clear()
    monkeypatch.setattr(lock, "this_python", lambda: "3.19")
    try:
        with pytest.raises(EnvironmentRefusedError) as caught:
            lock.artifacts("ministack")
    finally:
        lock.artifacts.cache_clear()
    assert "3.19" in caught.value.title


def test_a_file_shared_by_two_groups_is_counted_once() -> None:
    assert lock.total_size(["cassandra", "ecj"]) == lock.total_size(["cassandra"])


def test_the_lock_is_written_the_same_way_whatever_the_order(tmp_path: Path) -> None:
    artifacts = lock.locked("cassandra")
    write_lock(tmp_path / "one.json", artifacts)
    write_lock(tmp_path / "two.json", reversed(artifacts))
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    assert lock.read_lock(tmp_path / "one.json") == artifacts


@pytest.mark.parametrize("group", sorted(WANTED))
def test_the_lock_is_as_the_renewal_writes_it(group: str, tmp_path: Path) -> None:
    write_lock(tmp_path / "lock.json", lock.locked(group))
    assert (tmp_path / "lock.json").read_text() == (lock.LOCKS / f"{group}.json").read_text()


def test_only_chosen_members_are_unpacked_and_their_prefix_is_removed() -> None:
    how = Unpack(prefix="a/linux/", include=("bin/*", "share/*"), exclude=("*.pdb",))
    assert how.name_of("a/linux/bin/server") == "bin/server"
    assert how.name_of("a/linux/bin/deep/er") == "bin/deep/er"
    assert how.name_of("a/linux/bin/server.pdb") is None
    assert how.name_of("a/linux/doc/readme") is None
    assert how.name_of("a/windows/bin/server") is None
    assert how.name_of("a/linux/bin/") is None


def test_the_key_of_a_class_data_archive_changes_with_the_jvm_and_with_every_jar(tmp_path: Path) -> None:
    java = Java(Path("/java"), 17, "17.0.9", "build", "PATH")
    jars = [tmp_path / "a.jar", tmp_path / "b.jar"]
    for jar in jars:
        jar.write_bytes(b"jar")
    key = cds_key(java, jars)
    assert cds_key(java, jars) == key
    assert cds_key(java, jars[::-1]) != key
    assert cds_key(replace(java, build="other"), jars) != key
    status = jars[0].stat()
    jars[0].write_bytes(b"jar!")
    assert cds_key(java, jars) != key
    jars[0].write_bytes(b"jar")
    os.utime(jars[0], ns=(status.st_atime_ns, status.st_mtime_ns))
    assert cds_key(java, jars) == key


def test_asking_what_is_there_loads_nothing_of_what_downloads() -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from sandbox.runtimes.native import environments, ecj, fetch, installs, java\n"
        "fetch.missing(['cassandra'], Path('/nowhere'))\n"
        "print([m for m in ('tenacity', 'filelock', 'jgo', 'urllib.request', 'http.client')\n"
        "       if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
