"""Products, their prices, and sets of order lines. Amounts are in units of 0.0001."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sandbox.datasets.draws import Draws
from sandbox.datasets.values import UNITS

FIRST_PRODUCT, LAST_PRODUCT = 707, 999
KNOWN_PRICES = {709: 57_000, 714: 299_940, 765: 4_194_589}
DISCONTINUED = 60
"""Numbers in the range that no order has."""

BANDS = ((3, 45), (20, 120), (90, 600), (400, 2100))
"""Prices of accessories, clothing, components and vehicles, in whole currency."""


@dataclass(frozen=True, slots=True)
class Line:
    """``discount`` in whole per cent."""

    product: int
    quantity: int
    price: int
    discount: int

    @property
    def total(self) -> int:
        """Exact: discounts are given only where the result needs no rounding."""
        return self.quantity * self.price * (100 - self.discount) // 100


@lru_cache(maxsize=2)
def prices(seed: int) -> dict[int, int]:
    """Price of every product of the range that is sold."""
    draws = Draws(seed, "products", 0)
    free = [number for number in range(FIRST_PRODUCT, LAST_PRODUCT + 1) if number not in KNOWN_PRICES]
    gone = set(draws.sample(free, DISCONTINUED))
    priced = dict(KNOWN_PRICES)
    for number in free:
        low, high = draws.pick(BANDS)
        price = draws.between(low * UNITS, high * UNITS)
        # Half of the prices have two decimals, the others four: both occur in the course.
        priced[number] = price // 100 * 100 if draws.below(2) else price
    return {number: priced[number] for number in sorted(priced) if number not in gone}


def random_lines(draws: Draws, priced: dict[int, int], size: int) -> tuple[Line, ...]:
    """``size`` lines of different products."""
    numbers = list(priced)
    chosen: dict[int, Line] = {}
    while len(chosen) < size:
        # The smaller of two draws, spread over the range (89 is prime): some products sell better.
        product = numbers[min(draws.below(len(numbers)), draws.below(len(numbers))) * 89 % len(numbers)]
        if product not in chosen:
            chosen[product] = _random_line(draws, product, priced[product])
    return tuple(chosen.values())


def _random_line(draws: Draws, product: int, price: int) -> Line:
    most = 6 if price > 400 * UNITS else 24
    quantity = 1 + min(draws.below(most), draws.below(most))
    discount = 5 if quantity > 14 else 2 if quantity > 10 else 0
    if draws.below(30) == 0:
        discount = draws.pick((10, 15, 20))
    exact = quantity * price * (100 - discount) % 100 == 0
    return Line(product, quantity, price, discount if exact else 0)


def lines_that_sum_to(draws: Draws, priced: dict[int, int], target: int, *, without: int) -> tuple[Line, ...]:
    """Undiscounted lines of different products, ``without`` not among them, totalling exactly ``target``.

    Random lines come close; then two more are looked for that fill the rest to the last digit. About one try
    in some tens finds such a pair, so this ends after milliseconds.
    """
    numbers = [number for number in priced if number != without]
    while True:
        rest, lines = target, dict[int, Line]()
        while rest > 5000 * UNITS:
            product = draws.pick(numbers)
            quantity = draws.between(1, 6)
            if product not in lines and quantity * priced[product] < rest:
                lines[product] = Line(product, quantity, priced[product], 0)
                rest -= lines[product].total
        singles = {
            quantity * priced[product]: Line(product, quantity, priced[product], 0)
            for product in numbers
            for quantity in range(1, 13)
            if product not in lines
        }
        for total, line in singles.items():
            other = singles.get(rest - total)
            if other and other.product != line.product:
                return (*lines.values(), line, other)
