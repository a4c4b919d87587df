"""The figures of a text, to compare two texts by: 5,784億元, 五千七百八十四億元 and 578.4 billion yuan are one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache

from api.citations.folding import fold
from api.citations.numerals import number_of, small_number
from retriever.numbers import other_forms
from retriever.records import Span
from retriever.text import variants, words

_DIGITS = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?"
_SCALE = r"(?:[ \u3000]?[百千]?[兆億万](?!博)|[百千])"
_KANJI = "〇一二三四五六七八九十百千"
_MONTHS = "january february march april may june july august september october november december".split()
_MONTH_NAME = "|".join(f"{name[:3]}(?:{name[3:]})?" for name in _MONTHS)
_IN_WORDS = {
    "2": "two double doubled doubling twice 倍増 翻番 翻一番",
    "3": "three triple tripled tripling",
    **{str(n): word for n, word in enumerate("four five six seven eight nine ten eleven twelve".split(), start=4)},
}
_PERCENT_IN_WORDS = {"50": "half 半数 半分 一半", "33.3": "one-third", "66.7": "two-thirds", "25": "one-quarter"}
_WORDS = {
    word: (Decimal(value), unit)
    for unit, table in (("", _IN_WORDS), ("%", _PERCENT_IN_WORDS))
    for value, written in table.items()
    for word in written.split()
}
_WORD = "|".join(
    rf"\b{word.replace('-', '[ -]')}\b" if word.isascii() else word for word in sorted(_WORDS, key=len, reverse=True)
)
_NUMBER = re.compile(
    rf"(?P<era>(?:令和|平成|昭和)(?:元|[0-9]+)年)"
    r"|(?<![0-9])(?P<year>(?:19|20)[0-9]{2})(?P<mark>[./-])(?P<month>[0-9]{1,2})(?P=mark)(?P<day>[0-9]{1,2})(?![0-9])"
    rf"|(?<![a-z])(?P<named>{_MONTH_NAME})\.?[ ](?:(?P<on>[0-9]{{1,2}}),?[ ])?(?P<of>(?:19|20)[0-9]{{2}})(?![0-9])"
    rf"|\b(?P<lone>{_MONTH_NAME})\b\.?(?:[ ](?P<lone_day>[0-9]{{1,2}})(?![0-9,.%]))?"
    rf"|(?P<words>{_WORD})"
    r"|百分之(?P<hundredths>[0-9]+(?:\.[0-9]+)?)"
    rf"|(?P<below>[0-9]+|[{_KANJI}])分[のの之](?P<above>[0-9]+|[{_KANJI}])"
    rf"|(?P<digits>{_DIGITS}{_SCALE}?(?:{_DIGITS}{_SCALE})*)"
    rf"(?P<english>[ \u3000]?(?:thousand|million|billion|trillion|mn|bn|tn)(?![a-z]))?"
    rf"|(?<![数何幾{_KANJI}万億兆])(?P<kanji>[{_KANJI}][{_KANJI}万億兆]*)",
    re.IGNORECASE,
)
_MINUS = re.compile(r"(?<![0-9A-Za-zぁ-ヿ一-鿿%)])[-−▲△]$")
_UNITS = {
    "%": "%|パーセント|percent|per cent",
    "ポイント": "ポイント|個百分点|percentage points?",
    "割": "割(?![合引り])|成(?![功立本果为為長长員员分績熟])",
    "元": "人民元|元(?![年素])|yuan|rmb",
    "香港ドル": "香港ドル|港ドル|港元",
    "ドル": "米ドル|ドル|美元|(?:us )?dollars?|usd",
    "円": "円|日元|yen",
    "ユーロ": "ユーロ|欧元|euros?",
    "社": "社|家(?![族電具庭])|compan(?:y|ies)|firms?",
    "人": "人|名|people",
    "台": "台|units?",
    "件": "件",
    "倍": "倍|times",
    "位": "位",
    "カ国": "[カヵヶケか箇個]国|countries",
    "カ月": "[カヵヶケか箇個]月|months?",
    "年度": "年度",
    "年": "年間?|years?",
    "月": "月",
    "日": "日間?|days?",
    "平方メートル": "㎡|平方メートル|平米|m[2²]",
}
_SIGN = re.compile(r"(US\$|HK\$|\$|RMB|CNY|USD|€)[ \u3000]?$", re.IGNORECASE)
_SIGNS = {"us$": "ドル", "hk$": "香港ドル", "$": "ドル", "usd": "ドル", "rmb": "元", "cny": "元", "€": "ユーロ"}
"""Before a number. ¥ is none: it may be yen or yuan."""
_UNIT = re.compile(
    "|".join(f"(?P<u{number}>{forms})" for number, forms in enumerate(_UNITS.values())) + "|(?P<latin>[a-z]+)",
    re.IGNORECASE,
)
_LONGEST_SIGN = 4
_TENTH = re.compile(r"([0-9一二三四五六七八九])分")
_BOUND = re.compile(r"(以上|超|余|強|を超|を上回|超過)|(以下|以内|未満|弱|を下回)")


@dataclass(frozen=True, slots=True)
class Figure:
    """`unit` is empty where none that is known follows, `bound` 1 for 以上 and its like, -1 for 未満 and its like.

    `number`: where the number stands, with its minus; `span`: the whole figure, $ or unit and bound included.
    """

    value: Decimal
    unit: str
    bound: int
    number: Span
    span: Span


def figures_in(text: str) -> list[Figure]:
    """In reading order. A number in kanji counts only before a unit: 一部 is none. Nor do ① and ²."""
    plain = text.translate(_plain_forms())
    found: list[Figure] = []
    end = 0
    while match := _NUMBER.search(plain, end):
        own = _read(plain, match)
        found += own
        end = own[-1].span[1] if own else match.end()
    return found


def _read(text: str, match: re.Match[str]) -> list[Figure]:
    if match["year"]:
        return _date(match)
    if match["named"]:
        return _english_date(match["of"], match["named"], match["on"], match.span())
    if match["lone"]:
        return _english_date(None, match["lone"], match["lone_day"], match.span()) if match["lone"][0].isupper() else []
    if match["words"] or match["hundredths"] or match["below"]:
        value, unit = _in_words(match)
        unit, end = (unit, match.end()) if unit else _unit(text, match.end())
        return [Figure(value, unit, 0, match.span(), (match.start(), end))]
    return _figure(text, match)


def _in_words(match: re.Match[str]) -> tuple[Decimal, str]:
    """Two thirds and 3分の2 are 66.7%, as far as that can be said."""
    if match["words"]:
        return _WORDS[match["words"].lower().replace(" ", "-")]
    if match["hundredths"]:
        return Decimal(match["hundredths"]), "%"
    below, above = (small_number(match[part]) for part in ("below", "above"))
    return round(Decimal(100 * above) / max(1, below), 1), "%"


def _date(match: re.Match[str]) -> list[Figure]:
    """2025.1.20, 2025/1/20 and 2025-01-20 are 2025年1月20日."""
    parts = zip(("year", "month", "day"), "年月日", strict=True)
    return [Figure(Decimal(match[part]), unit, 0, match.span(part), match.span(part)) for part, unit in parts]


def _english_date(year: str | None, name: str, day: str | None, span: Span) -> list[Figure]:
    """January 20, 2025 is 2025年1月20日."""
    month = next(n for n, known in enumerate(_MONTHS, start=1) if known.startswith(name.lower()))
    parts = [(year, "年"), (month, "月"), (day, "日")]
    return [Figure(Decimal(value), unit, 0, span, span) for value, unit in parts if value]


def _figure(text: str, match: re.Match[str]) -> list[Figure]:
    unit, end = _unit(text, match.end())
    value = _value(match)
    if value is None or (match["kanji"] and not unit):
        return []
    if match["era"]:
        unit, end = ("年度", end + 1) if text[end : end + 1] == "度" else ("年", match.end())
    if unit == "割":
        tenth = _TENTH.match(text, end)
        value, unit, end = value * 10 + (small_number(tenth[1]) if tenth else 0), "%", tenth.end() if tenth else end
    before = text[max(0, match.start() - _LONGEST_SIGN) : match.start()]
    sign, minus = _SIGN.search(before), bool(_MINUS.search(before))
    if sign and not unit:
        unit = _SIGNS[sign[1].lower()]
    bound = _BOUND.match(text, end)
    direction = (1 if bound[1] else -1) if bound else 0
    number = match.start() - minus, match.end()
    span = number[0] - (len(sign[0]) if sign else 0), bound.end() if bound else end
    return [Figure(-value if minus else value, unit, direction, number, span)]


def _unit(text: str, start: int) -> tuple[str, int]:
    """The unit after a number in its one form, and where it ends. Latin letters right behind are one: 671B, 5G."""
    spaced = start + (text[start : start + 1] in {" ", "\u3000"})
    found = _UNIT.match(text, spaced)
    if not found or (found["latin"] and spaced > start):
        return "", start
    if found["latin"]:
        return found["latin"].lower(), found.end()
    return list(_UNITS)[int(str(found.lastgroup)[1:])], found.end()


def _value(match: re.Match[str]) -> Decimal | None:
    if match["kanji"]:
        return _kanji_value(match["kanji"])
    written = match["digits"]
    if match["era"] or match["english"]:
        written = other_forms(match[0])[0].rstrip("年")
    return number_of(written.replace(" ", "").replace("\u3000", ""))


@lru_cache(maxsize=4096)
def _kanji_value(written: str) -> Decimal | None:
    """As the tokeniser reads it: 五千七百八十四億 → 578400000000."""
    read = "".join(words(written))
    return Decimal(read) if read.isdecimal() else None


class _PlainForms(dict[int, str]):
    """Character → folded, in the form that Japanese uses, where that is one character too."""

    def __missing__(self, code: int) -> str:
        folded = fold(chr(code))
        self[code] = folded.translate(variants()) if len(folded) == 1 else chr(code)
        return self[code]


@cache
def _plain_forms() -> _PlainForms:
    return _PlainForms()


def is_rounded(rough: Decimal, exact: Decimal) -> bool:
    """Whether one is the other to fewer digits, two at least: else it may be chance."""
    digits = len(rough.normalize().as_tuple().digits)
    return digits > 1 and bool(exact) and round(exact, digits - 1 - exact.adjusted()) == rough


def same(one: Figure, other: Figure) -> bool:
    """The same number of the same thing. A unit that isn't there, or isn't known, contradicts none."""
    units = one.unit == other.unit or not (one.unit and other.unit)
    return one.value == other.value and units and one.bound * other.bound >= 0


def agree(pasted: Sequence[Figure], found: Sequence[Figure]) -> bool:
    """Whether the found text has every figure of the pasted one, those of one unit in the same order.

    What only the found text has doesn't count: an article may leave out a clause, not change a figure.
    """
    return all(
        _in_order([f for f in pasted if f.unit == unit], [f for f in found if not (unit and f.unit) or f.unit == unit])
        for unit in {figure.unit for figure in pasted}
    )


def _in_order(pasted: Sequence[Figure], found: Sequence[Figure]) -> bool:
    left = iter(found)
    return all(any(same(figure, other) for other in left) for figure in pasted)
