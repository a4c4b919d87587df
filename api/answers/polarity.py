"""What a sentence denies, and which way it points: more or less, over or under. By words alone: both can be missed."""

import re

_SEEMING = {
    "ja": re.compile(
        r"だけで(?:は)?なく|ばかりで(?:は)?なく|のみならず|に(?:過|す)ぎない|かもしれない|違いない|欠かせない|ほかならない|"
        r"なければならない|なくてはならない|ざるを得ない|にとどまらず|を?問わず|少なくとも|限らず|少な[いく]|まず、|必ず|わずか|はず"
    ),
    "en": re.compile(r"\bnot (?:only|just|merely)\b|\bno (?:less|fewer) than\b|\bno\. ?[0-9]", re.IGNORECASE),
    "zh": re.compile(r"不[仅只断同少可久错过足]|离不开|无[人偿线论]|没收|未来|非常|非洲"),
}
"""What looks like a denial and is none."""
_NEGATED = {
    "ja": re.compile(
        r"ない(?![ぁ-ん]*ほど)|なかった|ません|(?<=[わらかがさたなばまえけせてねべめれげぜでい])ず(?=に|、|。|$)|でなく|未(?:公[表開]|定|達)"
    ),
    "en": re.compile(
        r"\b(?:not|no|never|without|neither|nor|none|cannot|yet to|fail(?:s|ed)? to|lack(?:s|ed)?)\b|n['’]t\b|"
        r"\bun(?:announced|disclosed|published)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(r"[不没未无]|并非"),
}
_OPPOSITES = tuple(
    (re.compile(one, re.IGNORECASE), re.compile(other, re.IGNORECASE))
    for one, other in (
        (
            r"増(?!資)|上昇|拡大|伸び|高め|高ま|強め|\b(?:rise|rose|risen|rising|grow|grew|grown|growth|growing|increas|expand|gain)|"
            r"增|上升|扩大|提高|强化",
            r"減(?!速機)|下落|低下|低減|縮小|弱め|\b(?:fall|fell|fallen|falling|declin|decreas|shr[aiu]nk|drop|reduc|contracted)|"
            r"减|下降|下滑|缩小|降低|节[约省]|節約|弱化",
        ),
        (
            r"超|以上|上回|余り|\b(?:more than|over|exceed(?:s|ed|ing)?|at least|above)\b|高于|至少|突破",
            r"未満|以下|下回|足らず|\b(?:less than|under|below|fewer than|at most)\b|不足|不到|低于|未满",
        ),
        (r"最も高|最高|\bhighest\b", r"最も低|最低|最安|\b(?:lowest|cheapest)\b"),
        (r"促|\b(?:promot|encourag|accelerat)", r"妨げ|阻害|\b(?:hinder|hamper|imped|slow(?:s|ed) )|阻碍"),
    )
)


def is_denied(text: str, language: str) -> bool:
    """Whether something in it is said not to be; known of Japanese, English and Chinese only."""
    return language in _NEGATED and bool(_NEGATED[language].search(_SEEMING[language].sub("", text)))


def is_turned(sentence: str, clause: str) -> bool:
    """Whether the sentence says one and the clause only its opposite."""
    for one, other in _OPPOSITES:
        said = bool(one.search(sentence)), bool(other.search(sentence))
        if said in ((True, False), (False, True)) and said[::-1] == (
            bool(one.search(clause)),
            bool(other.search(clause)),
        ):
            return True
    return False
