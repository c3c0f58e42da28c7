"""A person's own files: forgiving in form, strict in content."""

from __future__ import annotations

import csv
import io
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.datasets import TABLES, Dataset
from sandbox.errors import UsageError
from sandbox.events import Event, Warned

CUSTOMERS = "293,Catherine,Abel,Catherine Abel\n295,Kim,Abercrombie,Kim Abercrombie\n"
EMPLOYEES = (
    "274,,Astrid,Kowalczyk,Astrid Kowalczyk,North American Sales Manager,2,M,F,,,\n"
    "276,274,Linda,Mitchell,Linda Mitchell,Sales Representative,3,M,F,Southwest,US,North America\n"
)
ORDERS = (
    "71782,110667,5/1/2014,5/13/2014,5/8/2014,276,293,33319.986,3182.8264,994.6333,37497.4457,714,3,29.994,0,89.982\n"
    "71782,110668,5/1/2014,5/13/2014,5/8/2014,276,293,33319.986,3182.8264,994.6333,37497.4457,709,6,5.7,0,34.2\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three small good files."""
    files = tmp_path / "files"
    files.mkdir()
    for name, text in (("customers", CUSTOMERS), ("employees", EMPLOYEES), ("orders", ORDERS)):
        (files / f"{name}.csv").write_text(text, encoding="utf-8", newline="")
    return files


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def refused(folder: Path, cache: Path) -> str:
    """What the person is told; nothing may be kept of a refused folder."""
    with pytest.raises(UsageError) as caught:
        Dataset.from_folder(folder, cache)
    kept = list((cache / "datasets").iterdir()) if (cache / "datasets").exists() else []
    assert kept == []
    return f"{caught.value.title}\n{caught.value.detail}"


def edit(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / f"{name}.csv"
    text = path.read_bytes().decode()
    assert old in text
    path.write_bytes(text.replace(old, new, 1).encode())


def test_good_files_come_out_as_they_went_in(folder: Path, cache: Path) -> None:
    dataset = Dataset.from_folder(folder, cache)
    assert dataset.path("orders").read_text(encoding="utf-8") == ORDERS
    assert dataset.counts == {"customers": 2, "employees": 2, "orders": 2}
    assert dataset.name == f"from-{dataset.hash}"
    assert Dataset.from_folder(folder, cache).folder == dataset.folder, "the same content is kept once"


def test_the_shipped_files_read_as_themselves(cache: Path) -> None:
    assert Dataset.from_folder(Dataset.course().folder, cache).hash == Dataset.course().hash


def write_variant(source: Dataset, out: Path, draws: random.Random) -> None:
    """The same tables in one of the many forms that real files have."""
    for name, table in TABLES.items():
        rows = list(csv.reader(io.StringIO(source.path(name).read_text(encoding="utf-8"))))
        header = draws.random() < 0.7
        order = list(range(len(table.columns)))
        if header:
            draws.shuffle(order)
            names = [table.column_names[place] for place in order]
            if draws.random() < 0.5:
                names = [
                    draws.choice(["", " ", "\t"]) + text + draws.choice(["", " ", "  "]) for text in names
                ]
            if draws.random() < 0.3:
                names = [text.upper() for text in names]
        text = io.StringIO(newline="")
        quoting = draws.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
        writer = csv.writer(text, lineterminator=draws.choice(["\n", "\r\n"]), quoting=quoting)
        if header:
            writer.writerow(names)
        for row in rows:
            padding = draws.choice(["", "", " "])
            writer.writerow([padding + row[place] + padding for place in order])
        data = text.getvalue()
        if draws.random() < 0.3:
            data = data.rstrip("\r\n")
        if draws.random() < 0.3:
            data += "\r\n\r\n"
        place = out / draws.choice([".", name, f"rawData/{name}"])
        place.mkdir(parents=True, exist_ok=True)
        (place / table.file).write_bytes((b"\xef\xbb\xbf" if draws.random() < 0.5 else b"") + data.encode())


@pytest.mark.parametrize("seed", range(40))
def test_line_ends_header_bom_column_order_blanks_and_quotes_change_nothing(
    folder: Path, cache: Path, tmp_path: Path, seed: int
) -> None:
    plain = Dataset.from_folder(folder, cache)
    write_variant(plain, tmp_path / "variant", random.Random(seed))
    assert Dataset.from_folder(tmp_path / "variant", cache).hash == plain.hash


@pytest.mark.parametrize("seed", range(3))
def test_the_whole_course_survives_any_form(cache: Path, tmp_path: Path, seed: int) -> None:
    write_variant(Dataset.course(), tmp_path / "variant", random.Random(seed))
    assert Dataset.from_folder(tmp_path / "variant", cache).hash == Dataset.course().hash


def test_the_form_of_the_course_files_is_read(folder: Path, cache: Path) -> None:
    header = "customerid,firstname,lastname,fullname \r\n"
    text = (header + CUSTOMERS).replace("\r\n", "\n").replace("\n", "\r\n")
    (folder / "customers.csv").write_bytes(text.encode())
    assert Dataset.from_folder(folder, cache).count("customers") == 2


def test_missing_values_are_none_where_the_schema_allows_them(folder: Path, cache: Path) -> None:
    rows = list(Dataset.from_folder(folder, cache).rows("employees"))
    assert (rows[0][1], rows[0][9:]) == (None, (None, None, None))


def test_zero_padded_dates_and_trailing_zeros_come_out_canonical(folder: Path, cache: Path) -> None:
    edit(folder, "orders", "5/1/2014,5/13/2014,5/8/2014", "05/01/2014,05/13/2014,05/08/2014")
    edit(folder, "orders", "33319.986,", "33319.9860,")
    edit(folder, "orders", ",0,89.982", ",0.0000,89.982000")
    warnings: list[Event] = []
    assert (
        Dataset.from_folder(folder, cache, warnings.append).path("orders").read_text(encoding="utf-8")
        == ORDERS
    )
    assert warnings == []


def test_more_than_four_decimals_are_rounded_and_that_is_said(folder: Path, cache: Path) -> None:
    edit(folder, "orders", "89.982", "89.98205")
    warnings: list[Event] = []
    dataset = Dataset.from_folder(folder, cache, warnings.append)
    assert str(next(dataset.rows("orders"))[-1]) == "89.9821"
    (warned,) = warnings
    assert isinstance(warned, Warned)
    assert warned.text == (
        "orders.csv: 1 amounts with more than four decimals were rounded to four "
        "(first: line 1, linetotal, 89.98205)."
    )


def test_names_keep_commas_quotes_and_letters_of_all_scripts(folder: Path, cache: Path) -> None:
    edit(folder, "customers", "Kim,Abercrombie,Kim Abercrombie", '"Zoë ""Z""","O\'Neil, Jr.","Ζωή 😀"')
    rows = list(Dataset.from_folder(folder, cache).rows("customers"))
    assert rows[1] == (295, 'Zoë "Z"', "O'Neil, Jr.", "Ζωή 😀")


def test_managers_come_before_those_they_manage(folder: Path, cache: Path) -> None:
    lines = EMPLOYEES.splitlines(keepends=True)
    (folder / "employees.csv").write_text(
        "277,276,A,B,A B,Clerk,4,S,M,,,\n" + lines[1] + lines[0], encoding="utf-8"
    )
    assert [row[0] for row in Dataset.from_folder(folder, cache).rows("employees")] == [274, 276, 277]


BAD_VALUES = [
    ("orders", "714,3,", "714,three,", "line 1, column orderqty", "'three' is not a whole number"),
    ("orders", "714,3,", "714,3.0,", "line 1, column orderqty", "'3.0' is not a whole number"),
    ("orders", "714,3,", "714,,", "line 1, column orderqty", "'' is no value"),
    ("orders", "714,3,", "714,٣,", "line 1, column orderqty", "'٣' is not a whole number"),
    ("orders", "714,3,", "714,3000000000,", "line 1, column orderqty", "'3000000000' does not fit"),
    ("orders", "29.994", "29,994", "line 1", "17 fields where 16 are expected"),
    ("orders", "29.994", "$29.994", "line 1, column unitprice", "'$29.994' is not an amount"),
    ("orders", "29.994", "NaN", "line 1, column unitprice", "'NaN' is not an amount"),
    ("orders", "29.994", "1e3", "line 1, column unitprice", "'1e3' is not an amount"),
    ("orders", "29.994", "9" * 16, "line 1, column unitprice", "is not an amount"),
    (
        "orders",
        "5/13/2014",
        "2014-05-13",
        "line 1, column duedate",
        "'2014-05-13' is not a date like 5/1/2014",
    ),
    ("orders", "5/13/2014", "13/5/2014", "line 1, column duedate", "'13/5/2014' is no day of the calendar"),
    ("orders", "5/13/2014", "2/30/2014", "line 1, column duedate", "'2/30/2014' is no day of the calendar"),
    ("orders", "5/13/2014", "5/13/14", "line 1, column duedate", "'5/13/14' is not a date"),
    ("orders", "71782,110668", ",110668", "line 2, column salesorderid", "'' is no value"),
    ("orders", "71782,110668", "71782,110667", "line 2, column salesorderid/salesorderdetailid", "on line 1"),
    ("orders", "276,293", "276,999", "line 1, column customerid", "999 is no customerid of customers"),
    ("orders", "276,293", "999,293", "line 1, column employeeid", "999 is no employeeid of employees"),
    ("customers", "295,", "293,", "line 2, column customerid", "293 is there already, on line 1"),
    ("customers", "Kim,", ",", "line 2, column firstname", "'' is no value"),
    ("customers", "Kim,", "K" * 51 + ",", "line 2, column firstname", "has 51 characters, 50 are possible"),
    ("customers", "Kim,", '"K\nim",', "line 2, column firstname", "line break"),
    ("customers", "Kim,", "K\0im,", "line 2", "NUL byte"),
    ("customers", "Kim,Abercrombie,Kim Abercrombie", "Kim,Abercrombie", "line 2", "3 fields where 4"),
    ("customers", "Kim,", '"Kim"x,', "line 2", "this is not CSV"),
    ("customers", "Kim,", '"Kim,', "line 2", "this is not CSV"),
    ("employees", "276,274", "276,300", "line 2, column managerid", "300 is no employeeid of employees"),
    ("employees", "276,274", "276,276", "line 2, column managerid", "nobody is at the top"),
    ("employees", "US", "USA", "line 2, column country", "has 3 characters, 2 are possible"),
]


@pytest.mark.parametrize(("name", "old", "new", "where", "what"), BAD_VALUES)
def test_a_csv_with_a_bad_row_loads_nothing_and_says_where(
    folder: Path, cache: Path, name: str, old: str, new: str, where: str, what: str
) -> None:
    edit(folder, name, old, new)
    told = refused(folder, cache)
    assert f"{name}.csv {where}" in told
    assert what in told
    assert "Nothing was loaded." in told


def test_a_loop_of_managers_is_refused(folder: Path, cache: Path) -> None:
    edit(folder, "employees", "274,,", "274,276,")
    assert "employees.csv line 1, column managerid: 276 leads back to 274 itself" in refused(folder, cache)


BAD_HEADERS = [
    ("customerid,firstname,lastname,fistname", "column 'fistname' is unknown"),
    ("customerid,fistname,lastname,fullname", "(did you mean 'firstname'?)"),
    ("customerid,firstname,lastname", "column 'fullname' is missing"),
    ("customerid,firstname,lastname,lastname", "column 'lastname' is there 2 times"),
    ("customerid,firstname,lastname,fullname,age", "column 'age' is unknown"),
    ("customerid,firstname,lastname,fullname,", "column '' is unknown"),
]


@pytest.mark.parametrize(("header", "what"), BAD_HEADERS)
def test_a_header_with_wrong_columns_is_refused(folder: Path, cache: Path, header: str, what: str) -> None:
    edit(folder, "customers", CUSTOMERS, header + "\n" + CUSTOMERS)
    told = refused(folder, cache)
    assert "customers.csv line 1: column" in told
    assert what in told


def test_lines_are_counted_with_the_header_and_blank_lines(folder: Path, cache: Path) -> None:
    edit(
        folder,
        "customers",
        CUSTOMERS,
        "customerid,firstname,lastname,fullname\n\n" + CUSTOMERS + "x,A,B,A B\n",
    )
    assert "customers.csv line 5, column customerid: 'x' is not a whole number" in refused(folder, cache)


def test_latin_1_is_refused_with_line_and_byte(folder: Path, cache: Path) -> None:
    (folder / "customers.csv").write_bytes((CUSTOMERS + "297,José,A,José A\n").encode("latin-1"))
    told = refused(folder, cache)
    assert "customers.csv line 3: byte 0xe9 is not UTF-8, in '297,Jos" in told


def test_utf_16_is_refused(folder: Path, cache: Path) -> None:
    (folder / "customers.csv").write_bytes(CUSTOMERS.encode("utf-16"))
    assert "customers.csv line 1: byte 0xff is not UTF-8" in refused(folder, cache)


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\r\n\r\n"])
def test_an_empty_file_is_refused(folder: Path, cache: Path, data: bytes) -> None:
    (folder / "orders.csv").write_bytes(data)
    assert "orders.csv: the file is empty" in refused(folder, cache)


def test_a_header_alone_is_a_table_without_rows(folder: Path, cache: Path) -> None:
    (folder / "orders.csv").write_text(",".join(TABLES["orders"].column_names) + "\n")
    assert Dataset.from_folder(folder, cache).count("orders") == 0


def test_an_order_of_nobody_is_refused_also_when_there_are_no_customers_at_all(
    folder: Path, cache: Path
) -> None:
    (folder / "customers.csv").write_text("customerid,firstname,lastname,fullname\n")
    assert "orders.csv line 1, column customerid: 293 is no customerid of customers" in refused(folder, cache)


def test_a_mistake_in_customers_is_not_blamed_on_their_orders(folder: Path, cache: Path) -> None:
    edit(folder, "customers", "293,", "29x,")
    assert "orders.csv" not in refused(folder, cache)


def test_semicolons_are_recognised_as_the_reason(folder: Path, cache: Path) -> None:
    edit(folder, "customers", CUSTOMERS, CUSTOMERS.replace(",", ";"))
    assert "1 fields where 4 are expected" in (told := refused(folder, cache))
    assert "separated by semicolons; commas are expected" in told


def test_the_first_mistakes_are_told_and_the_others_counted(folder: Path, cache: Path) -> None:
    bad = "".join(f"{number},,X,X\n" for number in range(1, 101))
    (folder / "customers.csv").write_text(bad)
    told = refused(folder, cache)
    assert told.count("column firstname") == 5
    assert "... and 95 more." in told


def test_mistakes_of_all_files_are_told_at_once(folder: Path, cache: Path) -> None:
    edit(folder, "customers", "295,", "x,")
    edit(folder, "employees", "276,", "y,")
    edit(folder, "orders", "714,", "z,")
    told = refused(folder, cache)
    assert [
        name in told for name in ("customers.csv line 2", "employees.csv line 2", "orders.csv line 1")
    ] == [True] * 3


def test_missing_files_are_named_with_the_places_looked_at(folder: Path, cache: Path) -> None:
    (folder / "orders.csv").unlink()
    (folder / "employees.csv").unlink()
    told = refused(folder, cache)
    assert "lacks employees and orders" in told
    assert "orders: expected orders.csv or orders/orders.csv or rawData/orders/orders.csv" in told


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.write_text("")])
def test_a_folder_that_is_none_is_refused(
    tmp_path: Path, cache: Path, make: Callable[[Path], object]
) -> None:
    make(tmp_path / "there")
    assert str(tmp_path / "there") in refused(tmp_path / "there", cache)


def test_a_file_changed_after_its_manifest_is_read_as_it_is(cache: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(Dataset.course().folder, tmp_path / "mine")
    edit(folder, "customers", "Catherine", "Katherine")
    dataset = Dataset.from_folder(folder, cache)
    assert dataset.hash != Dataset.course().hash
    assert (293, "Katherine", "Abel", "Katherine Abel") not in set(dataset.rows("customers"))
    assert (293, "Katherine", "Abel", "Catherine Abel") in set(dataset.rows("customers"))
