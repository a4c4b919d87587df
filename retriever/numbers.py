"""The same number as reports write it: 578.4 billion = 5784億, 30% = 3割, 令和7年 = 2025年.

Sudachi already brings 5,784億 and 578400000000 to one form; what is left are English scales, tenths and eras.
"""

import re
from decimal import Decimal

from retriever.text import normalise

_ENGLISH = re.compile(
    r"(?<![0-9.,])([0-9][0-9,]*(?:\.[0-9]+)?)\s*(thousand|million|billion|trillion|mn|bn|tn)\b", re.IGNORECASE
)
_SCALES = {"thousand": 3, "million": 6, "mn": 6, "billion": 9, "bn": 9, "trillion": 12, "tn": 12}
_PERCENT = re.compile(
    r"(?<![0-9.,])([0-9]{1,3})\s*(?:%|percent|per cent|パーセント)|百分之([0-9]{1,3})(?![0-9.])", re.IGNORECASE
)
_TENTHS = re.compile(
    r"(?<![0-9.,])([1-9])割(?:([0-9])分)?|(?<![一-鿿])([一二三四五六七八九])割(?![当合引])(?:([一二三四五六七八九])分)?"
    r"|(?<![一-鿿0-9.])([一二三四五六七八九1-9])成(?!功|立|本|果|为|為|長|长|员|員)"
)
_ERA = re.compile(r"(令和|平成|昭和)(元|[0-9]+)年")
_FIRST_YEARS = {"令和": 2019, "平成": 1989, "昭和": 1926}
_KANJI = {kanji: number for number, kanji in enumerate("一二三四五六七八九", start=1)}


def other_forms(question: str) -> list[str]:
    """How a Japanese report could write the numbers of a question, other than it does."""
    text = normalise(question)
    found = [_whole(Decimal(n.replace(",", "")).scaleb(_SCALES[s.lower()])) for n, s in _ENGLISH.findall(text)]
    for before, after in _PERCENT.findall(text):
        tenths, rest = divmod(int(before or after), 10)
        if 0 < tenths <= 10:
            found.append(f"{tenths}割{f'{rest}分' if rest else ''}")
    for number, rest, kanji, kanji_rest, chinese in _TENTHS.findall(text):
        found.append(f"{10 * _digit(number or kanji or chinese) + _digit(rest or kanji_rest)}%")
    found += [f"{_FIRST_YEARS[era] + (1 if year == '元' else int(year)) - 1}年" for era, year in _ERA.findall(text)]
    return found


def _digit(written: str) -> int:
    return _KANJI.get(written) or int(written or 0)


def _whole(number: Decimal) -> str:
    return format(number.normalize(), "f")
