import pytest

from api.citations.numerals import number_of, small_number


@pytest.mark.parametrize(
    ("figure", "number"),
    [("5,784億", 578_400_000_000), ("1兆2,000億", 1_200_000_000_000), ("9千万", 90_000_000), ("1億5千万", 150_000_000)],
)
def test_a_figure_is_a_number(figure: str, number: int) -> None:
    assert number_of(figure) == number


@pytest.mark.parametrize("figure", ["2023.6.14", "百", ""])
def test_what_is_no_number_is_none(figure: str) -> None:
    assert not number_of(figure)


@pytest.mark.parametrize(
    ("written", "number"), [("35", 35), ("三十五", 35), ("十", 10), ("百", 100), ("〇", 0), ("四千二百", 4200)]
)
def test_a_small_number_is_read_from_digits_or_kanji(written: str, number: int) -> None:
    assert small_number(written) == number
