"""Rates: how many requests a caller may make, and when again."""

from api.rates import Rates
from api.shared import shared


def test_what_is_spent_comes_back_evenly() -> None:
    rates = Rates(6)
    assert [rates.spend("key a", 100.0) for _ in range(7)] == [None] * 6 + [10]
    assert rates.spend("key b", 100.0) is None
    assert rates.spend("key a", 104.5) == 6
    assert rates.spend("key a", 110.0) is None
    assert rates.spend("key a", 110.0) == 10
    assert [rates.spend("key a", 1000.0) for _ in range(7)] == [None] * 6 + [10]
    rates.close()


def test_workers_share_one_count() -> None:
    with shared():
        first, second = (Rates(4) for _ in range(2))
        found = [rates.spend("key a", 100.0) for _ in range(3) for rates in (first, second)]
        first.close()
        second.close()
    assert found == [None] * 4 + [15, 15]


def test_without_a_rate_nothing_is_counted() -> None:
    rates = Rates(0)
    assert [rates.spend("key a") for _ in range(3)] == [None] * 3
    assert "_connection" not in vars(rates)
    rates.close()


def test_who_has_gone_is_forgotten() -> None:
    rates = Rates(600)
    for number in range(999):
        rates.spend(f"address {number}", 100.0)
    rates.spend("address last", 200.0)
    assert rates._connection.execute("SELECT who FROM rates").fetchall() == [("address last",)]
    rates.close()
