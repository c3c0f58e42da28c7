"""`sandbox fixtures` as a person and a script see it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from sandbox.cli.fixtures import app
from sandbox.datasets import Dataset


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def run_json(*arguments: str | Path) -> tuple[dict[str, Any], int]:
    result = run(*arguments, "--json")
    return json.loads(result.stdout), result.exit_code


def test_list_shows_the_shipped_dataset_and_those_in_the_cache() -> None:
    Dataset.at_scale(2)
    envelope, code = run_json("list")
    assert (envelope["command"], envelope["status"], code) == ("fixtures list", "ok", 0)
    assert [dataset["name"] for dataset in envelope["data"]["datasets"]] == ["course", "scale-2"]
    course = envelope["data"]["datasets"][0]
    assert course["hash"] == Dataset.course().hash
    assert {table["table"]: table["rows"] for table in course["tables"]} == Dataset.course().counts
    assert Dataset.course().hash in run("list").stdout


def test_list_goes_on_past_a_broken_dataset_and_warns(cache: Path) -> None:
    Dataset.empty()
    (cache / "datasets" / "scale-0-v1" / "manifest.toml").write_text("no toml")
    envelope, code = run_json("list")
    assert code == 0
    assert [dataset["name"] for dataset in envelope["data"]["datasets"]] == ["course"]
    assert "manifest.toml cannot be used" in envelope["warnings"][0]


def test_generate_writes_a_dataset_that_check_finds_in_order(tmp_path: Path) -> None:
    envelope, code = run_json("generate", "--scale", "2", "--seed", "5", "--out", tmp_path / "made")
    assert code == 0
    assert (envelope["data"]["name"], envelope["data"]["seed"]) == ("scale-2-seed-5", 5)
    checked, code = run_json("check", tmp_path / "made")
    assert (checked["data"]["ok"], code) == (True, 0)


def test_generate_refuses_an_impossible_scale(tmp_path: Path) -> None:
    envelope, code = run_json("generate", "--scale", "0", "--out", tmp_path / "made")
    assert (envelope["error"]["code"], code) == ("bad-scale", 2)
    assert not (tmp_path / "made").exists()


def test_check_without_folder_looks_at_the_shipped_dataset() -> None:
    result = run("check")
    assert result.exit_code == 0
    assert "failed" not in result.stdout
    assert "19 customers have the first name John" in result.stdout


CHANGES = [
    ("orders", "71782,110667,5/1/2014,5/13/2014", "71782,110667,5/1/2014,5/14/2014", "duedate is 12 days"),
    ("orders", ",5/8/2014,276,293,", ",5/9/2014,276,293,", "shipdate is 7 days"),
    ("orders", "37497.4457,714", "37497.4458,714", "totaldue is subtotal"),
    ("orders", "29.994,0,89.982", "29.994,0,89.983", "linetotal is orderqty"),
    ("orders", "29.994,0,89.982", "29.994,0,89.983", "subtotal is the sum"),
    ("orders", "37497.4457,714", "37497.4458,714", "All lines of an order"),
    ("customers", "Catherine,Abel", "Katherine,Abel", "that the exercises rely on"),
    ("customers", "371,John,Arthur", "371,Jon,Arthur", "19 customers have the first name John"),
    ("customers", "Ault,John Ault\n", "Ault,John Ault\n1221,Jo,Roe,Jo Roe\n", "No customer has the id 1221"),
    ("customers", "Catherine,Abel", "Katherine,Abel", "byte for byte"),
    ("customers", "293,", "x,", "Every row fits the schema"),
]


@pytest.mark.parametrize(("table", "old", "new", "sentence"), CHANGES)
def test_check_finds_what_was_changed(tmp_path: Path, table: str, old: str, new: str, sentence: str) -> None:
    folder = shutil.copytree(Dataset.course().folder, tmp_path / "copy")
    text = (folder / f"{table}.csv").read_text(encoding="utf-8")
    assert old in text
    (folder / f"{table}.csv").write_text(text.replace(old, new), encoding="utf-8", newline="")
    envelope, code = run_json("check", folder)
    assert (code, envelope["error"]["code"], envelope["data"]["ok"]) == (1, "dataset-not-so", False)
    failed = [check for check in envelope["data"]["checks"] if check["outcome"] == "failed"]
    assert any(sentence in check["sentence"] for check in failed)
    assert all(check["message"] for check in failed)


def test_check_reads_plain_csv_files_and_skips_what_needs_a_manifest(tmp_path: Path) -> None:
    folder = shutil.copytree(Dataset.course().folder, tmp_path / "copy")
    (folder / "manifest.toml").unlink()
    envelope, code = run_json("check", folder)
    assert code == 0
    outcomes = {check["sentence"]: check["outcome"] for check in envelope["data"]["checks"]}
    assert outcomes["manifest.toml is there and can be read"] == "skipped"
    assert outcomes["subtotal is the sum of the order's line totals"] == "passed"


def test_check_tells_which_file_is_missing(tmp_path: Path) -> None:
    folder = shutil.copytree(Dataset.course().folder, tmp_path / "copy")
    (folder / "orders.csv").unlink()
    result = run("check", folder)
    assert result.exit_code == 1
    assert "orders: expected orders.csv" in result.stdout


def test_check_of_no_folder_is_wrong_usage(tmp_path: Path) -> None:
    assert run("check", tmp_path / "nowhere").exit_code == 2


@pytest.mark.parametrize("name", ["list", "generate", "check"])
def test_help_has_an_example(name: str) -> None:
    assert f"Example: sandbox fixtures {name}" in " ".join(run(name, "--help").stdout.split())
