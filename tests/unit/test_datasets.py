"""The dataset that ships, and the class that loaders take."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import tomllib
from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sandbox.datasets import TABLES, Dataset
from sandbox.datasets.known import EMPLOYEE_ROWS
from sandbox.datasets.manifest import file_sha256
from sandbox.errors import UsageError
from sandbox.events import Event, Progress


@pytest.fixture(scope="module")
def course() -> Dataset:
    return Dataset.course()


@pytest.fixture(scope="module")
def customers(course: Dataset) -> list[dict[str, Any]]:
    return [dict(zip(TABLES["customers"].column_names, row, strict=True)) for row in course.rows("customers")]


@pytest.fixture(scope="module")
def orders(course: Dataset) -> list[dict[str, Any]]:
    return [dict(zip(TABLES["orders"].column_names, row, strict=True)) for row in course.rows("orders")]


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("customers", "293,Catherine,Abel,Catherine Abel"),
        ("customers", "295,Kim,Abercrombie,Kim Abercrombie"),
        ("customers", "297,Humberto,Acevedo,Humberto Acevedo"),
        ("customers", "371,John,Arthur,John Arthur"),
        ("customers", "377,John,Ault,John Ault"),
        (
            "orders",
            "71782,110667,5/1/2014,5/13/2014,5/8/2014,276,293,"
            "33319.986,3182.8264,994.6333,37497.4457,714,3,29.994,0,89.982",
        ),
        (
            "orders",
            "44110,1732,8/1/2011,8/13/2011,8/8/2011,277,295,"
            "16667.3077,1600.6864,500.2145,18768.2086,765,2,419.4589,0,838.9178",
        ),
        (
            "orders",
            "44131,2005,8/1/2011,8/13/2011,8/8/2011,275,297,"
            "20514.2859,1966.5222,614.5382,23095.3463,709,6,5.7,0,34.2",
        ),
    ],
)
def test_the_rows_of_the_course_are_in_the_files_as_they_are_printed_there(
    course: Dataset, file: str, line: str
) -> None:
    assert course.path(file).read_text(encoding="utf-8").splitlines().count(line) == 1


def test_a_known_order_line_reads_as_typed_values(course: Dataset) -> None:
    (row,) = (row for row in course.rows("orders") if row[:2] == (44131, 2005))
    assert row == (
        *(44131, 2005, date(2011, 8, 1), date(2011, 8, 13), date(2011, 8, 8), 275, 297),
        *(Decimal("20514.2859"), Decimal("1966.5222"), Decimal("614.5382"), Decimal("23095.3463")),
        *(709, 6, Decimal("5.7"), Decimal(0), Decimal("34.2")),
    )
    assert [type(value) for value in row] == [column.type for column in TABLES["orders"].columns]


def test_there_are_635_customers_with_mostly_odd_ids_from_291_to_1993(
    customers: list[dict[str, Any]],
) -> None:
    ids = [row["customerid"] for row in customers]
    assert (len(ids), len(set(ids)), min(ids), max(ids)) == (635, 635, 291, 1993)
    assert ids == sorted(ids)
    assert 1 <= sum(number % 2 == 0 for number in ids) <= 10


def test_nineteen_customers_are_called_john_but_none_john_doe(customers: list[dict[str, Any]]) -> None:
    assert sum(row["firstname"] == "John" for row in customers) == 19
    assert not [row for row in customers if row["customerid"] == 1221 or row["lastname"] == "Doe"]


def test_full_names_are_first_and_last_names_and_belong_to_one_customer(
    customers: list[dict[str, Any]],
) -> None:
    assert all(row["fullname"] == f"{row['firstname']} {row['lastname']}" for row in customers)
    assert len({row["fullname"] for row in customers}) == 635


def test_three_managers_without_place_lead_fourteen_representatives(course: Dataset) -> None:
    rows = list(course.rows("employees"))
    assert [row[0] for row in rows] == list(range(274, 291))
    by_id = {row[0]: row for row in rows}
    managers = {number: row[5] for number, row in by_id.items() if row[6] == 2}
    assert managers == {
        274: "North American Sales Manager",
        285: "Pacific Sales Manager",
        287: "European Sales Manager",
    }
    for number, row in by_id.items():
        if number in managers:
            assert (row[1], *row[9:]) == (None, None, None, None)
        else:
            assert row[1] in managers
            assert (row[5], row[6]) == ("Sales Representative", 3)
            assert row[11] == {274: "North America", 285: "Pacific", 287: "Europe"}[row[1]]
            assert len(row[10]) == 2
    assert [by_id[number][4] for number in (275, 276, 277)] == [
        "Michael Blythe",
        "Linda Mitchell",
        "Jillian Carson",
    ]
    assert [by_id[number][9] for number in (275, 276, 277)] == ["Northeast", "Southwest", "Central"]
    assert tuple(rows) == EMPLOYEE_ROWS


def test_dates_and_amounts_of_every_order_line_agree(orders: list[dict[str, Any]]) -> None:
    for row in orders:
        assert row["duedate"] == row["orderdate"] + timedelta(days=12)
        assert row["shipdate"] == row["orderdate"] + timedelta(days=7)
        assert row["totaldue"] == row["subtotal"] + row["taxamt"] + row["freight"]
        assert row["linetotal"] == row["orderqty"] * row["unitprice"] * (1 - row["unitpricediscount"])


def test_the_lines_of_an_order_add_up_to_its_subtotal_exactly(orders: list[dict[str, Any]]) -> None:
    sums: dict[int, Decimal] = defaultdict(Decimal)
    for row in orders:
        sums[row["salesorderid"]] += row["linetotal"]
    assert {row["salesorderid"]: row["subtotal"] for row in orders} == sums


def test_what_belongs_to_an_order_is_the_same_on_each_of_its_lines(orders: list[dict[str, Any]]) -> None:
    heads = {(row["salesorderid"], row["orderdate"], row["employeeid"], row["customerid"]) for row in orders}
    assert len(heads) == len({row["salesorderid"] for row in orders})


def test_order_lines_are_sorted_by_a_key_that_needs_both_columns(orders: list[dict[str, Any]]) -> None:
    keys = [(row["salesorderid"], row["salesorderdetailid"]) for row in orders]
    assert keys == sorted(set(keys))
    assert len({order for order, _ in keys}) < len(keys)


def test_every_customer_and_employee_of_an_order_exists(
    course: Dataset, customers: list[dict[str, Any]], orders: list[dict[str, Any]]
) -> None:
    assert {row["customerid"] for row in orders} <= {row["customerid"] for row in customers}
    assert {row["employeeid"] for row in orders} <= {row[0] for row in course.rows("employees")}


def test_orders_give_exercises_something_to_find(
    customers: list[dict[str, Any]], orders: list[dict[str, Any]]
) -> None:
    assert 4800 <= len(orders) <= 5200
    assert {row["orderdate"].year for row in orders} == {2011, 2012, 2013, 2014}
    assert date(2011, 5, 31) <= min(row["orderdate"] for row in orders)
    assert max(row["orderdate"] for row in orders) <= date(2014, 6, 30)
    per_customer = Counter({row["salesorderid"]: row["customerid"] for row in orders}.values())
    assert len(per_customer) == len(customers) - 45, "some never ordered, for outer joins"
    assert per_customer.most_common(1)[0][1] >= 15, "some order often"
    assert {274, 287} <= {row["employeeid"] for row in orders}, "managers sell now and then"
    assert 285 not in {row["employeeid"] for row in orders}, "one employee sold nothing"
    assert any(row["unitpricediscount"] for row in orders)


def test_a_product_has_one_price(orders: list[dict[str, Any]]) -> None:
    prices = {(row["productid"], row["unitprice"]) for row in orders}
    assert len(prices) == len({product for product, _ in prices})
    assert all(707 <= product <= 999 for product, _ in prices)


def test_the_manifest_says_what_is_in_the_folder(course: Dataset) -> None:
    written = tomllib.loads((course.folder / "manifest.toml").read_text(encoding="utf-8"))
    assert written["name"] == course.name == "course"
    assert written["generator"]["scale"] == 1
    for name, table in TABLES.items():
        facts = written["tables"][name]
        assert facts["sha256"] == file_sha256(course.path(name))
        assert facts["bytes"] == course.path(name).stat().st_size
        assert facts["rows"] == course.count(name) == len(list(course.rows(name)))
        assert tuple(facts["columns"]) == table.column_names
        assert tuple(facts["key"]) == table.key
    assert written["tables"]["orders"]["foreign_keys"] == {
        "employeeid": "employees.employeeid",
        "customerid": "customers.customerid",
    }


def test_the_files_are_utf_8_without_bom_with_lf_and_without_header(course: Dataset) -> None:
    for name in TABLES:
        data = course.path(name).read_bytes()
        data.decode("utf-8")
        assert b"\r" not in data
        assert data.endswith(b"\n")
        assert data[:3].isdigit(), "the first line is data"


def test_the_hash_changes_with_the_content_and_reads_only_the_manifest(
    course: Dataset, tmp_path: Path
) -> None:
    shutil.copy(course.folder / "manifest.toml", tmp_path)
    assert Dataset(tmp_path).hash == course.hash
    text = (tmp_path / "manifest.toml").read_text(encoding="utf-8")
    changed = text.replace('sha256 = "', 'sha256 = "0', 1)
    (tmp_path / "manifest.toml").write_text(changed, encoding="utf-8")
    assert Dataset(tmp_path).hash != course.hash


def test_a_larger_dataset_is_made_once_and_kept(tmp_path: Path) -> None:
    events: list[Event] = []
    first = Dataset.at_scale(2, tmp_path, events.append)
    made = first.path("orders").stat().st_mtime_ns
    again = Dataset.at_scale(2, tmp_path, events.append)
    assert again.folder == first.folder
    assert again.path("orders").stat().st_mtime_ns == made
    assert [event.done for event in events if isinstance(event, Progress)] == [1, 2]
    assert first.counts["customers"] == 2 * 635
    assert first.name == "scale-2"


def test_scale_1_is_the_dataset_that_ships(tmp_path: Path) -> None:
    assert Dataset.at_scale(1, tmp_path).folder == Dataset.course().folder
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("scale", [0, -1, 10_001])
def test_an_impossible_scale_is_refused(tmp_path: Path, scale: int) -> None:
    with pytest.raises(UsageError, match=f"Scale {scale} is not possible"):
        Dataset.at_scale(scale, tmp_path)
    assert not list(tmp_path.iterdir())


def test_two_that_ask_for_the_same_scale_at_once_get_one_whole_dataset(tmp_path: Path) -> None:
    generated: list[Event] = []
    found: list[Dataset] = []

    def ask() -> None:
        found.append(Dataset.at_scale(2, tmp_path, generated.append))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(generated) == 2, "two blocks, so it was generated once"
    assert len({dataset.folder for dataset in found}) == 1
    assert all(len(list(dataset.rows("orders"))) == dataset.count("orders") for dataset in found)


def test_generating_that_is_broken_off_leaves_no_half_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_event: Event) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Dataset.at_scale(2, tmp_path, interrupted)
    assert [path.name for path in (tmp_path / "datasets").iterdir() if path.is_dir()] == []
    assert Dataset.at_scale(2, tmp_path).count("customers") == 2 * 635


def test_the_empty_dataset_has_the_tables_but_no_rows(tmp_path: Path) -> None:
    empty = Dataset.empty(tmp_path)
    assert empty.counts == {"customers": 0, "employees": 0, "orders": 0}
    assert [list(empty.rows(name)) for name in TABLES] == [[], [], []]
    assert all(empty.path(name).read_bytes() == b"" for name in TABLES)
    assert empty.hash != Dataset.course().hash


def test_a_folder_without_manifest_is_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is no dataset: it has no manifest\.toml"):
        _ = Dataset(tmp_path).hash


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("schema_version = 1", "schema_version = 2", "schema version 2, this is 1"),
        ("schema_version = 1", "schema_version = ", "cannot be used"),
        ("[tables.orders]", "[tables.sales]", "orders is missing"),
        ('"customerid", "firstname"', '"id", "firstname"', "columns or key of customers"),
        ("rows = 635", 'rows = "many"', "cannot be used"),
    ],
)
def test_a_broken_or_foreign_manifest_is_refused_by_name(
    course: Dataset, tmp_path: Path, old: str, new: str, why: str
) -> None:
    text = (course.folder / "manifest.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "manifest.toml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(UsageError, match=why) as caught:
        _ = Dataset(tmp_path).manifest
    assert str(tmp_path / "manifest.toml") in caught.value.title


@pytest.mark.parametrize("bad", ["291,Luther\n", "x,Luther,Zubair,Luther Zubair\n"])
def test_a_file_changed_by_hand_is_a_damaged_dataset_and_no_traceback(tmp_path: Path, bad: str) -> None:
    folder = shutil.copytree(Dataset.course().folder, tmp_path / "copy")
    (folder / "customers.csv").write_text(bad, encoding="utf-8")
    with pytest.raises(UsageError, match=r"customers\.csv is damaged"):
        list(Dataset(folder).rows("customers"))


def test_rows_are_streamed(course: Dataset) -> None:
    rows = course.rows("orders")
    assert next(rows)[0] < next(iter(list(rows)[-1:]))[0]


def test_importing_datasets_loads_no_driver_and_no_generator() -> None:
    code = (
        "import sys; from sandbox.datasets import Dataset; course = Dataset.course();"
        "course.hash; next(course.rows('orders'));"
        "print([m for m in sys.modules if m in ('sandbox.datasets.generator', 'sandbox.datasets.reader',"
        "'filelock', 'pydantic', 'rich', 'typer', 'tempfile', 'platformdirs', 'json')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_dataset_is_found_again_by_its_name(tmp_path: Path) -> None:
    own = Dataset.from_folder(Dataset.course().folder, tmp_path)
    for dataset in (Dataset.course(), Dataset.empty(tmp_path), Dataset.at_scale(2, tmp_path), own):
        assert Dataset.named(dataset.name, tmp_path).hash == dataset.hash
