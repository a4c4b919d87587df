"""What of a thing a question asks for: why, who, where, when, how much, how, or what it is."""

import re
import unicodedata
from functools import lru_cache

from api.answers.expected import FIGURES, expected
from api.answers.periods import years_in

_REASON = re.compile(
    r"なぜ|何故|なんで(?![すしもあは])|どうして(?!い[るまた])|理由|原因|(?<!教育)(?<!官方)背景|要因|わけ[はをがで]|動機|きっかけ|"
    r"动机|为什么|(?<!视)为何(?!种)|缘何|(?<!如)何以|怎么会|哪些因素|"
    r"\bwhy\b|\breasons?\b|\bwhat factors\b|\bwhat caused\b|\bthe causes? of\b|\bmotiv|"
    r"\bwhat (?:led|drove|prompted|made)\b(?! in\b|-in\b)",
    re.IGNORECASE,
)
_WHO = re.compile(
    r"(?:どこ|どちら|どの|何という|何の)の?(?:会社|企業|社|機関|大学|メーカー|チーム|団体|組織|省庁|部門)|"
    r"(?:会社|企業|メーカー|社)名|(?:会社|企業|メーカー|社|大学|機関|団体)(?:は|って)?どこ|どこ[がと](?![優強違弱異難])|"
    r"哪几?家|哪一家|哪[个些所](?:公司|企业|机构|部门|大学|团队|单位|组织)|"
    r"\bwhich (?:[\w-]+ ){0,3}?(?:compan(?:y|ies)|firms?|organi[sz]ations?|agenc(?:y|ies)|institutions?|"
    r"universit(?:y|ies)|vendors?|suppliers?|makers?|manufacturers?|startups?|ministr(?:y|ies))\b|"
    r"\bwhat (?:company|firm|organi[sz]ation)\b",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"どこ(?!まで|から)|何処|どの(?:都市|市|省|地域|国)|(?:所在地|場所|拠点|本社)(?:は|って|を教)|"
    r"哪里|哪儿|何处|在哪(?![些个几])|哪[个些](?:城市|国家|省|地区)|哪国|"
    r"^where\b|\bwhere (?:is|are|was|were|do|does|did|will|can)\b|"
    r"\b(?:which|what) (?:cit(?:y|ies)|countr(?:y|ies)|provinces?|regions?)\b",
    re.IGNORECASE,
)
_MANNER = re.compile(
    r"どのように|どうやって|どんな方法|どう(?:変え|使|活用|位置|対応)|仕組み|方法|手順|いかに|如何|怎么|怎样|"
    r"\bhow (?:do|does|did|is|are|was|were|can|could|will|would|should|has|have|to)\b",
    re.IGNORECASE,
)
_OTHERS = (("who", _WHO), ("place", _PLACE), ("manner", _MANNER))


@lru_cache(maxsize=32768)
def aspect_of(question: str) -> str:
    """The first that its words name, `what` where they name none, as where they ask what something is. Persons and
    companies are one: either may have done it. The written questions come again and again: theirs are remembered."""
    text = unicodedata.normalize("NFKC", question)
    if _REASON.search(text):
        return "reason"
    kinds = expected(question).kinds
    if kinds:
        return "who" if kinds == ("person",) else "count" if kinds == FIGURES else kinds[0]
    return next((name for name, pattern in _OTHERS if pattern.search(text)), "what")


def asks_same(question: str, other: str) -> bool:
    """Whether another question asks for the same thing, and not of another year."""
    return aspect_of(question) == aspect_of(other) and not _is_of_another_year(other, _years_asked(question))


_years_asked = lru_cache(maxsize=16)(years_in)
"""One question is compared with many."""


def _is_of_another_year(question: str, years: frozenset[str]) -> bool:
    told = years_in(question) if years else frozenset()
    return bool(told) and not told & years
