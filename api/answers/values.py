"""Figures, dates and people in a Japanese text, as they stand there."""

import re
from dataclasses import dataclass

_DIGITS = r"[0-9０-９]+(?:[,，][0-9０-９]{3})*(?:[.．][0-9０-９]+)?"
_NUMBER = rf"{_DIGITS}[百千]?[兆億亿万]?(?:{_DIGITS}[百千]?[億亿万]?)*"
_KANJI_NUMBER = r"[数一二三四五六七八九十百千]+"
_STARTS = r"(?<![0-9０-９.,．，第A-Za-zＡ-Ｚａ-ｚ])(?<![A-Za-z][-‐.])"
"""Not within a figure, an ordinal or a name such as GPT-4 or H100."""
_ABOUT = r"(?:約|およそ|ほぼ|最大)?[-−▲△]?"
_RANGE = rf"(?:{_DIGITS}[兆億亿万]?(?:[%％元割社人])?(?:[~～〜]|から))?"
_MORE_OR_LESS = r"(?:以上|以下|未満|超|余り|余|強|弱|前後|程度|近く)"
_MONEY = r"(?:人民元|香港ドル|米ドル|ドル|ユーロ|元|円|ウォン)"
_SHARE = (
    r"(?:[%％]|パーセント|割(?:[0-9０-９一二三四五六七八九]分)?(?![合引り])|ポイント"
    r"|分の[0-9０-９一二三四五六七八九十]+)"
)
_COUNTERS = "|".join(
    sorted(
        "社 者 人 名 台 件 種類 種 カ国 か国 ヵ国 ヶ国 カ所 か所 ヶ所 箇所 店舗 店 校 大学 回 枚 位 倍 "
        "カ月 か月 ヶ月 年間 日間 週間 時間 分間 分野 秒 ユーザー モデル パラメータ トークン 項目 科目 条 "
        "機関 都市 省 地域 団体 言語 冊 基 車種 拠点 カテゴリー 平方メートル 平米 ㎡ メートル km キロ "
        "ミクロン ナノ nm GB TB TOPS PFLOPS FLOPS MW kW ドット".split(),
        key=len,
        reverse=True,
    )
)
_SHORT_COUNTERS = r"(?:個|本|分|点|つ|字|語|項)(?![一-鿿])"
"""Parts of other words, too: 10個人 is no 10個."""
_YEAR = r"(?:[0-9０-９]{4}|令和[0-9０-９元]+|平成[0-9０-９元]+)"
_MONTH = r"[0-9０-９]{1,2}月"
_DAY = rf"(?:[0-9０-９]{{1,2}}日(?:[~～〜-](?:{_MONTH})?[0-9０-９]{{1,2}}日)?|[上中下]旬|末)?"
_DATE = (
    rf"{_YEAR}(?:[~～〜-]{_YEAR})?年(?:度|末|初め|初頭|半ば)?(?:(?:[0-9０-９]{{1,2}}[~～〜-])?{_MONTH}{_DAY}"
    rf"|第?[1-4１-４一二三四]四半期|[春夏秋冬]|[上下前後]半期?)?"
    rf"|{_MONTH}{_DAY}|(?<![0-9.])(?:19|20)[0-9]{{2}}\.[0-9]{{1,2}}(?:\.[0-9]{{1,2}})?(?![0-9])"
)
_PERSON = (
    r"(?:[ァ-ヶー・＝]{3,}|(?:(?<![一-鿿々])|(?<=[者長官兼授役]))[一-鿿々]{2,4}?"
    r"|[A-Z][A-Za-z.'-]+(?: [A-Z][A-Za-z.'-]+)*)"
    r"(?=\s?(?:氏|首相|総理|国家主席|会長|社長|総裁|教授|博士|議長|書記|院士|さん|（[A-Z][a-z]+ [A-Z][^）]*）氏))"
)
_NO_PERSON = re.compile(r"[院会学役社省者部局長副界席]$|^元")
_PATTERNS = {
    "date": re.compile(_DATE),
    "money": re.compile(rf"{_STARTS}{_ABOUT}{_RANGE}{_NUMBER}余?{_MONEY}{_MORE_OR_LESS}?"),
    "share": re.compile(rf"{_STARTS}{_ABOUT}{_RANGE}(?:{_NUMBER}|{_KANJI_NUMBER}(?=割|分の)){_SHARE}{_MORE_OR_LESS}?"),
    "count": re.compile(
        rf"{_STARTS}{_ABOUT}{_RANGE}(?:{_NUMBER}余?大? ?(?:{_COUNTERS}|{_SHORT_COUNTERS}){_MORE_OR_LESS}?"
        rf"|(?!(?:19|20)[0-9]{{2}}(?![0-9])){_NUMBER}{_MORE_OR_LESS}|{_KANJI_NUMBER}(?:社|カ国|か国|倍){_MORE_OR_LESS}?)"
    ),
    "person": re.compile(_PERSON),
}


@dataclass(frozen=True, slots=True)
class Value:
    """`kind`: date, money, share, count or person; `start`, `end` in the text."""

    kind: str
    text: str
    start: int
    end: int


def values_in(text: str) -> tuple[Value, ...]:
    """In reading order, none over another: a date is no count of 年."""
    found: list[Value] = []
    for kind, pattern in _PATTERNS.items():
        for match in pattern.finditer(text):
            if kind == "person" and _NO_PERSON.search(match[0]):
                continue
            if not any(match.start() < v.end and v.start < match.end() for v in found):
                found.append(Value(kind, match[0], match.start(), match.end()))
    return tuple(sorted(found, key=lambda value: value.start))
