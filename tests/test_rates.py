"""Rates: how many requests a caller may make, and when again."""

from pathlib import Path

from api.rates import Rates


def test_what_is_spent_comes_back_evenly(tmp_path: Path) -> None:
    rates = Rates(tmp_path / "rates.sqlite", 6)
    assert [rates.spend("key a", 100.0) for _ in range(7)] == [None] * 6 + [10]
    assert rates.spend("key b", 100.0) is None
    assert rates.spend("key a", 104.5) == 6
    assert rates.spend("key a", 110.0) is None
    assert rates.spend("key a", 110.0) == 10
    assert [rates.spend("key a", 1000.0) for _ in range(7)] == [None] * 6 + [10]
    rates.close()


def test_workers_share_one_count(tmp_path: Path) -> None:
    first, second = (Rates(tmp_path / "rates.sqlite", 4) for _ in range(2))
    found = [rates.spend("key a", 100.0) for _ in range(3) for rates in (first, second)]
    assert found == [None] * 4 + [15, 15]
    first.close()
    second.close()


def test_no_rate_writes_nothing(tmp_path: Path) -> None:
    rates = Rates(tmp_path / "rates.sqlite", 0)
    assert [rates.spend("key a") for _ in range(3)] == [None] * 3
    assert list(tmp_path.iterdir()) == []
    rates.close()


def test_who_has_gone_is_forgotten(tmp_path: Path) -> None:
    rates = Rates(tmp_path / "rates.sqlite", 600)
    for number in range(999):
        rates.spend(f"address {number}", 100.0)
    rates.spend("address last", 200.0)
    assert rates._connection.execute("SELECT who FROM rates").fetchall() == [("address last",)]
    rates.close()
