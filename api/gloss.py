"""A short answer in the asker's language: 5,784億元 is 578.4 billion yuan. It stands beside a quote, never in one."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from decimal import Decimal

from retriever.glossary import Entry

_FIGURE = re.compile(
    r"(?P<about>約|およそ|ほぼ|最大)?(?P<number>[0-9][0-9,.]*(?:[兆億万千百][0-9,.]*)*)\s*"
    r"(?P<unit>人民元|香港ドル|米ドル|ドル|ユーロ|元|円|社|人|名|台|件|倍|位|%|割|ポイント)?"
    r"(?P<bound>以上|以下|未満|超|余り|余)?"
)
_DATE = re.compile(r"(?P<year>[0-9]{4})年(?:(?P<month>[0-9]{1,2})月(?:(?P<day>[0-9]{1,2})日)?)?(?P<end>末)?")
_SCALES = {"兆": 12, "億": 8, "万": 4, "千": 3, "百": 2}
_ENGLISH_SCALES = ((12, "trillion"), (9, "billion"), (6, "million"))
_MONTHS = "January February March April May June July August September October November December".split()
_UNITS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "人民元": "yuan", "元": "yuan", "香港ドル": "Hong Kong dollars", "米ドル": "US dollars", "ドル": "dollars",
        "ユーロ": "euros", "円": "yen", "社": "companies", "人": "people", "名": "people", "台": "units", "件": "items",
        "倍": "times", "%": "percent", "ポイント": "points",
    },
    "zh": {
        "人民元": "元人民币", "元": "元", "香港ドル": "港元", "米ドル": "美元", "ドル": "美元", "ユーロ": "欧元",
        "円": "日元", "社": "家", "人": "人", "名": "名", "台": "台", "件": "项", "倍": "倍", "位": "位", "%": "%",
        "割": "成", "ポイント": "个百分点",
    },
}  # fmt: skip
_ABOUT = {"en": {"最大": "up to "}, "zh": {"最大": "最多"}}
_BOUNDS: Mapping[str, Mapping[str, str]] = {
    "en": {"以上": " or more", "以下": " or less", "未満": ", less than", "超": " and more", "余り": " and more"},
    "zh": {"以上": "以上", "以下": "以下", "未満": "以下", "超": "以上", "余り": "多", "余": "多"},
}


def gloss(text: str, language: str, entries: Sequence[Entry] = ()) -> str | None:
    """A figure, date or name in English or Chinese; `None` where that isn't known for sure."""
    if language not in _UNITS:
        return None
    written = unicodedata.normalize("NFKC", "".join(text.split()))
    for entry in entries:
        if written in (entry.ja, *entry.aliases):
            return entry.en if language == "en" else entry.zh
    if found := _DATE.fullmatch(written):
        return _date(found, language)
    if found := _FIGURE.fullmatch(written):
        return _figure(found, language)
    return None


def _date(found: re.Match[str], language: str) -> str:
    year, month, day, end = found.group("year", "month", "day", "end")
    if language == "zh":
        return found[0].replace("末", "底")
    date = " ".join(part for part in (day, _MONTHS[int(month) - 1] if month else None, year) if part)
    return f"end of {date}" if end else date


def _figure(found: re.Match[str], language: str) -> str | None:
    unit, about, bound = (found[name] or "" for name in ("unit", "about", "bound"))
    if language == "zh":
        number = found["number"].replace("億", "亿").replace("兆", "万亿")
        before = _ABOUT["zh"].get(about, "约" if about else "")
        return f"{before}{number}{_UNITS['zh'].get(unit, '')}{_BOUNDS['zh'].get(bound, '')}"
    amount = _amount(found["number"])
    if unit == "割":
        amount, unit = amount * 10, "%"
    if unit == "位":
        return f"rank {amount.normalize():f}"
    name = f" {_UNITS['en'][unit]}" if unit else ""
    before = _ABOUT["en"].get(about, "about " if about else "")
    return f"{before}{_english(amount)}{name}{_BOUNDS['en'].get(bound, '')}"


def _amount(number: str) -> Decimal:
    """1兆2,000億 → 1200000000000."""
    total, rest = Decimal(0), number.replace(",", "")
    for scale in _SCALES:
        before, mark, after = rest.partition(scale)
        if mark:
            total += Decimal(before or 1).scaleb(_SCALES[scale])
            rest = after
    return total + Decimal(rest or 0)


def _english(amount: Decimal) -> str:
    for power, word in _ENGLISH_SCALES:
        if amount >= Decimal(1).scaleb(power):
            return f"{amount.scaleb(-power).normalize():f} {word}"
    return f"{amount.normalize():,f}"
