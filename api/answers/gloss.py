"""A short answer in the asker's language: 5,784億元 is 578.4 billion yuan. It stands beside a quote, never in one."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType

from api.citations.numerals import number_of
from retriever.glossary import Entry

_FIGURE = re.compile(
    r"(?P<about>約|およそ|ほぼ|最大)?(?P<number>[0-9][0-9,.兆億万千百]*)"
    r"(?P<unit>人民元|香港ドル|米ドル|ドル|ユーロ|元|円|社|人|名|台|倍|位|%|割)"
    r"(?P<bound>以上|以下|未満|超|余り|余)?"
)
_DATE = re.compile(
    r"(?P<year>[0-9]{4})(?:年(?:(?P<month>1[0-2]|[1-9])月(?:(?P<day>[12][0-9]|3[01]|[1-9])日)?)?(?P<end>末)?"
    r"|\.(?P<dotted_month>1[0-2]|0?[1-9])(?:\.(?P<dotted_day>[12][0-9]|3[01]|0?[1-9]))?)"
)
_ENGLISH_SCALES = ((12, "trillion"), (9, "billion"), (6, "million"))
_MONTHS = "January February March April May June July August September October November December".split()
_UNITS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "人民元": "yuan", "元": "yuan", "香港ドル": "Hong Kong dollars", "米ドル": "US dollars", "ドル": "dollars",
        "ユーロ": "euros", "円": "yen", "社": "companies", "人": "people", "名": "people", "台": "units", "倍": "times",
        "%": "percent",
    },
    "zh": {
        "人民元": "元人民币", "元": "元", "香港ドル": "港元", "米ドル": "美元", "ドル": "美元", "ユーロ": "欧元",
        "円": "日元", "社": "家", "人": "人", "名": "名", "台": "台", "倍": "倍", "位": "位", "%": "%", "割": "成",
    },
}  # fmt: skip
_SINGULARS = {"companies": "company", "people": "person", "units": "unit", "times": "time"}
_BOUNDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "以上": "at least {}", "以下": "at most {}", "未満": "less than {}", "超": "more than {}",
        "余り": "more than {}", "余": "more than {}",
    },
    "zh": {"以上": "至少{}", "以下": "至多{}", "未満": "不到{}", "超": "超过{}", "余り": "超过{}", "余": "超过{}"},
}  # fmt: skip


Names = Mapping[str, Entry | None]
"""Form, as reports write it → what it means; `None` where it means several things."""


def names_of(entries: Sequence[Entry]) -> Names:
    names: dict[str, Entry | None] = {}
    for entry in entries:
        for form in {_squeezed(form) for form in (entry.ja, *entry.aliases)}:
            names[form] = None if form in names else entry
    return names


def gloss(text: str, language: str, names: Names = MappingProxyType({})) -> str | None:
    """A figure, date or name in English or Chinese; `None` where that isn't known for sure."""
    if language not in _UNITS:
        return None
    written = _squeezed(text)
    if written in names:
        entry = names[written]
        return None if entry is None else entry.en if language == "en" else entry.zh
    if found := _DATE.fullmatch(written):
        return _date(found, language)
    if found := _FIGURE.fullmatch(written):
        return _figure(found, language)
    return None


def _squeezed(text: str) -> str:
    return unicodedata.normalize("NFKC", "".join(text.split()))


def _date(found: re.Match[str], language: str) -> str:
    month, day = found["month"] or found["dotted_month"], found["day"] or found["dotted_day"]
    if language == "zh":
        parts = [found["year"] + "年", f"{int(month)}月" if month else "", f"{int(day)}日" if day else ""]
        return "".join(parts) + ("底" if found["end"] else "")
    date = " ".join([*([str(int(day))] if day else []), *([_MONTHS[int(month) - 1]] if month else []), found["year"]])
    return f"end of {date}" if found["end"] else date


def _figure(found: re.Match[str], language: str) -> str | None:
    number, unit, bound = number_of(found["number"]), found["unit"], found["bound"]
    about = found["about"] or ""
    if number is None or (about and bound):
        return None
    told = _chinese(found["number"], unit) if language == "zh" else _english(number, unit)
    if about:
        before = {"en": ("up to ", "about "), "zh": ("最多", "约")}[language][about != "最大"]
        return before + told
    return _BOUNDS[language][bound].format(told) if bound else told


def _chinese(number: str, unit: str) -> str:
    return number.replace("億", "亿").replace("兆", "万亿") + _UNITS["zh"][unit]


def _english(number: Decimal, unit: str) -> str:
    if unit == "位":
        return f"rank {number.normalize():f}"
    if unit == "割":
        number, unit = number * 10, "%"
    name = _UNITS["en"][unit]
    if number == 1:
        name = _SINGULARS.get(name, name)
    for power, word in _ENGLISH_SCALES:
        if number >= Decimal(1).scaleb(power):
            return f"{number.scaleb(-power).normalize():f} {word} {name}"
    return f"{number.normalize():,f} {name}"
