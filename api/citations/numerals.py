"""The numbers that Japanese writes: the one place where digits, kanji and scales become a number."""

import re
from decimal import Decimal

_SCALES = {"兆": 12, "億": 8, "亿": 8, "万": 4}
_SMALL_SCALES = {"千": 3, "百": 2, "": 0}
_GROUP = re.compile(r"([0-9.]+)([百千]?)([兆億亿万]?)")
_KANJI = {kanji: number for number, kanji in enumerate("〇一二三四五六七八九")}
_KANJI_TENS = {"十": 10, "百": 100, "千": 1000}


def number_of(figure: str) -> Decimal | None:
    """1兆2,000億 → 1200000000000, 3千万 → 30000000; `None` where it isn't one number. NFKC is expected."""
    written = figure.replace(",", "")
    groups = list(_GROUP.finditer(written))
    if "".join(group[0] for group in groups) != written or any(group[1].count(".") > 1 for group in groups):
        return None
    return sum(
        (Decimal(group[1]).scaleb(_SMALL_SCALES[group[2]] + _SCALES.get(group[3], 0)) for group in groups), Decimal(0)
    )


def small_number(written: str) -> int:
    """35 → 35, 三十五 → 35: below 10,000, all in digits or all in kanji."""
    if written.isdecimal():
        return int(written)
    total, digit = 0, 0
    for character in written:
        if character in _KANJI:
            digit = _KANJI[character]
        else:
            total, digit = total + (digit or 1) * _KANJI_TENS[character], 0
    return total + digit
