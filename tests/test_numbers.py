import pytest

from retriever.numbers import other_forms
from retriever.text import words


@pytest.mark.parametrize(
    ("question", "forms"),
    [
        ("578.4 billion yuan", ["578400000000"]),
        ("$4.7bn in 2024", ["4700000000"]),
        ("1.5 million robots, 2 thousand firms", ["1500000", "2000"]),
        ("30% of firms", ["3割"]),
        ("35 percent", ["3割5分"]),
        ("３割の企業", ["30%"]),
        ("七成企业", ["70%"]),
        ("令和7年と令和元年", ["2025年", "2019年"]),
        ("5% or 200%", []),
        ("2025年の市場規模", []),
        ("5 book", []),
        ("12.50% and 1.5割", []),
        ("百分之30的企业", ["3割"]),
        ("唯一成功、第一割当、100m race、4K video、三成功", []),
        ("三割五分", ["35%"]),
    ],
)
def test_other_forms_of_a_number(question: str, forms: list[str]) -> None:
    assert other_forms(question) == forms


def test_an_english_number_is_the_term_of_a_japanese_one() -> None:
    assert words(other_forms("578.4 billion yuan")[0])[0] == words("5,784億元")[0] == words("5784億元")[0]
