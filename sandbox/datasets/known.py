"""The rows that the course's exercises rely on: in every generated dataset, at any scale and seed."""

from __future__ import annotations

from typing import Any

from sandbox.datasets.schema import ORDERS
from sandbox.datasets.values import canonical_converters

KNOWN_CUSTOMERS: tuple[tuple[int, str, str, str], ...] = (
    (293, "Catherine", "Abel", "Catherine Abel"),
    (295, "Kim", "Abercrombie", "Kim Abercrombie"),
    (297, "Humberto", "Acevedo", "Humberto Acevedo"),
    (371, "John", "Arthur", "John Arthur"),
    (377, "John", "Ault", "John Ault"),
)

ABSENT_CUSTOMER = 1221
"""Exercises insert 1221 John Doe, so neither the id nor the name may be there before."""

JOHNS = 19
"""Customers with the first name John at scale 1; N times as many at scale N."""


_ORDER_LINES = """
44110,1732,8/1/2011,8/13/2011,8/8/2011,277,295,16667.3077,1600.6864,500.2145,18768.2086,765,2,419.4589,0,838.9178
44131,2005,8/1/2011,8/13/2011,8/8/2011,275,297,20514.2859,1966.5222,614.5382,23095.3463,709,6,5.7,0,34.2
71782,110667,5/1/2014,5/13/2014,5/8/2014,276,293,33319.986,3182.8264,994.6333,37497.4457,714,3,29.994,0,89.982
"""

KNOWN_ORDER_LINES: tuple[tuple[Any, ...], ...] = tuple(
    tuple(convert(text) for convert, text in zip(canonical_converters(ORDERS), line.split(","), strict=True))
    for line in _ORDER_LINES.split()
)
"""One line each of three orders, as typed rows of ``orders``, by key."""

REP = "Sales Representative"
NOWHERE = (None, None, None)
US = ("US", "North America")
CANADA = ("Canada", "CA", "North America")

EMPLOYEE_ROWS: tuple[tuple[Any, ...], ...] = tuple(
    (number, manager, first, last, f"{first} {last}", title, level, marital, gender, *place)
    for number, manager, first, last, title, level, marital, gender, place in (
        (274, None, "Astrid", "Kowalczyk", "North American Sales Manager", 2, "M", "F", NOWHERE),
        (275, 274, "Michael", "Blythe", REP, 3, "S", "M", ("Northeast", *US)),
        (276, 274, "Linda", "Mitchell", REP, 3, "M", "F", ("Southwest", *US)),
        (277, 274, "Jillian", "Carson", REP, 3, "S", "F", ("Central", *US)),
        (
            278,
            274,
            "Étienne",
            "Gagnon",
            REP,
            3,
            "M",
            "M",
            CANADA,
        ),
        (279, 274, "Denise", "Okafor", REP, 3, "M", "F", ("Southeast", *US)),
        (280, 274, "Paolo", "Whitcomb", REP, 3, "S", "M", ("Northwest", *US)),
        (281, 274, "Rosa", "Villanueva", REP, 3, "S", "F", ("Southwest", *US)),
        (
            282,
            274,
            "Graham",
            "Sinclair",
            REP,
            3,
            "M",
            "M",
            CANADA,
        ),
        (283, 274, "Mei", "Tanaka", REP, 3, "M", "F", ("Northwest", *US)),
        (284, 274, "Curtis", "Yazzie", REP, 3, "S", "M", ("Northwest", *US)),
        (285, None, "Priya", "Raghunathan", "Pacific Sales Manager", 2, "M", "F", NOWHERE),
        (286, 285, "Lachlan", "Moroney", REP, 3, "S", "M", ("Australia", "AU", "Pacific")),
        (287, None, "Benedikt", "Lindqvist", "European Sales Manager", 2, "M", "M", NOWHERE),
        (288, 287, "Annika", "Brandt", REP, 3, "S", "F", ("Germany", "DE", "Europe")),
        (
            289,
            287,
            "Rhys",
            "Pemberton",
            REP,
            3,
            "M",
            "M",
            ("United Kingdom", "GB", "Europe"),
        ),
        (290, 287, "Solène", "Mercier", REP, 3, "S", "F", ("France", "FR", "Europe")),
    )
)
"""All 17 employees as typed rows. The course names 275 to 277 and the posts of 274, 285 and 287; the rest is
ours. A manager stands before the people managed, so that inserting in this order breaks no foreign key."""
