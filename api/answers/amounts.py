"""Figures of a text as intervals in one unit, so that two of them can be compared: 約3割 is 25 to 35 %."""

import re
import unicodedata
from decimal import Decimal
from typing import NamedTuple

from api.answers.values import Value
from api.citations.numerals import number_of, small_number

_DIGITS = r"[0-9][0-9,]*(?:\.[0-9]+)?"
_FIGURE = rf"{_DIGITS}[百千]?[兆億亿万]?(?:(?<=[兆億亿万]){_DIGITS}[百千]?[億亿万]?)*"
_WRITTEN = re.compile(
    rf"(?P<about>約|およそ|ほぼ)?(?P<most>最大)?(?P<sign>[-−▲△])?"
    rf"(?:(?P<first>{_FIGURE})[^0-9]{{0,2}}?(?:[~〜]|から))?"
    rf"(?:(?P<number>{_FIGURE})|(?P<kanji>[一二三四五六七八九十百千]+))"
    r"(?P<more>余り|余|大)?(?P<unit>[^0-9]*?(?P<rest>[0-9一二三四五六七八九]分)?(?P<parts>[0-9一二三四五六七八九十]+)?)"
    r"(?P<bound>以上|以下|未満|超|余り|余|強|弱|前後|程度|近く)?"
)
_SCALE = re.compile(r"[百千]?[兆億亿万]$")
_SAME_UNITS = (
    ("元", "人民元"), ("ドル", "米ドル"), ("%", "パーセント"), ("人", "名", "者"), ("カ国", "か国", "ヵ国", "ヶ国"),
    ("カ所", "か所", "ヶ所", "箇所"), ("カ月", "か月", "ヶ月"), ("店", "店舗"), ("件", "個", "つ"), ("km", "キロ"),
    ("平方メートル", "平米", "㎡"),
)  # fmt: skip
_UNITS = {unicodedata.normalize("NFKC", unit): units[0] for units in _SAME_UNITS for unit in units}
_ABOVE = re.compile(r"\s*(?:以上|超|余|[をに](?:大きく)?(?:超|上回|突破)|の大台)")
_BELOW = re.compile(r"\s*(?:以下|以内|未満|弱|に満たな|に迫|に届かな|に達しな|を(?:大きく)?(?:下回|割り?込|切))")
_LEAST, _MOST = re.compile(r"(?:少なくとも|最低でも)\s*$"), re.compile(r"(?:最大で?も?|最高で?|多くて|上限)\s*$")
_ROUGHLY = re.compile(r"(?:約|およそ|ほぼ|おおむね|概ね|ざっと|推定で?)\s*$")
_OPEN = Decimal(10)
"""以上 reaches up to ten times its figure: who means a million doesn't write "over ten thousand"."""
_HALF = Decimal("0.499")
"""So that 16 and 17 have no border in common."""
_ROUNDED, _ROUGH, _ROUGHEST, _COARSE = Decimal("0.025"), Decimal("0.05"), Decimal("0.1"), Decimal("0.15")
"""Shares of a figure: noughts that may be rounded, 約, the most that 約 covers, and one digit before 万 or 億."""


class Amount(NamedTuple):
    """From `low` to `high`, bounds included; `unit` in one spelling."""

    low: Decimal
    high: Decimal
    unit: str

    def agrees_with(self, other: "Amount") -> bool:
        return self.low <= other.high and other.low <= self.high


def amount_of(value: Value, text: str) -> Amount | None:
    """What a figure of a text says, with the words around it (少なくとも…, …を超えた); `None` where it isn't one
    figure with a unit."""
    found = _WRITTEN.fullmatch(unicodedata.normalize("NFKC", "".join(value.text.split())))
    if not found or not found["unit"]:
        return None
    number, unit = _number(found), found["unit"]
    if number is None:
        return None
    if "分の" in unit:
        return _fraction(number, unit)
    step, factor = _step(found), Decimal(1)
    if unit.startswith("割"):
        step = Decimal(1) if not found["rest"] else Decimal("0.1")
        number += Decimal(small_number(found["rest"][0])) / 10 if found["rest"] else 0
        unit, factor = "%", Decimal(10)
    low, high = _interval(found, number, step, value, text)
    first = _first(found)
    if first is not None:
        low = min(first, number)
    sign = -1 if found["sign"] else 1
    ends = sorted((low * factor * sign, high * factor * sign))
    return Amount(ends[0], ends[1], _UNITS.get(unit, unit))


def _number(found: re.Match[str]) -> Decimal | None:
    return number_of(found["number"]) if found["number"] else Decimal(small_number(found["kanji"]))


def _fraction(whole: Decimal, unit: str) -> Amount | None:
    """3分の2 → 66.7 %, a point more or less."""
    parts = unit.removeprefix("分の")
    if not parts or not whole:
        return None
    share = 100 * small_number(parts) / whole
    return Amount(share - 1, share + 1, "%")


def _first(found: re.Match[str]) -> Decimal | None:
    """The lower end of a range: 30~40億 begins at 30億."""
    if not found["first"]:
        return None
    scale = _SCALE.search(found["number"] or "")
    written = found["first"] if _SCALE.search(found["first"]) or not scale else found["first"] + scale[0]
    return number_of(written)


def _step(found: re.Match[str]) -> Decimal:
    """The worth of the last digit that is written and isn't nought: 100 in 4,500, 1億 in 5,784億, 0.1 in 1.2."""
    written = found["number"]
    if not written:
        return Decimal(1)
    last = re.findall(rf"{_DIGITS}[百千]?[兆億亿万]?", written)[-1]
    digits = re.match(_DIGITS, last)
    scale = number_of("1" + last[digits.end() :]) if digits else None
    plain = digits[0].replace(",", "") if digits else ""
    places = len(plain.partition(".")[2])
    noughts = 0 if places else len(plain) - len(plain.rstrip("0"))
    return (scale or Decimal(1)).scaleb(noughts - places)


def _interval(found: re.Match[str], number: Decimal, step: Decimal, value: Value, text: str) -> tuple[Decimal, Decimal]:
    """A plain figure may be rounded: by half of its last digit, by noughts a little only."""
    before, after = text[: value.start], text[value.end :]
    bound, half = found["bound"] or "", step * _HALF
    if found["unit"].startswith("割"):
        half = step * (Decimal("0.5") if found["about"] else Decimal("0.4"))
    elif (found["number"] or "").rstrip("兆億亿万千百").endswith("0") and "." not in (found["number"] or ""):
        half = min(half, _ROUNDED * number)
    elif re.search("[兆億亿万]", found["number"] or ""):
        half = min(half, _COARSE * number)
    if found["about"] or bound in ("前後", "程度") or _ROUGHLY.search(before):
        half = max(half, _ROUGH * number, min(step * _HALF, _ROUGHEST * number))
    if bound == "強":
        return number, number + step * Decimal("0.4")
    if bound == "弱":
        return number - step * Decimal("0.4"), number
    if bound == "近く":
        return number * (1 - _ROUGHEST), number
    if found["more"] or bound in ("以上", "超", "余り", "余") or _ABOVE.match(after) or _LEAST.search(before):
        return number, number * _OPEN
    if found["most"] or bound in ("以下", "未満") or _BELOW.match(after) or _MOST.search(before):
        return number / _OPEN, number
    return number - half, number + half
