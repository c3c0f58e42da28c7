"""Which product serves an engine that has a choice: what is asked for, remembered and refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sandbox.engines.registry import NAMES, engine
from sandbox.errors import UsageError
from sandbox.runtimes.choice import choose, providers, settle
from sandbox.runtimes.docker import compose
from sandbox.runtimes.docker.recipe import recipe
from sandbox.runtimes.external.runtime import _facts
from sandbox.runtimes.native.aws import RECIPE as MINISTACK
from sandbox.sandbox import Sandbox
from sandbox.state import State
from sandbox.status import provider_of

OTHERS = [(name, provider) for name in NAMES for provider in engine(name).providers[1:]]


def test_ministack_serves_aws_unless_something_else_is_said(own_home: Path) -> None:
    box = Sandbox(name="one")
    assert providers(box, ["aws", "redis"], None) == {"aws": "", "redis": ""}
    assert provider_of(box.seat("aws")) == "ministack"
    assert provider_of(box.seat("redis")) == ""


def test_a_provider_that_there_is_not_is_refused_with_the_nearest_name(own_home: Path) -> None:
    with pytest.raises(UsageError) as refused:
        Sandbox(name="one").up(["aws"], provider="localstak", dry_run=True)
    assert refused.value.code == "unknown-provider"
    assert any("localstack" in line for line in (refused.value.detail, *refused.value.actions))


@pytest.mark.parametrize("how", ["asked", "variable"])
def test_natively_there_is_no_localstack_and_both_ways_to_it_are_named(
    own_home: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how == "variable":
        monkeypatch.setenv("SANDBOX_RUNTIME", "native")
    with pytest.raises(UsageError) as refused:
        Sandbox(name="one").up(["aws"], provider="localstack", runtime="native" if how == "asked" else None)
    assert refused.value.code == "provider-native"
    told = " ".join(refused.value.actions)
    assert "--runtime docker" in told
    assert "--external aws=" in told


def test_a_provider_for_engines_without_a_choice_is_refused(own_home: Path) -> None:
    with pytest.raises(UsageError) as refused:
        Sandbox(name="one").up(["redis"], provider="localstack", dry_run=True)
    assert refused.value.code == "provider-without-engine"


def test_the_variable_chooses_for_new_engines_and_docker_runs_what_native_cannot(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SANDBOX_RUNTIME", raising=False)
    monkeypatch.setenv("SANDBOX_AWS_PROVIDER", "localstack")
    box = Sandbox(name="one")
    served = providers(box, ["aws"], None)
    assert served == {"aws": "localstack"}
    assert choose(box, ["aws"], None, (), served) == {"aws": "docker"}
    assert providers(box, ["aws"], "ministack") == {"aws": ""}
    box.state.seat("aws", "native")
    assert providers(box, ["aws"], None) == {"aws": ""}


def test_the_state_file_keeps_the_provider_and_old_ones_have_the_usual(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SANDBOX_RUNTIME", raising=False)
    box = Sandbox(name="one")
    assert settle(box, ["aws"], None, (), "localstack") == {"aws": "docker"}
    box.state.save()
    seat = State("one").seat("aws")
    assert (seat.kind, provider_of(seat)) == ("aws-localstack", "localstack")
    document = json.loads(box.state.path.read_text())
    del document["engines"]["aws"]["provider"]
    box.state.path.write_text(json.dumps(document))
    seat = State("one").seat("aws")
    assert (seat.kind, provider_of(seat)) == ("aws", "ministack")
    # It was never started: nobody need ask Docker about it at the end, who may not be here.
    shutil.rmtree(box.root)


def test_data_of_one_provider_are_not_given_to_another(own_home: Path) -> None:
    box = Sandbox(name="one")
    seat = box.state.seat("aws", "native")
    seat.data.mkdir(parents=True)
    (seat.data / "state").touch()
    with pytest.raises(UsageError) as refused:
        box.up(["aws"], provider="localstack", dry_run=True)
    assert refused.value.code == "provider-differs"
    assert any("--delete" in action for action in refused.value.actions)
    assert box.seat("aws").record.provider == ""


@pytest.mark.parametrize(("name", "provider"), OTHERS)
def test_every_provider_has_a_recipe_and_a_compose_file(name: str, provider: str) -> None:
    found = recipe(f"{name}-{provider}")
    assert (found.engine, found.provider, found.kind) == (name, provider, f"{name}-{provider}")
    assert found.product.partition(" ")[0].lower() == provider
    text = compose.file_of(found.kind).read_text(encoding="utf-8")
    assert f"{{SANDBOX_{name.upper()}_IMAGE:-{found.image}}}" in text
    assert f"\n  {name}:\n" in text


def test_a_missing_image_of_localstack_is_named_with_the_command_that_pulls_it() -> None:
    image = recipe("aws-localstack").image
    error = compose.image_missing([("redis", "redis:8"), ("aws-localstack", image)])
    assert image in error.title
    assert any(action.startswith(f"docker pull {image}") for action in error.actions)
    assert any(action.startswith("sandbox pull redis --runtime docker") for action in error.actions)
    assert not any("aws-localstack" in action for action in error.actions)


def test_what_localstack_lacks_is_known_of_one_that_runs_elsewhere_too() -> None:
    assert "request-counts" not in MINISTACK.lacks
    assert "request-counts" in _facts("aws", "LocalStack 4.14.0").lacks
    assert "request-counts" not in _facts("aws", "MiniStack 1.5.33").lacks
    assert _facts("aws", "something like AWS").lacks == frozenset()
