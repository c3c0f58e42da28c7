"""Random draws that are the same on every Python."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Draws:
    """An own stream of draws for each (seed, purpose, block), so that one does not disturb another.

    Of `random.Random` only ``random()`` is used: the one method whose sequence Python promises to keep.
    """

    def __init__(self, seed: int, purpose: str, block: int) -> None:
        digest = hashlib.sha256(f"{seed}/{purpose}/{block}".encode()).digest()
        self._random = Random(int.from_bytes(digest, "big")).random  # noqa: S311 - no secret

    def below(self, limit: int) -> int:
        """A whole number from 0 to limit - 1."""
        return int(self._random() * limit)

    def between(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self._random() * (high - low + 1))

    def pick(self, items: Sequence[T]) -> T:
        return items[int(self._random() * len(items))]

    def weighted(self, cumulative: Sequence[int]) -> int:
        """An index, with the weights given as their running sums."""
        return bisect_right(cumulative, int(self._random() * cumulative[-1]))

    def sample(self, items: Sequence[T], count: int) -> list[T]:
        """``count`` different items in random order (the start of a Fisher-Yates shuffle)."""
        pool = list(items)
        for index in range(count):
            other = self.between(index, len(pool) - 1)
            pool[index], pool[other] = pool[other], pool[index]
        return pool[:count]
