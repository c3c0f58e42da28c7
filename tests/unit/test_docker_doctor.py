"""What doctor says of a Docker engine, from what the engine tells of itself."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.runtimes.docker import client, doctor, images


def engine(version: str, *names: str) -> Any:
    """An engine that tells this version, made of parts of these names."""
    told = {"Version": version, "Components": [{"Name": name} for name in names]}
    return SimpleNamespace(version=lambda: told)


@pytest.fixture(autouse=True)
def address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/some.sock")


@pytest.mark.parametrize("version", ["20.10.24+dfsg1", "28.2.2", "29.0.0-rc.1"])
def test_an_engine_that_is_new_enough_is_fine(version: str) -> None:
    (found,) = doctor._engine(engine(version, "Engine", "containerd"))
    assert (found.level, version in found.text, found.remedy) == ("ok", True, "")


@pytest.mark.parametrize("version", ["1.13.1", "19.03.15", "20.9"])
def test_an_engine_that_is_too_old_is_told_with_the_first_that_is_not(version: str) -> None:
    (found,) = doctor._engine(engine(version, "Engine"))
    assert found.level == "warning"
    assert "too old" in found.text
    assert "20.10" in found.remedy


def test_podman_is_named_and_its_own_numbers_are_no_fault() -> None:
    (found,) = doctor._engine(engine("5.4.0", "Podman Engine", "Conmon"))
    assert (found.level, "Podman 5.4.0" in found.text) == ("ok", True)


def test_a_compose_that_is_too_old_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "compose_version", lambda: "2.20.3")
    (found,) = doctor._compose()
    assert (found.level, "2.23.1" in found.remedy) == ("warning", True)


def test_an_engine_with_too_little_memory_is_told_with_the_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "there", lambda _: True)
    (found,) = doctor._room({"MemTotal": 512 << 20})
    assert "512 MiB" in found.text
    assert "fewer engines" in found.remedy


def test_a_full_disk_of_the_engine_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(images, "there", lambda _: False)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: SimpleNamespace(free=100 << 20))
    (found,) = doctor._room({"MemTotal": 64 << 30, "DockerRootDir": str(tmp_path)})
    assert "100 MiB free" in found.text
    assert "docker system prune" in found.remedy


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ({"ID": "debian"}, "apt-get install docker.io"),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, "apt-get install docker.io"),
        ({"ID": "rhel", "ID_LIKE": "fedora"}, "dnf install moby-engine"),
        ({"ID": "opensuse-tumbleweed"}, "zypper install docker"),
        ({"ID": "plan9"}, "install Docker Desktop"),
    ],
)
def test_the_remedy_is_that_of_this_system(
    monkeypatch: pytest.MonkeyPatch, release: dict[str, str], command: str
) -> None:
    monkeypatch.setattr(doctor.platform, "system", lambda: "Linux")
    monkeypatch.setattr(doctor.platform, "freedesktop_os_release", lambda: release)
    assert doctor._install_engine().startswith(command)


def test_a_machine_without_docker_is_told_that_engines_run_natively(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "socket_exists", lambda: False)
    monkeypatch.setattr(doctor.shutil, "which", lambda _: None)
    (found,) = doctor.examine()
    assert (found.level, "run natively" in found.text) == ("note", True)
