"""Installs, Java and what is made of both: with real artifacts from the user's cache, or fetched into it."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from sandbox import config
from sandbox.errors import EnvironmentRefusedError
from sandbox.events import Event, Warned
from sandbox.runtimes.native.artifacts import artifacts
from sandbox.runtimes.native.ecj import compile_java
from sandbox.runtimes.native.environments import environment
from sandbox.runtimes.native.fetch import fetch
from sandbox.runtimes.native.installs import Unpack, install, publish
from sandbox.runtimes.native.java import Java, cds_key, find_java

HELLO = {"org/example/Hello.java": """
package org.example;
public class Hello {
    public static void main(String[] arguments) { System.out.println("hello " + arguments[0]); }
}
"""}  # fmt: skip


def _cache_with(group: str, folder: Path) -> Path:
    """A cache of the test's own, with the artifacts of a group."""
    for path in fetch([group], cache=config.cache())[group]:
        target = folder / path.relative_to(config.cache())
        target.parent.mkdir(parents=True)
        shutil.copy(path, target)
    return folder


@pytest.fixture
def no_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No JAVA_HOME, and a PATH of one empty folder, which is returned."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    empty = tmp_path / "bin"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))
    return empty


@pytest.fixture
def fetched_java(no_java: Path) -> Java:
    return find_java((17,), cache=config.cache())


def test_an_install_can_be_read_and_run_by_every_user(tmp_path: Path) -> None:
    cache = _cache_with("redis", tmp_path / "cache")
    previous = os.umask(0o077)
    try:
        root = install("redis", cache, offline=True)
    finally:
        os.umask(previous)
    for path in (root, *root.rglob("*")):
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert mode in ((0o755,) if path.is_dir() else (0o644, 0o755)), f"{path} {mode:o}"
    [server] = root.rglob("valkey-server")
    said = subprocess.run([server, "--version"], capture_output=True, text=True, check=True)
    assert "v=9.1" in said.stdout


def test_an_archive_without_permissions_gets_them_for_its_programs_only() -> None:
    root = install("mysql", config.cache())
    assert {p.name for p in (root / "bin").iterdir()} >= {"mariadbd", "mariadb", "mariadb-dump"}
    assert all(os.access(p, os.X_OK) for p in (root / "bin").iterdir())
    assert stat.S_IMODE((root / "share" / "english" / "errmsg.sys").stat().st_mode) == 0o644
    said = subprocess.run([root / "bin/mariadbd", "--version"], capture_output=True, text=True, check=True)
    assert "11.4.5-MariaDB" in said.stdout
    if shutil.which("strip"):
        assert (root / "bin" / "mariadbd").stat().st_size < 60e6


def test_an_install_is_made_once_and_each_way_to_unpack_has_its_own(tmp_path: Path) -> None:
    cache = _cache_with("redis", tmp_path / "cache")
    root = install("redis", cache, offline=True)
    made = root.stat().st_mtime_ns
    assert install("redis", cache, offline=True) == root
    assert root.stat().st_mtime_ns == made
    other = install("redis", cache, Unpack(include=("*/METADATA",)), offline=True)
    assert other != root
    assert [p.name for p in other.rglob("*") if p.is_file()] == ["METADATA"]


def test_an_install_works_when_its_artifacts_have_gone(tmp_path: Path) -> None:
    cache = _cache_with("redis", tmp_path / "cache")
    root = install("redis", cache, offline=True)
    shutil.rmtree(cache / "artifacts")
    assert install("redis", cache, offline=True) == root


def test_an_artifact_that_went_bad_is_never_unpacked(tmp_path: Path) -> None:
    cache = _cache_with("redis", tmp_path / "cache")
    path = artifacts("redis")[0].path(cache)
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(EnvironmentRefusedError) as caught:
        install("redis", cache, offline=True)
    assert caught.value.code == "artifacts-missing"
    root = install("redis", cache)
    assert path.read_bytes() == good
    assert list(root.rglob("valkey-server"))


def test_kill_9_at_any_moment_leaves_a_whole_install_or_none(tmp_path: Path) -> None:
    cache = _cache_with("redis", tmp_path / "cache")
    script = tmp_path / "kill.py"
    script.write_text(_KILL)
    done = subprocess.run([sys.executable, script, cache], capture_output=True, text=True, check=True)
    moments, whole, wrong = (int(word) for word in done.stdout.split())
    assert moments > 30
    assert wrong == 0
    # Only between the rename and the end can a kill leave an install.
    assert 0 < whole < moments / 2
    root = install("redis", cache, Unpack(), offline=True)
    assert list(root.parent.glob(".*.new-*")) == []


# Each child is killed at a later system call than the one before, until one comes to its end.
_KILL = """
import os, shutil, signal, sys
from pathlib import Path
from sandbox.runtimes.native.installs import Unpack, install

cache = Path(sys.argv[1])

def members(root):
    return {(p.relative_to(root), p.stat().st_size) for p in root.rglob("*") if p.is_file()}

def child(moment):
    seen = 0
    def hook(event, arguments):
        nonlocal seen
        if event.startswith(("open", "os.", "shutil.", "fcntl.")):
            seen += 1
            if seen == moment:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    install("redis", cache, Unpack(), offline=True)
    os._exit(0)

first = install("redis", cache, Unpack(), offline=True)
reference = members(first)
shutil.rmtree(first)
moment = whole = wrong = 0
status = 1
while status:
    moment += 1
    pid = os.fork()
    if pid == 0:
        child(moment)
    _, status = os.waitpid(pid, 0)
    if first.exists():
        whole += 1
        wrong += members(first) != reference
        shutil.rmtree(first)
print(moment, whole, wrong)
"""


def test_a_failing_build_leaves_nothing(tmp_path: Path) -> None:
    def build(staging: Path) -> None:
        (staging / "half").write_text("half")
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        publish(tmp_path, "thing-1", build, subject="thing")
    assert [p for p in (tmp_path / "installs").iterdir() if not p.name.endswith(".lock")] == []


def test_a_member_that_points_outside_is_refused(tmp_path: Path) -> None:
    from sandbox.errors import BugError
    from sandbox.runtimes.native.installs import unpack

    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("a/../../outside", "evil")
    (tmp_path / "into").mkdir()
    with zipfile.ZipFile(tmp_path / "evil.zip") as archive, pytest.raises(BugError):
        unpack(archive, Unpack(), tmp_path / "into")
    assert not (tmp_path / "outside").exists()


def test_java_is_fetched_when_there_is_none(no_java: Path) -> None:
    java = find_java((17,), cache=config.cache())
    assert (java.major, java.origin) == (17, "fetched")
    # Only with a base archive can class-data archives be used: -Xshare:on fails without one.
    said = subprocess.run(
        [java.executable, "-XX:+UseSerialGC", "-Xshare:on", "-version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "17.0.9" in said.stderr
    assert find_java((17,), cache=config.cache(), offline=True) == java


def test_the_java_of_java_home_comes_first(fetched_java: Java, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fetched_java.home))
    events: list[Event] = []
    java = find_java((11, 17), cache=config.cache(), sink=events.append)
    assert (java.home, java.origin, java.build) == (fetched_java.home, "JAVA_HOME", fetched_java.build)
    assert events == []


def test_a_java_home_that_does_not_fit_is_passed_over_with_a_warning(
    fetched_java: Java, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "java-25"
    shutil.copytree(fetched_java.home, other, symlinks=True)
    release = (other / "release").read_text()
    (other / "release").write_text(release.replace('"17.0.9"', '"25.0.1"'))
    for home, why in ((other, "is Java 25.0.1"), (tmp_path / "nowhere", "has no usable Java")):
        monkeypatch.setenv("JAVA_HOME", str(home))
        events: list[Event] = []
        assert find_java((17,), cache=config.cache(), sink=events.append).origin == "fetched"
        [warning] = events
        assert isinstance(warning, Warned)
        assert why in warning.text
        assert "17" in warning.text


def test_the_java_on_path_is_found_through_links(fetched_java: Java, no_java: Path) -> None:
    (no_java / "alternatives").symlink_to(fetched_java.executable)
    (no_java / "java").symlink_to(no_java / "alternatives")
    java = find_java((17,), cache=config.cache())
    assert (java.home, java.origin) == (fetched_java.home, "PATH")


def test_a_script_on_path_is_asked_for_its_java_once(
    fetched_java: Java, no_java: Path, tmp_path: Path
) -> None:
    calls = tmp_path / "calls"
    (no_java / "java").write_text(f'#!/bin/sh\necho call >>{calls}\nexec {fetched_java.executable} "$@"\n')
    (no_java / "java").chmod(0o755)
    for _ in range(3):
        java = find_java((17,), cache=tmp_path / "cache")
        assert (java.home, java.origin) == (fetched_java.home, "PATH")
    assert calls.read_text() == "call\n"


def test_a_java_that_nobody_has_is_told(no_java: Path) -> None:
    with pytest.raises(EnvironmentRefusedError) as caught:
        find_java((8,), cache=config.cache())
    assert caught.value.code == "java-missing"
    assert "8" in caught.value.title


def test_java_sources_are_compiled_once_into_a_jar_that_stays_the_same(
    fetched_java: Java, tmp_path: Path
) -> None:
    jars = []
    for name in ("one", "two"):
        cache = _cache_with("ecj", tmp_path / name)
        jar = compile_java("hello", HELLO, [], cache=cache, java=fetched_java, offline=True)
        made = jar.stat().st_mtime_ns
        broken = Java(tmp_path / "no-java", 17, "17", "x", "PATH")
        assert compile_java("hello", HELLO, [], cache=cache, java=broken, offline=True) == jar
        assert jar.stat().st_mtime_ns == made
        jars.append(jar)
    assert jars[0].name == jars[1].name
    assert jars[0].parent.name == jars[1].parent.name
    assert jars[0].read_bytes() == jars[1].read_bytes()
    command = [fetched_java.executable, "-cp", jars[0], "org.example.Hello", "world"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "hello world\n"


def test_a_compiled_jar_can_use_others_and_be_archived_with_them(fetched_java: Java, tmp_path: Path) -> None:
    cache = _cache_with("ecj", tmp_path / "cache")
    base = compile_java("hello", HELLO, [], cache=cache, java=fetched_java)
    more = {
        "org/example/More.java": "package org.example; public class More extends Hello {"
        " public static void main(String[] a) { Hello.main(new String[] {a[0] + \"!\"}); } }",
        "META-INF/services/org.example.Hello": "org.example.More\n",
    }  # fmt: skip
    jar = compile_java("more", more, [base], cache=cache, java=fetched_java)
    with zipfile.ZipFile(jar) as archive:
        assert archive.namelist() == ["META-INF/services/org.example.Hello", "org/example/More.class"]
    archive_file = tmp_path / f"{cds_key(fetched_java, [jar, base])}.jsa"
    run = [
        fetched_java.executable, "-XX:+UseSerialGC", f"-XX:ArchiveClassesAtExit={archive_file}",
        "-cp", f"{jar}:{base}", "org.example.More", "world",
    ]  # fmt: skip
    subprocess.run(run, capture_output=True, check=True)
    run[2] = f"-XX:SharedArchiveFile={archive_file}"
    run[3:3] = ["-Xshare:on", "-Xlog:class+load"]
    said = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    assert "hello world!" in said
    assert "org.example.More source: shared objects file (top)" in said


def test_sources_that_do_not_compile_are_told_with_the_compilers_words(
    fetched_java: Java, tmp_path: Path
) -> None:
    cache = _cache_with("ecj", tmp_path / "cache")
    wrong = {"Wrong.java": "public class Wrong { int x = nothing; }"}
    with pytest.raises(EnvironmentRefusedError) as caught:
        compile_java("wrong", wrong, [], cache=cache, java=fetched_java)
    assert "wrong" in caught.value.title
    assert "nothing cannot be resolved" in caught.value.detail
    assert list((cache / "installs").glob("wrong-*")) == []


def test_the_aws_cli_is_a_program_that_nothing_of_the_callers_environment_disturbs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = environment("awscli", config.cache())
    for name in ("botocore", "awscli", "yaml"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong one')")
    (tmp_path / "sitecustomize.py").write_text("import os; os._exit(99)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PATH", f"{made.bin}:/usr/bin:/bin")
    wanted = next(a.version for a in artifacts("awscli") if a.coordinate.startswith("awscli=="))
    said = subprocess.run(["aws", "--version"], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert said.stdout.startswith(f"aws-cli/{wanted} ")
    bad = subprocess.run(["aws", "s3", "nonsense"], capture_output=True, text=True, check=False)
    assert bad.returncode == 2
    assert "usage:" in bad.stderr


def test_an_environment_starts_without_writing_into_the_cache(tmp_path: Path) -> None:
    made = environment("awscli", config.cache())
    before = {(p, p.stat().st_mtime_ns) for p in made.root.rglob("*")}
    subprocess.run([made.bin / "aws", "--version"], capture_output=True, check=True)
    assert {(p, p.stat().st_mtime_ns) for p in made.root.rglob("*")} == before


def test_the_programs_of_an_environment_outlive_the_interpreter_they_were_made_with(tmp_path: Path) -> None:
    made = environment("awscli", config.cache())
    copy = tmp_path / "moved"
    (copy / "bin").mkdir(parents=True)
    (copy / "packages").symlink_to(made.packages)
    shutil.copy(made.root / "run.py", copy)
    script = (made.bin / "aws").read_text()
    gone = script.replace(str(Path(sys.base_prefix)), "/gone")
    (copy / "bin" / "aws").write_text(gone)
    (copy / "bin" / "aws").chmod(0o755)
    python = shutil.which(f"python{sys.version_info[0]}.{sys.version_info[1]}") or sys.executable
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / f"python{sys.version_info[0]}.{sys.version_info[1]}").symlink_to(python)
    path = f"{tmp_path / 'path'}:/usr/bin:/bin"
    said = subprocess.run(
        [copy / "bin" / "aws", "--version"], env={"PATH": path}, capture_output=True, text=True, check=True
    )
    assert said.stdout.startswith("aws-cli/")
