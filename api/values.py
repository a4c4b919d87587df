"""Figures, dates and names in a text, and which of them a question asks for."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from retriever.text import normalise

_DIGITS = r"[0-9０-９](?:[0-9０-９]|[,.，．](?=[0-9０-９]))*"
_NUMBER = rf"(?:{_DIGITS}[兆億亿万千百]*(?:{_DIGITS}[兆億亿万千百]*)*|[数一二三四五六七八九十百千]+[兆億亿万千百]*)"
_ABOUT = r"(?:約|およそ|ほぼ|最大)?"
_MORE_OR_LESS = r"(?:以上|以下|未満|超|余り|余|強|弱|前後|程度|近く)"
_BOUND = rf"{_MORE_OR_LESS}?"
_MONEY = r"(?:人民元|香港ドル|米ドル|ドル|ユーロ|元|円|ウォン)"
_SHARE = (
    r"(?:[%％]|パーセント|割(?:[0-9０-９一二三四五六七八九]分)?(?![合引り])|ポイント"
    r"|分の[0-9０-９一二三四五六七八九十]+)"
)
_COUNTERS = (
    "社|者|人|名|台|件|種類|種|個|カ国|か国|ヵ国|ヶ国|カ所|か所|ヶ所|箇所|店舗|店|校|大学|回|本|枚|位|倍|つ|カ月|か月|ヶ月|年間|"
    "日間|週間|時間|分間|分|秒|ユーザー|モデル|パラメータ|トークン|項目|項|条|点|機関|都市|省|地域|団体|言語|語|字|冊|基|車種|"
    "平方メートル|平米|㎡|メートル|km|キロ|ミクロン|ナノ|nm|GB|TB|TOPS|P?FLOPS|MW|kW|ドット|度|卡|カード|校|拠点|分野|"
    "科目"
)
_YEAR = r"(?:[0-9０-９]{4}|令和[0-9元]+|平成[0-9元]+)"
_DATE = (
    rf"{_YEAR}(?:[~～〜-]{_YEAR})?年(?:度|末|初め|初頭|半ば)?(?:[0-9０-９]{{1,2}}月(?:[0-9０-９]{{1,2}}日|[上中下]旬|末)?"
    rf"|[春夏秋冬]|[上下前後]半期?|[1-4一二三四]四半期)?"
    r"|[0-9０-９]{1,2}月(?:[0-9０-９]{1,2}日(?:[~～〜-](?:[0-9０-９]{1,2}月)?[0-9０-９]{1,2}日)?|[上中下]旬|末)?"
)
_PERSON = (
    r"(?:[ァ-ヶー・＝]{3,}|[一-鿿々]{2,4}?|[A-Z][A-Za-z.'-]+(?: [A-Z][A-Za-z.'-]+)*)"
    r"(?=\s?(?:氏|首相|総理|国家主席|会長|社長|総裁|教授|博士|議長|書記|院士|さん|（[A-Z][a-z]+ [A-Z][^）]*）氏))"
)
_PATTERNS = {
    "date": re.compile(_DATE),
    "money": re.compile(rf"{_ABOUT}{_NUMBER}{_MONEY}{_BOUND}"),
    "share": re.compile(rf"{_ABOUT}{_NUMBER}{_SHARE}{_BOUND}"),
    "count": re.compile(
        rf"(?<![第0-9０-９.,，．]){_ABOUT}(?:{_DIGITS}[~～〜])?{_NUMBER}(?:大?(?:{_COUNTERS})|(?=[のを、）)])|(?={_MORE_OR_LESS})){_BOUND}"
    ),
    "person": re.compile(_PERSON),
}
FIGURES = ("money", "share", "count")


@dataclass(frozen=True, slots=True)
class Value:
    """`kind`: date, money, share, count or person; `start`, `end` in the text."""

    kind: str
    text: str
    start: int
    end: int


class Expected(NamedTuple):
    """`kinds` of value that would answer a question; `unit` that it names itself, as 社 in 何社."""

    kinds: tuple[str, ...]
    unit: str = ""


NOTHING = Expected(())


@lru_cache(maxsize=4096)
def values_in(text: str) -> tuple[Value, ...]:
    """In reading order, none over another: a date is no count of 年."""
    found: list[Value] = []
    for kind, pattern in _PATTERNS.items():
        for match in pattern.finditer(text):
            if not any(match.start() < v.end and v.start < match.end() for v in found):
                found.append(Value(kind, match[0], match.start(), match.end()))
    return tuple(sorted(found, key=lambda value: value.start))


_ASKED: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = (
    (
        ("date",),
        re.compile(
            r"いつ(?!も)|何年(?!間)|何月|何日(?!間)|年月日?|時期|日付|"
            r"什么时候|何时|哪一?[年天月]|哪几[天年]|几月|时间(?:是|$)|年份|"
            r"\bwhen\b|(?:what|which|in what) (?:year|month|date|day)\b|\b(?:launch|release) date\b",
            re.IGNORECASE,
        ),
    ),
    (
        ("share",),
        re.compile(
            r"何割|何[%％]|何パーセント|何分の|割合|比率|シェア|占有率|(?:成長|採択|増加|伸び|占有|利用|普及|自給|国産)率|"
            r"占比|比例|百分之[几多]|份额|增长率|增速|几成|[%％]$|"
            r"\b(?:share|percent|percentage|proportion|rate)\b|what fraction",
            re.IGNORECASE,
        ),
    ),
    (
        ("money",),
        re.compile(
            r"いくら|幾ら|何[兆億万千百]*(?:元|ドル|円)|金額|価格|値段|料金|費用|コスト|売上|予算|(?:投資|調達|融資|資金|総|補助)額|時価総額|"
            r"多少(?:亿|万)?(?:元|钱|美元)|金额|营收|售价|价格是|融资额|投资额|成本|"
            r"\bhow much\b|\b(?:price|cost|revenue|budget|funding|valuation)\b|how many (?:yuan|dollars|rmb)",
            re.IGNORECASE,
        ),
    ),
    (
        ("person",),
        re.compile(r"誰|だれ|どなた|氏名|人名|谁|哪位|叫什么名字|\bwho(?:se|m)?\b", re.IGNORECASE),
    ),
    (
        FIGURES,
        re.compile(
            r"何[兆億万千百]*(?P<unit>社|人|名|台|件|種類|種|個|カ国|か国|店舗|店|校|回|本|枚|位|倍|つ|カ月|か月|ヶ月|年間|日間|時間|分|カ所|か所)|"
            r"いくつ|幾つ|どのくらい|どれ(?:くらい|ぐらい|ほど|だけ)|どの程度|規模(?:は|$|について)|[^大多少]数(?:は|$|を教えて|について)|"
            r"多少|几(?:家|个|名|位|台|项|款|次|种|倍|类|天|年|所|条)|数量|规模(?:是|$|有)|排名|第几|"
            r"\bhow (?:many|large|big|long|often|far|fast|tall|high)\b|\bnumber of\b|\bsize of\b|\brank(?:ed|ing)?\b",
            re.IGNORECASE,
        ),
    ),
)


def expected(question: str) -> Expected:
    """What kind of value a question asks for; `NOTHING` where it asks for something else, or one can't tell."""
    text = unicodedata.normalize("NFKC", question)
    for kinds, pattern in _ASKED:
        if match := pattern.search(text):
            unit = match.groupdict().get("unit") or ""
            return Expected(FIGURES if kinds == ("money",) and _is_loose(match[0]) else kinds, unit)
    return NOTHING


def _is_loose(word: str) -> bool:
    """Costs and prices are told in shares and multiples, too."""
    return word.lower() in {"コスト", "成本", "価格", "cost", "price", "how much"}


def candidates(question: str, text: str) -> list[Value]:
    """The values of a text that could answer a question: of the kind that it asks for, and not its own."""
    wanted = expected(question)
    own = normalise(question)
    found = [v for v in values_in(text) if v.kind in wanted.kinds and normalise(v.text) not in own]
    if wanted.unit and (same := [v for v in found if wanted.unit in v.text]):
        return same
    return found
