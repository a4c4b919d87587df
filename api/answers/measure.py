"""What a figure of a sentence counts, and whether two figures count the same thing.

They do where they have one unit, meet the same words of the question, are qualified alike (forecast, 累計, うち …), and
neither has a word about it that the other source lacks. Precision first: what a synonym tells is passed over.
"""

import re
from collections.abc import Iterable, Set
from dataclasses import dataclass
from functools import cache

from api.answers.amounts import Amount
from api.answers.candidates import Candidate, Row
from api.answers.needs import Need, Needs
from api.answers.periods import Period, published_in
from api.answers.statements import Statement
from retriever.text import normalise, words

LEAST_MET = 0.6
"""Least share of the question's weight that a source must meet, by headings and all."""
LEAST_SAID = 0.5
"""Least share of that which its sentence must meet by itself."""
_QUALIFIERS = tuple(
    re.compile(pattern)
    for pattern in (
        r"予測|予想|見込|見通|目標|目指|計画|予定|想定|期待|展望|試算|将来|可能性",
        r"累計|累積|通算|延べ|これまで",
        r"増(?!値|強現実)|減|伸び|成長|上昇|低下|拡大|縮小|前年|前期|同期比|と比べ|に比べ|変化",
        r"うち|内訳|中でも|一部|半数|残り",
        r"年間|毎年|年平均|(?<![0-9])1年[でに]",
        r"月間|毎月|月平均|(?<![0-9])1[かヶカ]月",
        r"(?<![0-9月])1日|毎日|日平均",
        r"平均|中央値",
        r"当たり|あたり|ごと|毎に|(?<![0-9,.])1[社人台]",
        r"新規|新設|新た|新しく",
        r"上位|首位|トップ|最大手",
        r"除く|除いた|以外|含む|含めた|非|未(?!満)",
    )
)
_HARMLESS = (
    "達する 上る なる 占める 超える 突破 届く 及ぶ とどまる 至る 迎える 上回る 下回る よる 報告 統計 調査 "
    "調べ 公表 発表 推計 推定 集計 示す 伝える 述べる 明らか 資料 データ 最新 時点 現在 段階 末 まで 計 合計 "
    "合わせる 総 総数 総額 約 およそ ほぼ 既に 一方 実際 正式 記録 算出 見る 持つ 有する 存在 確認 数 件数 "
    "台数 人数 社数 規模 額 金額 割合 比率 シェア 占有 率 数字 数値 値 結果 同 その この 年 月 日 年度 兆 億 "
    "万 元 人民元 円 ドル 米ドル % パーセント 割 社 人 名 者 件 個 台 店 倍 位 ポイント 箇所 カ国 か国 種 "
    "種類 以上 以下 超 未満 前後 程度 近い 強 弱 最大 少なくとも 分"
)
"""Words that report or count and don't say what is counted."""
_ASKING = "おく おける 対する 令和 平成 西暦 いくら いくつ どのくらい どれくらい どれだけ 教える 答える くらい ほど"
_ASKS = re.compile(
    r"多少|^几|占比|比例|规模|年[底末]|^(?:how|large|big|high|many|much|number|total|end|share|percentage|percent|"
    r"proportion|rate|size|value|worth|amount|sum|hold|account|reach|stand|year|figure)s?$",
    re.IGNORECASE,
)
_FIGURE = re.compile(r"[0-9０-９]")


Asked = frozenset[Need]


@dataclass(frozen=True, slots=True)
class Told:
    """A source's figure for what is asked."""

    candidate: Candidate
    statement: Statement

    @property
    def amount(self) -> Amount:
        return self.statement.amount

    @property
    def period(self) -> Period | None:
        return self.statement.period

    @property
    def as_of(self) -> str | None:
        """The time that is named; else the date of the document."""
        return str(self.period) if self.period else self.candidate.hit.document.published

    @property
    def when(self) -> Period | None:
        return self.period or published_in(self.candidate.hit.document.published)


def counted(needs: Needs) -> Asked:
    """What a question counts: without the words that ask, the years and the qualifiers, which are compared apart."""
    return frozenset(need for need in needs.needs if _counts(need.name))


def same_measure(one: Told, other: Told, asked: Asked) -> bool:
    """Whether two figures count the same thing, whatever their time."""
    return (
        one.amount.unit == other.amount.unit
        and not _overlap(one.candidate, other.candidate)
        and _met(asked, one.candidate.row.words_around) == _met(asked, other.candidate.row.words_around)
        and _qualified(one) == _qualified(other)
        and _own_words(one, other, asked) == _own_words(other, one, asked) == frozenset()
    )


def told_in(candidate: Candidate, wanted: Set[str], asked: Asked) -> Told | None:
    """The one figure whose scope meets most of what is asked; none where two of a unit do so equally well."""
    statements = [one for one in candidate.row.statements if one.value.kind in wanted]
    if not statements or not _meets_enough(candidate.row, asked):
        return None
    weights = [_weight(_met(asked, statement.words)) for statement in statements]
    best = [one for one, weight in zip(statements, weights, strict=True) if weight == max(weights)]
    return Told(candidate, best[0]) if len({one.amount.unit for one in best}) == len(best) else None


def _meets_enough(row: Row, asked: Asked) -> bool:
    every = _weight(asked)
    met = _weight(_met(asked, row.words_around))
    said = _weight(_met(asked, row.words))
    return every > 0 and met >= LEAST_MET * every and said >= LEAST_SAID * met


@cache
def _light() -> frozenset[str]:
    listed = f"{_HARMLESS} {_ASKING}".split()
    return frozenset(listed).union(*(words(word) for word in listed))


def _counts(word: str) -> bool:
    """Whether a word says what is counted."""
    told_apart = _ASKS.search(word) or _FIGURE.search(word) or any(pattern.search(word) for pattern in _QUALIFIERS)
    return word not in _light() and not told_apart


def _met(asked: Asked, held: Set[str]) -> Asked:
    return frozenset(need for need in asked if any(form <= held for form in need.forms))


def _weight(met: Iterable[Need]) -> float:
    return sum(need.weight for need in met)


def _qualified(told: Told) -> tuple[bool, ...]:
    """By each of `_QUALIFIERS`; what is to come is told anywhere in a sentence, or by its year."""
    text = normalise(told.statement.scope)
    coming, *others = (bool(pattern.search(text)) for pattern in _QUALIFIERS)
    published = published_in(told.candidate.hit.document.published)
    later = bool(told.period and published and told.period.year > published.year)
    return (coming or later or bool(_QUALIFIERS[0].search(told.candidate.text)), *others)


def _own_words(one: Told, other: Told, asked: Asked) -> frozenset[str]:
    """Words of a figure's scope that the other's sentence, and what that stands under, hold in no form."""
    theirs = other.candidate.row.words_around
    same = {w for need in _met(asked, theirs) for form in need.forms for w in form}
    own = {word for word in words(one.statement.scope) if _counts(word)}
    return frozenset(own - theirs - same)


def _overlap(one: Candidate, other: Candidate) -> bool:
    """Whether they are the same place of one document."""
    if one.hit.document.doc_id != other.hit.document.doc_id:
        return False
    return any(a < d and c < b for a, b in one.quote.spans for c, d in other.quote.spans)
