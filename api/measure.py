"""What a figure of a sentence counts, and whether two figures count the same thing.

They do where they have one unit, meet the same words of the question, are qualified alike (forecast, 累計, うち …), and
neither has a word about it that the other source lacks. Precision first: what a synonym tells is passed over.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from api.amounts import Amount, amount_of
from api.candidates import Candidate
from api.evidence import Need, Needs, held_in
from api.expected import FIGURES
from api.periods import Period, is_relative, periods_in, published_in
from api.values import Value, values_in
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
_SOURCE = re.compile(r"(?:による|によれ|の(?:統計|調査|推計|報告|発表|集計)で|が(?:発表|公表)した)")
_HIGHER = re.compile(r"(?:約|およそ|ほぼ)?(?:[0-9０-９][0-9０-９,，.．]*[百千]?[兆億亿万])+$")
_SUBJECT = re.compile(r"[はがも]|における")
_TOPIC = re.compile(r"[はがも]|における|の")
_STATES = re.compile(r"[はがも：:]")
"""A line of a chart (英国 20.29%) doesn't say what it counts: what it stands under does."""
_FIGURE = re.compile(r"[0-9０-９]")
_BEFORE = re.compile(
    r"(?:[はがもでにを：:の約]|およそ|ほぼ|累計|合計|計|(?:令和|平成)?[0-9０-９]{1,4}年(?:度|末)?(?:[0-9０-９]{1,2}月)?末?(?:時点)?)+$"
)
_ORNAMENTS = " 　・•-👉"
_ENDS = "、。；;，（）()"


@dataclass(frozen=True, slots=True)
class Told:
    """A source's figure for what is asked. `scope`: the words around it that say what it counts; `measure`: those in
    front of it, as they stand there; `period` that the sentence or its heading names, if any."""

    candidate: Candidate
    value: Value
    amount: Amount
    scope: str
    measure: str
    period: Period | None

    @property
    def as_of(self) -> str | None:
        """The time that is named; else the date of the document."""
        return str(self.period) if self.period else self.candidate.hit.document.published

    @property
    def when(self) -> Period | None:
        return self.period or published_in(self.candidate.hit.document.published)


def same_measure(one: Told, other: Told, needs: Needs) -> bool:
    """Whether two figures count the same thing, whatever their time."""
    return (
        one.amount.unit == other.amount.unit
        and not _overlap(one.candidate, other.candidate)
        and _met(needs, _all(one.candidate)) == _met(needs, _all(other.candidate))
        and _qualified(one) == _qualified(other)
        and _own_words(one, other, needs) == _own_words(other, one, needs) == frozenset()
    )


def told_in(candidate: Candidate, wanted: set[str], needs: Needs) -> Told | None:
    """The one figure whose scope meets most of what is asked; none where two of a unit do so equally well."""
    text = candidate.text
    figures = [_whole(text, value) for value in values_in(text) if value.kind in wanted]
    found: list[tuple[float, Told]] = []
    for value in (value for value in figures if _is_quoted(candidate, value)):
        amount, scope = amount_of(value, text), _scope(text, value)
        if amount and _STATES.search(scope) and not is_relative(scope):
            period = _period(candidate, scope, value)
            told = Told(candidate, value, amount, scope, _measure(text, value), period)
            found.append((_weight(_met(needs, f"{scope} {_above(candidate)}")), told))
    if not found or not _meets_enough(candidate, needs):
        return None
    most = max(weight for weight, _ in found)
    best = [told for weight, told in found if weight == most]
    return best[0] if len({told.amount.unit for told in best}) == len(best) else None


def _whole(text: str, value: Value) -> Value:
    """With the 1万 in front of 4,000台."""
    start = value.start - len(found[0]) if (found := _HIGHER.search(text[: value.start])) else value.start
    return Value(value.kind, text[start : value.end], start, value.end)


def _meets_enough(candidate: Candidate, needs: Needs) -> bool:
    every = _weight(_asked(needs))
    met = _weight(_met(needs, _all(candidate)))
    said = _weight(_met(needs, candidate.text))
    return every > 0 and met >= LEAST_MET * every and said >= LEAST_SAID * met


def _is_quoted(candidate: Candidate, value: Value) -> bool:
    start = 0
    for part in candidate.parts:
        if part.is_quote and start <= value.start and value.end <= start + len(part.text):
            return True
        start += len(part.text)
    return False


def _clauses(text: str) -> list[tuple[int, int]]:
    ends = [-1, *(i for i, character in enumerate(text) if character in _ENDS), len(text)]
    return [(a + 1, b) for a, b in pairwise(ends) if a + 1 < b]


def _scope(text: str, value: Value) -> str:
    """The clause of a figure. Where it names no subject, with those before it, back to another figure, and with those
    that open the sentence, up to its first figure."""
    clauses = _clauses(text)
    own = next((c for c in clauses if c[0] <= value.start < c[1]), (0, len(text)))
    if _SUBJECT.search(text[own[0] : value.start]):
        return text[own[0] : own[1]]
    before = [(start, end) for start, end in clauses if start < own[0]]
    figures = [v.start for v in values_in(text) if v.kind in FIGURES]
    bare = [not any(start <= figure < end for figure in figures) for start, end in before]
    opening = next((n for n, is_bare in enumerate(bare) if not is_bare), len(bare))
    leading = next((n for n, is_bare in enumerate(reversed(bare)) if not is_bare), len(bare))
    kept = [c for n, c in enumerate(before) if n < opening or n >= len(before) - leading]
    told = [text[start:end] for start, end in kept if not _SOURCE.search(text[start:end])]
    return "、".join([*told, text[own[0] : own[1]]])


def _measure(text: str, value: Value) -> str:
    """What stands before a figure: 「中国のAIコア産業の規模」."""
    clauses = [text[a : min(b, value.start)] for a, b in _clauses(text) if a < value.start]
    named = [c for c in clauses if not _SOURCE.search(c) and _TOPIC.search(c)] or clauses
    return _BEFORE.sub("", named[-1]).strip(_ORNAMENTS) if named else ""


def _period(candidate: Candidate, scope: str, value: Value) -> Period | None:
    """The last that is named before a figure in its scope, or the first after it; else the only one of its sentence
    or of a heading over it."""
    before, _, after = scope.partition(value.text)
    if beside := periods_in(before)[::-1] or periods_in(after):
        return beside[0]
    for text in (candidate.text, *reversed(candidate.hit.passage.section)):
        if found := set(periods_in(text)):
            return found.pop() if len(found) == 1 else None
    return None


def _above(candidate: Candidate) -> str:
    return " ".join((candidate.hit.document.title, *candidate.hit.passage.section))


def _all(candidate: Candidate) -> str:
    return f"{_above(candidate)} {candidate.text}"


@cache
def _light() -> frozenset[str]:
    listed = f"{_HARMLESS} {_ASKING}".split()
    return frozenset(listed).union(*(words(word) for word in listed))


def _asked(needs: Needs) -> frozenset[Need]:
    """Without the words that ask, the years and the qualifiers: those are compared by themselves."""
    return frozenset(need for need in needs.needs if _counts(need.name))


def _counts(word: str) -> bool:
    """Whether a word says what is counted."""
    told_apart = _ASKS.search(word) or _FIGURE.search(word) or any(pattern.search(word) for pattern in _QUALIFIERS)
    return word not in _light() and not told_apart


def _met(needs: Needs, text: str) -> frozenset[Need]:
    held = held_in(text)
    return frozenset(need for need in _asked(needs) if any(form <= held for form in need.forms))


def _weight(met: Iterable[Need]) -> float:
    return sum(need.weight for need in met)


def _qualified(told: Told) -> tuple[bool, ...]:
    """By each of `_QUALIFIERS`; what is to come is told anywhere in a sentence, or by its year."""
    text = normalise(told.scope)
    coming, *others = (bool(pattern.search(text)) for pattern in _QUALIFIERS)
    published = published_in(told.candidate.hit.document.published)
    later = bool(told.period and published and told.period.year > published.year)
    return (coming or later or bool(_QUALIFIERS[0].search(told.candidate.text)), *others)


def _own_words(one: Told, other: Told, needs: Needs) -> frozenset[str]:
    """Words of a figure's scope that the other's sentence, and what that stands under, hold in no form."""
    said = _all(other.candidate)
    theirs = held_in(said)
    same = {w for need in _met(needs, said) for form in need.forms for w in form}
    own = {word for word in words(one.scope) if _counts(word)}
    return frozenset(own - theirs - same)


def _overlap(one: Candidate, other: Candidate) -> bool:
    """Whether they are the same place of one document."""
    if one.hit.document.doc_id != other.hit.document.doc_id:
        return False
    return any(a < d and c < b for a, b in one.quote.spans for c, d in other.quote.spans)
