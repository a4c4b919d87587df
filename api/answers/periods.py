"""The time that a statement holds for: a year, 年度 or month as a sentence names it."""

import re
import unicodedata
from typing import NamedTuple

from retriever.numbers import other_forms
from retriever.text import normalise

_NAMED = re.compile(
    r"(?:(?P<year>(?:19|20)[0-9]{2})|(?P<era>令和|平成)(?P<count>[0-9]{1,2}|元)|(?<![0-9~〜-])(?P<short>[0-9]{2}))年"
    r"(?P<fiscal>度)?(?P<end>末)?(?:(?P<month>1[0-2]|[1-9])月|(?P<part>第?[1-4一二三四]四半期|[上下前後]半期?|[春夏秋冬]))?"
)
_YEAR = re.compile(r"(?<![0-9])(?:19|20)[0-9]{2}(?![0-9])")
_ERAS = {"令和": 2018, "平成": 1988}
_RELATIVE = re.compile(r"前年(?!比|同期比)|昨年|翌年|来年|一昨年|前年度|昨年度|同年")
_CENTURY = 2000
_DECEMBER = 12


class Period(NamedTuple):
    """`is_end`: of a year (末); `part`: 上半期, 第1四半期 and the like."""

    year: int
    is_fiscal: bool = False
    month: int | None = None
    is_end: bool = False
    part: str = ""

    def meets(self, other: "Period") -> bool:
        """Whether both name the same time; a year meets its own end, no month or quarter within it."""
        same_kind = (self.year, self.is_fiscal, self.part) == (other.year, other.is_fiscal, other.part)
        end_in_december = (self.is_end and other.month == _DECEMBER) or (other.is_end and self.month == _DECEMBER)
        return same_kind and (self.month == other.month or end_in_december)

    def __str__(self) -> str:
        if self.is_fiscal or self.part:
            return f"{self.year}年{'度' if self.is_fiscal else ''}{self.part}"
        month = self.month or (_DECEMBER if self.is_end else None)
        return f"{self.year}-{month:02}" if month else str(self.year)


def periods_in(text: str) -> list[Period]:
    """In reading order. Two digits are a year where a month, 末 or 度 follows, or an apostrophe stands before."""
    return [period for found in _NAMED.finditer(unicodedata.normalize("NFKC", text)) if (period := _period(found))]


def years_in(text: str) -> frozenset[str]:
    """All that are named, those told by eras (令和7年), too."""
    return frozenset(_YEAR.findall(" ".join((normalise(text), *other_forms(text)))))


def is_relative(text: str) -> bool:
    """Whether a time is told by another one (前年の…)."""
    return bool(_RELATIVE.search(text))


def published_in(date: str | None) -> Period | None:
    """The year of an ISO date."""
    return Period(int(date[:4])) if date else None


def _period(found: re.Match[str]) -> Period | None:
    if found["short"] and not (found["month"] or found["end"] or found["fiscal"]):
        return None
    if found["era"]:
        count = 1 if found["count"] == "元" else int(found["count"])
        year = _ERAS[found["era"]] + count
    else:
        year = int(found["year"]) if found["year"] else _CENTURY + int(found["short"])
    month = int(found["month"]) if found["month"] else None
    is_end = bool(found["end"]) and not found["fiscal"]
    return Period(year, bool(found["fiscal"]), month, is_end, found["part"] or "")
