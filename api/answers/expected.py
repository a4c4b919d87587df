"""Which kind of value a question asks for, and the values of a text that could answer it."""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from api.answers.values import Value, values_in
from retriever.text import normalise

FIGURES = ("money", "share", "count")


class Expected(NamedTuple):
    """`kinds` of value that would answer a question; `unit` that it names itself, as 社 in 何社; its `own` values,
    which are no answer to it."""

    kinds: tuple[str, ...] = ()
    unit: str = ""
    own: frozenset[str] = frozenset()

    def fit(self, value: Value) -> bool:
        """Whether a value is of the kind and unit that is asked for."""
        if value.kind not in self.kinds or (self.own and normalise(value.text) in self.own):
            return False
        if self.unit in ("", "つ", "個", "件"):  # what these count is told in many units
            return True
        return self.unit in value.text or (self.unit == "人" and bool(_BARE.fullmatch(normalise(value.text))))


_BARE = re.compile(r"(?:約|およそ|ほぼ)?[0-9,.兆億万千百]+(?:超|以上|余り?|強|弱)?")
"""4,500万超のクリエイター: people are counted without a counter, too."""
_ASKS_MEANING = re.compile(r"(?:とは(?:何|なに|どんな|どういう)?(?:ですか|か)?[?。]?$)|定義|の意味")
_ASKED: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = (
    (
        ("date",),
        re.compile(
            r"いつ(?!も|く|い)|何年(?!間)|何月|何日(?!間)|年月日?|時期|日付|"
            r"什么时候|何时|哪一?[年天月]|哪几[天年]|几月|时间(?:是|$)|年份|"
            r"^when\b|\bwhen (?:did|was|were|will|is|does|do)\b|(?:what|which|in what) (?:year|month|date|day)\b|"
            r"\b(?:launch|release) date\b",
            re.IGNORECASE,
        ),
    ),
    (
        ("share",),
        re.compile(
            r"何割|何[%％]|何パーセント|何分の|割合|比率|シェア(?!リング|サイクル)|占有率|(?:成長|採択|増加|伸び|占有|利用|普及|自給|国産)率|"
            r"占比|比例|百分之[几多]|份额|增长率|增速|几成|[%％]$|"
            r"\b(?:share(?! price)|percent|percentage|proportion|rate)\b|what fraction",
            re.IGNORECASE,
        ),
    ),
    (
        ("money",),
        re.compile(
            r"いくら|幾ら|何[兆億万千百]*(?:元|ドル|円)|金額|価格|値段|料金|費用(?!対効果)|コスト|売上|予算|(?:投資|調達|融資|資金|総|補助)額|時価総額|"
            r"(?:市場|産業)の?規模(?:は|って|$|[?？]|について|を教えて|はどのくらい)|(?:市场|产业)的?规模(?:是|有|$|[?？]|多)|"
            r"\b(?:market|industry) size\b|\bsize of the [\w -]*(?:market|industry)\b|"
            r"how (?:big|large) is [\w' -]*(?:market|industry)\b|"
            r"多少(?:亿|万)?(?:元|钱|美元)|金额|营收|售价|价格是|融资额|投资额|成本(?!土)|"
            r"\bhow much\b|\b(?:price|cost|revenue|budget|funding|valuation)\b|how many (?:yuan|dollars|rmb)",
            re.IGNORECASE,
        ),
    ),
    (
        ("person",),
        re.compile(r"誰|だれ|どなた|氏名|人名|谁|哪位|\bwho(?:se|m)?\b", re.IGNORECASE),
    ),
    (
        FIGURES,
        re.compile(
            r"何[兆億万千百]*(?P<unit>社|人|名|台|件|種類|種|個|カ国|か国(?!語)|店舗|店|校|回|本|枚|位|倍|つ|カ月|か月|ヶ月|年間|日間|時間|分|カ所|か所)|"
            r"(?P<people>(?:ユーザー|利用者|来場者|参加者|従業員|会員|人)数)|(?P<firms>(?:企業|会社|社)数)|"
            r"いくつ|幾つ|どのくらい|どれ(?:くらい|ぐらい|ほど|だけ)|どの程度|規模(?:は|$|について)|[^大多少]数(?:は|$|を教えて|について)|"
            r"多少|(?<!哪)几(?:家|个|名|位|台|项|款|次|种|倍|类|天|年|所|条)|数量|规模(?:是|$|有)|排名|第几|"
            r"\bhow (?:many|large|big|long|often|far|fast|tall|high)\b|\bnumber of\b|\bsize of\b|\brank(?:ed)?\b",
            re.IGNORECASE,
        ),
    ),
)


_LOOSE = frozenset({"コスト", "成本", "価格", "cost", "price", "how much"})
"""Costs and prices are told in shares and multiples, too."""


@lru_cache(maxsize=16)  # what a question needs and what it asks for are both told by this
def expected(question: str) -> Expected:
    """Of no kind where a question asks for something else than a value, or one can't tell."""
    text = unicodedata.normalize("NFKC", question)
    if _ASKS_MEANING.search(text):
        return Expected()
    for kinds, pattern in _ASKED:
        if match := pattern.search(text):
            named = match.groupdict()
            unit = named.get("unit") or ("人" if named.get("people") else "社" if named.get("firms") else "")
            own = frozenset(normalise(value.text) for value in values_in(question))
            return Expected(FIGURES if match[0].lower() in _LOOSE else kinds, unit, own)
    return Expected()
