from decimal import Decimal

import pytest

from api.answers.amounts import Amount, amount_of
from api.answers.values import values_in


def amount(text: str) -> Amount | None:
    return amount_of(values_in(text)[0], text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("約5,800億元", "5,784億元"),
        ("5,800億元", "5,784億元"),
        ("5784亿元", "57,840,000万元"),
        ("５，７８４億元", "0.5784兆元"),
        ("1兆2,000億元", "1.2兆人民元"),
        ("5,000社以上", "5,200社"),
        ("5,000社を超えた", "5,200社"),
        ("少なくとも5,000社", "5,200社"),
        ("5,000社未満", "4,100社"),
        ("最大2,000万元", "1,500万元"),
        ("三割", "30%"),
        ("約3割", "26%"),
        ("5割強", "52%"),
        ("7割弱", "68%"),
        ("3割5分", "35%"),
        ("3分の2", "66.7%"),
        ("三分の一", "33％"),
        ("1,540億ドル", "1,540億米ドル"),
        ("30~40億元", "35億元"),
        ("3〜5社", "4社"),
        ("200人", "200名"),
        ("16％", "16.0%"),
        ("-5%", "▲5%"),
        ("4割超", "40%"),
    ],
)
def test_figures_that_can_both_hold_agree(one: str, other: str) -> None:
    first, second = amount(one), amount(other)
    assert first
    assert second
    assert first.unit == second.unit
    assert first.agrees_with(second)
    assert second.agrees_with(first)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("4,500社", "5,100社"),
        ("3社", "4社"),
        ("16%", "17%"),
        ("三割", "25%"),
        ("約1万台", "約1.4万台"),
        ("5,000社以上", "4,500社"),
        ("5,000社未満", "5,200社"),
        ("5,784億元", "57,840億元"),
        ("30~40億元", "45億元"),
        ("7割弱", "72%"),
        ("5%", "-5%"),
        ("100万人超", "1万人以下"),
    ],
)
def test_figures_that_can_not_both_hold_differ(one: str, other: str) -> None:
    first, second = amount(one), amount(other)
    assert first
    assert second
    assert first.unit == second.unit
    assert not first.agrees_with(second)
    assert not second.agrees_with(first)


@pytest.mark.parametrize(
    ("one", "other"),
    [("24億元", "24億ドル"), ("5ポイント", "5%"), ("3社", "3人"), ("2倍", "2%"), ("10億円", "10億元")],
)
def test_units_are_kept_apart(one: str, other: str) -> None:
    first, second = amount(one), amount(other)
    assert first
    assert second
    assert first.unit != second.unit


def test_an_amount_is_an_interval() -> None:
    assert amount("5,000社以上") == Amount(Decimal(5000), Decimal(50000), "社")
    assert amount("3〜5社") == Amount(Decimal(3), Decimal("5.499"), "社")


@pytest.mark.parametrize("text", ["数社", "10以上の薬局"])
def test_what_is_no_figure_with_a_unit_is_no_amount(text: str) -> None:
    assert amount(text) is None
