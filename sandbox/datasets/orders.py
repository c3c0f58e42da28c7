"""Order lines of one block: who ordered what and when, and amounts that add up exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import accumulate

from sandbox.datasets.draws import Draws
from sandbox.datasets.known import EMPLOYEE_ROWS, KNOWN_ORDER_LINES
from sandbox.datasets.products import Line, lines_that_sum_to, prices, random_lines
from sandbox.datasets.values import UNITS, text_from_date, text_from_units

FIRST_DAY, LAST_DAY = date(2011, 5, 31), date(2014, 6, 30)
ORDERS_PER_BLOCK = 1190
FIRST_ORDER, LAST_ORDER = 43659, 75123
LAST_DETAIL = 121317
"""Ranges of the course's ids; the same widths are used by each further block."""

WITHOUT_ORDERS = 45
"""Customers of a block who never ordered, so that an outer join has something to find."""

REPRESENTATIVES: tuple[int, ...] = tuple(row[0] for row in EMPLOYEE_ROWS if row[1] is not None)
SELLING_MANAGERS = (274, 287)
"""Managers sell now and then; 285 sold nothing at all, for outer joins on employees."""

LINE_COUNTS = tuple(accumulate((20, 18, 15, 12, 9, 7, 5, 4, 3, 2, 1, 1, 1, 1, 1)))
"""Running weights of 1, 2, 3 ... lines in an order."""


@dataclass(slots=True)
class _Order:
    day: date
    customer: int
    employee: int
    number: int = 0
    first_detail: int = 0


@dataclass(frozen=True, slots=True)
class _KnownOrder:
    order: _Order
    amounts: tuple[int, int, int, int]
    lines: tuple[Line, ...]


def order_lines(seed: int, block: int, customers: list[int]) -> Iterator[tuple[object, ...]]:
    """Rows of ``orders`` by rising key, as text or whole numbers; ``customers`` are the block's ids."""
    draws = Draws(seed, "orders", block)
    priced = prices(seed)
    known = _known_orders(seed) if block == 0 else []
    planned = _plan(draws, customers, [fixed.order for fixed in known])
    sized = [(order, 1 + draws.weighted(LINE_COUNTS)) for order in planned]
    shift, detail_shift = block * (LAST_ORDER - FIRST_ORDER + 1), block * LAST_DETAIL

    # The known orders keep their ids, so the others take the ids before, between and after them by date.
    number, detail = FIRST_ORDER + shift, 1 + detail_shift
    for fixed in known:
        before = [item for item in sized if item[0].day < fixed.order.day]
        sized = sized[len(before) :]
        _number(draws, before, (number, fixed.order.number), (detail, fixed.order.first_detail))
        yield from _rows_of(draws, before, priced)
        yield from _rows(fixed.order, fixed.amounts, fixed.lines)
        number, detail = fixed.order.number + 1, fixed.order.first_detail + len(fixed.lines)
    _number(draws, sized, (number, LAST_ORDER + shift + 1), (detail, LAST_DETAIL + detail_shift + 1))
    yield from _rows_of(draws, sized, priced)


def _plan(draws: Draws, customers: list[int], known: list[_Order]) -> list[_Order]:
    """Orders of a block by day. Few customers order often, many seldom, some never."""
    keep = {order.customer for order in known}
    never = set(draws.sample([number for number in customers if number not in keep], WITHOUT_ORDERS))
    buyers = [number for number in customers if number not in never]
    buyers = draws.sample(buyers, len(buyers))
    popularity = list(accumulate(60_000 // (rank + 6) for rank in range(len(buyers))))
    served_by = {number: draws.pick(REPRESENTATIVES) for number in buyers}
    served_by |= {order.customer: order.employee for order in known}
    days, weights = _days()
    # Everybody who buys does so at least once.
    wanted = buyers + [buyers[draws.weighted(popularity)] for _ in range(ORDERS_PER_BLOCK - len(buyers))]
    orders = []
    for customer in wanted:
        employee, other = served_by[customer], draws.below(100)
        if other < 6:
            employee = draws.pick(REPRESENTATIVES)
        elif other == 6:
            employee = draws.pick(SELLING_MANAGERS)
        orders.append(_Order(days[draws.weighted(weights)], customer, employee))
    return sorted(orders, key=lambda order: order.day)


@lru_cache(maxsize=1)
def _days() -> tuple[list[date], list[int]]:
    """All days and their running weights: business grows, starts of months are busy, weekends are not."""
    days = [FIRST_DAY + timedelta(days=index) for index in range((LAST_DAY - FIRST_DAY).days + 1)]
    weights = []
    for index, day in enumerate(days):
        weight = 300 + index
        weight = weight * 8 if day.day == 1 else weight // 3 if day.weekday() >= 5 else weight
        weights.append(weight)
    return days, list(accumulate(weights))


def _number(
    draws: Draws, orders: list[tuple[_Order, int]], numbers: tuple[int, int], details: tuple[int, int]
) -> None:
    """Give rising ids with random gaps out of the half-open ranges."""
    if not orders:
        return
    spare_numbers = (numbers[1] - numbers[0]) // len(orders)
    spare_details = (details[1] - details[0] - sum(size for _, size in orders)) // len(orders)
    if spare_numbers < 1 or spare_details < 0:
        raise ValueError(f"{len(orders)} orders do not fit ids {numbers} and {details}")
    detail = details[0]
    for index, (order, size) in enumerate(orders):
        order.number = numbers[0] + index * spare_numbers + draws.below(spare_numbers)
        gap = draws.below(spare_details + 1)
        order.first_detail = detail + gap
        detail += size + spare_details


def _rows_of(
    draws: Draws, orders: list[tuple[_Order, int]], priced: dict[int, int]
) -> Iterator[tuple[object, ...]]:
    for order, size in orders:
        lines = random_lines(draws, priced, size)
        subtotal = sum(line.total for line in lines)
        # Between 9.45 and 9.65 per cent, as in the course's rows; freight is always 5/16 of the tax there.
        tax = subtotal * draws.between(9450, 9650) // 100_000
        freight = tax * 5 // 16
        yield from _rows(order, (subtotal, tax, freight, subtotal + tax + freight), lines)


def _rows(
    order: _Order, amounts: tuple[int, int, int, int], lines: tuple[Line, ...]
) -> Iterator[tuple[object, ...]]:
    dates = [text_from_date(order.day + timedelta(days=days)) for days in (0, 12, 7)]
    totals = [text_from_units(amount) for amount in amounts]
    for index, line in enumerate(lines):
        yield (
            *(order.number, order.first_detail + index, *dates, order.employee, order.customer),
            *(*totals, line.product, line.quantity, text_from_units(line.price)),
            *(text_from_units(line.discount * UNITS // 100), text_from_units(line.total)),
        )


def _known_orders(seed: int) -> list[_KnownOrder]:
    """The known lines, each among others that bring its order to the known subtotal to the last digit."""
    draws = Draws(seed, "known orders", 0)
    orders = []
    for number, detail, day, _, _, employee, customer, *rest in KNOWN_ORDER_LINES:
        subtotal, tax, freight, due = (int(amount * UNITS) for amount in rest[:4])
        product, quantity, price, _, total = rest[4:]
        known = Line(product, quantity, int(price * UNITS), 0)
        others = lines_that_sum_to(draws, prices(seed), subtotal - int(total * UNITS), without=product)
        place = draws.below(len(others) + 1)
        orders.append(
            _KnownOrder(
                _Order(day, customer, employee, number, detail - place),
                (subtotal, tax, freight, due),
                (*others[:place], known, *others[place:]),
            )
        )
    return orders
