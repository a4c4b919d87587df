"""The figures and dates of a text in Japanese, English or Chinese, in one form: 5,784億元 is 578.4 billion yuan.

Made to compare, not to show: what two texts write differently is equal here. For places in a text see `api.values`.
"""

import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from api.values import number_of

_DIGITS = r"[0-9][0-9,]*(?:\.[0-9]+)?"
_CURRENCIES = {
    "yuan": r"人民[元币]|元(?!年)|yuan|rmb|cny|renminbi",
    "dollar": r"米ドル|香港ドル|ドル|美元|港元|(?:us |hong kong )?dollars?|usd",
    "yen": r"円|日元|yen|jpy",
    "euro": r"ユーロ|欧元|euros?|eur",
}
_SIGNS = {"$": "dollar", "¥": "", "€": "euro"}
_CURRENCY = "|".join(f"(?P<{name}>{pattern})" for name, pattern in _CURRENCIES.items())
_ENGLISH_SCALES = {"thousand": 3, "million": 6, "mn": 6, "billion": 9, "bn": 9, "trillion": 12, "tn": 12}
_STARTS = r"(?<![0-9.,])(?<![A-Za-z])(?<![A-Za-z][-‐])"
"""Not within a figure, nor in a name such as GPT-4 or H100."""
_APART = re.compile(r"(?<=[0-9]) +(?=[兆億亿万千百元円%年月日])")
_AMOUNT = re.compile(
    rf"{_STARTS}(?P<sign>[$¥€])?(?P<number>{_DIGITS}(?:[百千]?[兆億亿万]|[百千])?(?:{_DIGITS}[百千]?[億亿万])*)"
    rf"(?:[ -]?(?P<scale>{'|'.join(_ENGLISH_SCALES)})\b)?余? ?(?:{_CURRENCY})?",
    re.IGNORECASE,
)
_SHARE = re.compile(
    rf"{_STARTS}(?P<percent>{_DIGITS})[ -]?(?:%|percent|per cent|パーセント|ポイント|(?:個)?百分点)"
    r"|百分之(?P<hundredths>[0-9.]+)"
    r"|(?P<tenths>[1-9一二三四五六七八九])[割成](?:(?P<rest>[1-9一二三四五六七八九])分)?(?![合引功立本果])"
    r"|(?P<below>[0-9一二三四五六七八九十]+)分[のの之](?P<above>[0-9一二三四五六七八九十]+)",
    re.IGNORECASE,
)
_MONTHS = "january february march april may june july august september october november december".split()
_MONTH_NAMES = "|".join(f"{name}|{name[:3]}" for name in _MONTHS)
_DATE = re.compile(
    r"(?<![0-9.])(?P<dotted_year>(?:19|20)[0-9]{2})\.(?P<dotted_month>1[0-2]|0?[1-9])"
    r"(?:\.(?P<dotted_day>[0-9]{1,2}))?(?![0-9])"
    r"|(?<![0-9A-Za-z])(?P<year>(?:19|20)[0-9]{2})"
    r"(?:年(?P<end>[末底])?|(?![.,]?[0-9]|[%兆億亿万千百元円社人名台件個家]))"
    r"(?:(?P<month>1[0-2]|0?[1-9])月(?:(?P<day>[0-9]{1,2})日)?)?"
    r"|(?P<era>令和|平成)(?P<era_year>[0-9]+|元)年"
    r"|(?<![0-9])(?P<lone_month>1[0-2]|0?[1-9])月(?:(?P<lone_day>[0-9]{1,2})日)?"
    rf"|\b(?:(?P<day_before>[0-9]{{1,2}}) )?(?P<name>{_MONTH_NAMES})\.?\b"
    r"(?: (?P<day_after>[0-9]{1,2})(?:st|nd|rd|th)?\b)?",
    re.IGNORECASE,
)
_ERAS = {"令和": 2018, "平成": 1988}
_KANJI = {kanji: number for number, kanji in enumerate("一二三四五六七八九十", start=1)} | {"两": 2, "兩": 2}
_KANJI_COUNT = re.compile(
    r"(?<![第一二三四五六七八九十百千])[二三四五六七八九十两](?=[つ社人名種年回点段大個家种项項次类類位倍台款])"
)
_AMOUNTS_IN_WORDS = {
    2: "two double doubled doubling twice 倍増 翻番 翻一番",
    3: "three triple tripled tripling",
    **dict(enumerate("four five six seven eight nine ten eleven twelve".split(), start=4)),
}
_SHARES_IN_WORDS = {
    "50": "half 半数 半分 一半",
    "33.3": "one-third",
    "66.7": "two-thirds",
    "25": "one-quarter",
    "20": "one-fifth",
}
_LEAST_DIGITS = 2
"""So many significant digits make a figure a rounding of another, not a coincidence."""


class Figure(NamedTuple):
    """`kind`: year, month, day, share (in percent) or amount; `unit`: a currency or nothing."""

    kind: str
    value: Decimal
    unit: str = ""


_IN_WORDS = {
    word: Figure(kind, Decimal(value))
    for kind, table in (("amount", _AMOUNTS_IN_WORDS), ("share", _SHARES_IN_WORDS))
    for value, written in table.items()
    for word in written.split()
}
_ENGLISH_WORDS = "|".join(w.replace("-", "[ -]") for w in sorted(_IN_WORDS, key=len, reverse=True) if w.isascii())
_KANJI_WORDS = "|".join(word for word in _IN_WORDS if not word.isascii())
_WORD = re.compile(rf"\b(?:{_ENGLISH_WORDS})\b|{_KANJI_WORDS}", re.IGNORECASE)


def figures_in(text: str) -> frozenset[Figure]:
    """All of them; each part of a date is one. What is read as a date or share is not read as an amount again."""
    rest = unicodedata.normalize("NFKC", text).replace("万億", "兆").replace("万亿", "兆")
    rest = _APART.sub("", rest)
    found: list[Figure] = []
    for pattern, read in ((_DATE, _date), (_SHARE, _share), (_AMOUNT, _amount), (_WORD, _word), (_KANJI_COUNT, _count)):
        for match in pattern.finditer(rest):
            found += read(match)
        rest = pattern.sub(lambda match: " " * len(match[0]), rest)
    return frozenset(found)


def unsaid(said: Iterable[Figure], held: Iterable[Figure]) -> list[Figure]:
    """Those of a sentence that its evidence doesn't hold, also not rounded."""
    known = list(held)
    return [figure for figure in said if not any(agree(figure, other) for other in known)]


def agree(said: Figure, held: Figure) -> bool:
    """Whether one is the other, or the other rounded."""
    if said.kind != held.kind or (said.unit and held.unit and said.unit != held.unit):
        return False
    return said.value == held.value or (said.kind in ("amount", "share") and _is_rounded(said.value, held.value))


def _is_rounded(rough: Decimal, exact: Decimal) -> bool:
    digits = len(rough.normalize().as_tuple().digits)
    if digits < _LEAST_DIGITS or not exact:
        return False
    return round(exact, digits - 1 - exact.adjusted()) == rough


def _date(found: re.Match[str]) -> list[Figure]:
    parts: list[tuple[str, str | int | None]] = [
        ("year", found["year"] or found["dotted_year"]),
        ("month", found["month"] or found["dotted_month"] or found["lone_month"] or (12 if found["end"] else None)),
        ("day", found["day"] or found["dotted_day"] or found["lone_day"] or found["day_before"] or found["day_after"]),
    ]
    if found["era"]:
        parts.append(("year", _ERAS[found["era"]] + (1 if found["era_year"] == "元" else int(found["era_year"]))))
    if found["name"]:
        parts.append(("month", next(n for n, m in enumerate(_MONTHS, 1) if m.startswith(found["name"].lower()[:3]))))
    return [Figure(kind, Decimal(value)) for kind, value in parts if value]


def _share(found: re.Match[str]) -> list[Figure]:
    if found["below"]:
        below, above = _small(found["below"]), _small(found["above"])
        return [Figure("share", round(Decimal(100) * above / below, 1))] if below else []
    if found["tenths"]:
        return [Figure("share", Decimal(10 * _small(found["tenths"]) + _small(found["rest"] or "0")))]
    return [Figure("share", Decimal((found["percent"] or found["hundredths"]).replace(",", "")))]


def _amount(found: re.Match[str]) -> list[Figure]:
    number = number_of(found["number"])
    if number is None:
        return []
    scale = _ENGLISH_SCALES.get((found["scale"] or "").lower(), 0)
    unit = next((name for name in _CURRENCIES if found[name]), _SIGNS.get(found["sign"] or "", ""))
    return [Figure("amount", number.scaleb(scale), unit)]


def _word(found: re.Match[str]) -> list[Figure]:
    return [_IN_WORDS[found[0].lower().replace(" ", "-")]]


def _count(found: re.Match[str]) -> list[Figure]:
    return [Figure("amount", Decimal(_KANJI[found[0]]))]


def _small(written: str) -> int:
    return _KANJI.get(written) or (int(written) if written.isdecimal() else 0)
