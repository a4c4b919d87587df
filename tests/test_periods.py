import pytest

from api.answers.periods import is_relative, periods_in, published_in


@pytest.mark.parametrize(
    ("text", "periods"),
    [
        ("2023年末までに", ["2023-12"]),
        ("24年4月末までに", ["2024-04"]),
        ("２０２４年の", ["2024"]),
        ("令和6年度", ["2024年度"]),
        ("令和元年", ["2019"]),
        ("平成30年", ["2018"]),
        ("2024年度上半期", ["2024年度上半期"]),
        ("2024年第1四半期", ["2024年第1四半期"]),
        ("2024年の約27.6億元から2030年には", ["2024", "2030"]),
        ("過去10年の投資", []),
        ("60年ぶり", []),
    ],
)
def test_times_are_read_as_they_are_named(text: str, periods: list[str]) -> None:
    assert [str(period) for period in periods_in(text)] == periods


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2024年", "2024年末", True),
        ("2024年末", "2024年12月", True),
        ("令和6年度", "2024年度", True),
        ("2024年", "2024年12月", False),
        ("2024年", "2024年度", False),
        ("2024年", "2024年上半期", False),
        ("2024年3月", "2024年9月", False),
        ("2024年", "2023年", False),
    ],
)
def test_a_year_is_no_month_of_it_and_no_fiscal_year(one: str, other: str, same: bool) -> None:
    first, second = periods_in(one)[0], periods_in(other)[0]
    assert first.meets(second) is same
    assert second.meets(first) is same


def test_a_date_of_publication_counts_as_its_year() -> None:
    assert [str(published_in(date)) for date in ("2023", "2024-07", "2026-01-30", None)] == [
        "2023",
        "2024",
        "2026",
        "None",
    ]


@pytest.mark.parametrize(("text", "relative"), [("前年の27億元", True), ("昨年は", True), ("前年比12%", False)])
def test_a_time_told_by_another_is_noticed(text: str, relative: bool) -> None:
    assert is_relative(text) is relative
