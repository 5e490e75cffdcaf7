"""Laws of what the cluster costs and who bears it."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.domain.errors import Invalid
from models.domain.margin import CORE_WEIGHT, GIB_WEIGHT, NodeCost, Use, grouped, margin, rates

quick = settings(deadline=None, max_examples=60)
HOURS = 720


@st.composite
def clusters(draw):
    """Nodes and workloads that fit on them; `kube` is shared."""
    nodes, uses = [], []
    for number in range(draw(st.integers(1, 3))):
        cores, gib = draw(st.integers(1, 16)), draw(st.integers(1, 64))
        nodes.append(NodeCost(f"n{number}", draw(st.integers(0, 10**8)), Fraction(cores * HOURS), Fraction(gib * HOURS)))
        takers = draw(st.lists(st.sampled_from(["a", "b", "c", "kube"]), max_size=5))
        for key in takers:
            part, other = draw(st.integers(0, 100)), draw(st.integers(0, 100))
            whole = 100 * len(takers)
            uses.append(Use(key, f"n{number}", Fraction(cores * HOURS * part, whole), Fraction(gib * HOURS * other, whole)))
    return nodes, uses


extras = st.dictionaries(st.sampled_from(["a", "b", "kube"]), st.integers(0, 10**6))


@quick
@given(clusters(), extras, st.integers(0, 10**8))
def test_direct_shared_reserve_and_idle_are_the_bill_to_the_unit(cluster, extra, reserve):
    nodes, uses = cluster
    told = margin(nodes, uses, revenue={"a": 100, "d": 5}, shared=frozenset({"kube"}), extra=extra, reserve=reserve)
    assert told.bill == sum(node.price for node in nodes) + sum(extra.values())
    assert sum(row.cost for row in told.rows) + told.rest == told.bill
    assert all(min(row.direct, row.shared, row.reserve, row.idle) >= 0 for row in told.rows)
    assert sum(row.reserve for row in told.rows) <= reserve
    assert "kube" not in {row.key for row in told.rows}
    assert [row.key for row in told.rows] == sorted({row.key for row in told.rows})
    assert told.rest >= 0
    dear = {node.name for node in nodes if node.price}
    if any(one.key != "kube" and one.node in dear and (one.cpu or one.memory) for one in uses):
        assert told.rest == 0
    for row in told.rows:
        assert row.before_idle - row.after_idle == row.idle
        assert row.after_idle == row.revenue - row.cost


@quick
@given(clusters())
def test_direct_is_less_than_a_unit_from_exact_and_the_order_of_samples_says_nothing(cluster):
    nodes, uses = cluster
    told = margin(nodes, uses, revenue={})
    assert told == margin(nodes[::-1], uses[::-1], revenue={})
    price = {node.name: rates(node) for node in nodes}
    for row in told.rows:
        exact = sum(one.cpu * price[one.node][0] + one.memory * price[one.node][1] for one in uses if one.key == row.key)
        assert abs(row.direct - exact) < 1


@quick
@given(clusters(), extras)
def test_groups_sum_to_their_rows(cluster, extra):
    nodes, uses = cluster
    rows = margin(nodes, uses, revenue={"a": 7, "b": 8}, extra=extra).rows
    groups = grouped(rows, {"a": "one", "b": "one"})
    for part in ("revenue", "direct", "shared", "reserve", "idle", "cost", "before_idle", "after_idle"):
        assert sum(getattr(row, part) for row in rows) == sum(getattr(row, part) for row in groups)


@quick
@given(st.integers(0, 10**9), st.integers(1, 64), st.integers(1, 512))
def test_the_parts_of_a_node_are_its_price(price, cores, gib):
    node = NodeCost("n", price, Fraction(cores * HOURS), Fraction(gib * HOURS))
    core, memory = rates(node)
    assert core * node.cpu + memory * node.memory == price
    assert core * GIB_WEIGHT == memory * CORE_WEIGHT


def test_a_cluster_by_hand():
    """One node of 100 000: a uses half of all, b a quarter, what is shared an eighth, an eighth is idle."""
    node = NodeCost("n", 100000, Fraction(8), Fraction(8))
    uses = [
        Use("a", "n", Fraction(4), Fraction(4)),
        Use("b", "n", Fraction(2), Fraction(2)),
        Use("kube", "n", Fraction(1), Fraction(1)),
    ]
    told = margin([node], uses, revenue={"a": 90000, "b": 20000}, shared=frozenset({"kube"}), reserve=3000)
    a, b = told.rows
    assert (a.direct, a.shared, a.reserve, a.idle) == (50000, 8333, 2000, 6333)
    assert (b.direct, b.shared, b.reserve, b.idle) == (25000, 4167, 1000, 3167)
    assert (a.before_idle, a.after_idle, b.before_idle, b.after_idle) == (29667, 23334, -10167, -13334)


def test_idle_goes_to_who_uses_the_same_resource():
    """a takes half of the CPU only, b half of the memory only: each bears what is idle of its own."""
    node = NodeCost("n", 35848, Fraction(1), Fraction(1))
    told = margin([node], [Use("a", "n", Fraction(1, 2), Fraction(0)), Use("b", "n", Fraction(0), Fraction(1, 2))], revenue={})
    assert [(row.key, row.direct, row.idle) for row in told.rows] == [("a", 15806, 15806), ("b", 2118, 2118)]


def test_what_nobody_used_goes_to_who_used_the_other_resource():
    told = margin([NodeCost("n", 35848, Fraction(1), Fraction(1))], [Use("a", "n", Fraction(1), Fraction(0))], revenue={})
    assert [(row.direct, row.idle) for row in told.rows] == [(31611, 4237)]
    assert told.rest == 0


def test_an_empty_cluster_is_nobodys():
    told = margin([NodeCost("n", 77, Fraction(1), Fraction(1))], [], revenue={"a": 5})
    assert ([row.cost for row in told.rows], told.rest, told.bill) == ([0], 77, 77)


@pytest.mark.parametrize(
    ("nodes", "use", "said"),
    [
        (1, Use("a", "x", Fraction(1), Fraction(1)), "price is not known"),
        (1, Use("a", "n", Fraction(2), Fraction(1)), "More was used"),
        (1, Use("a", "n", Fraction(1), Fraction(2)), "More was used"),
        (1, Use("a", "n", Fraction(-1), Fraction(1)), "More was used"),
        (0, Use("a", "n", Fraction(1), Fraction(1)), "needs a price"),
    ],
)
def test_data_that_cannot_be_is_an_error_and_not_cut_off(nodes, use, said):
    with pytest.raises(Invalid, match=said):
        margin([NodeCost("n", 10, Fraction(nodes), Fraction(1))], [use], revenue={})
