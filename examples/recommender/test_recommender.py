"""The recommender on a real graph server: small graphs of the tests' own, and the dataset's."""

from __future__ import annotations

import subprocess
import sys

import pytest
from gremlin_python.process.graph_traversal import __
from gremlin_python.process.traversal import T
from recommender import recommended


@pytest.fixture
def g(sandbox_gremlin_graph):
    with sandbox_gremlin_graph.connect() as source:
        yield source


@pytest.fixture
def buy(g):
    """``buy("ada", "tea", "cup")``: Ada orders tea and a cup."""

    def there(label: str, name: str) -> None:
        g.V(name).fold().coalesce(__.unfold(), __.add_v(label).property(T.id_, name)).iterate()

    def order(customer: str, *products: str) -> None:
        there("customer", customer)
        placed = g.add_v("order").next()
        g.V(customer).add_e("placed").to(__.V(placed.id)).iterate()
        for product in products:
            there("product", product)
            g.V(placed.id).add_e("contains").to(__.V(product)).iterate()

    return order


def test_what_most_others_bought_comes_first(g, buy):
    buy("ada", "tea")
    buy("bob", "tea", "cup", "pot")
    buy("eve", "tea", "pot")
    assert recommended(g, "ada") == ["pot", "cup"]


def test_what_was_bought_is_not_recommended(g, buy):
    buy("ada", "tea")
    buy("ada", "pot")
    buy("bob", "tea", "pot", "cup")
    assert recommended(g, "ada") == ["cup"]


def test_a_customer_has_one_voice_for_a_product(g, buy):
    buy("ada", "tea")
    for _ in range(5):
        buy("bob", "tea", "cup")
    buy("eve", "tea", "pot")
    buy("dan", "tea", "pot")
    assert recommended(g, "ada", 1) == ["pot"]


def test_those_who_have_nothing_in_common_say_nothing(g, buy):
    buy("ada", "tea")
    buy("bob", "cup")
    assert recommended(g, "ada") == []


def test_the_command_reads_its_address_from_the_environment(sandbox_gremlin, sandbox_env):
    program = [sys.executable, "recommender.py", "customer-291"]
    printed = subprocess.check_output(program, text=True).split()
    with sandbox_gremlin.connect() as g:
        assert printed == recommended(g, "customer-291")
        bought = set(g.V("customer-291").out("placed").out("contains").id_().to_list())
    assert len(printed) == 3
    assert not bought & set(printed)
