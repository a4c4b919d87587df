"""Follow-up questions, without a language model: 「それはいつ？」 is completed from the questions before it.

A question leans on the conversation if it points back (それ, it, 它), only names another case (百度は？, "in 2024?")
or names no subject. It gets the names, terms and years of the last question that had some; the words that asked there
would ask again. What was answered in between is left out: names from it found nothing more, or led astray.
tests/test_followup.py measures these rules on short conversations.
"""

import re
from collections.abc import Callable, Sequence

from api.answers.mentions import names_in
from retriever.glossary import NAMES, Match
from retriever.language import detect_language
from retriever.text import in_japanese_forms, normalise, words

Matches = Callable[[str, str], Sequence[Match]]
"""What the glossary knows in a text of a language: `Retriever.matches`."""
MOST_CHARACTERS = 2000
"""Of a question."""
GENERAL = frozenset("everyday economy society place".split())
"""Kinds of words that still need a subject: whose scale, whose founder?"""
LEAST_OWN = 4
"""So many content words before a pronoun, or beside one term, are a subject of the question's own."""
PLENTY = 6
"""So many content words are one, even where no term is known."""

_POINTS_BACK = {
    "ja": re.compile(
        r"それ(?!ぞれ)|その|これ(?!まで|から)|この(?!数?[0-9０-９一二三十]|年|ところ)|(?<!で)あれ|あの|そこ|そちら|そう(?!した|いった)|同(?:社|国|氏|年|市|モデル|じ)"
        r"|彼|前者|後者|両[社者国]|ほかに|他に|ほかの|他の|もっと|さらに|うち"
    ),
    "zh": re.compile(
        r"它|他们|她|^他|^[那这此该]|其中|[该此这那](?:公司|企业|模型|人|个|家|种|年|项)|其他|其它|别的|还有|后者|前者|同年"
    ),
    "en": re.compile(
        r"\b(?:it|its|they|them|their|he|she|his|her|those|these|this|then|others?|else"
        r"|the (?:company|firm|model|robot|former|latter|same)"
        r"|that (?:company|model|one|year|firm|report|fund|robot|policy|plan|figure|number))\b",
        re.IGNORECASE,
    ),
}
_OF = {"ja": "の", "zh": "的"}
_EXPLETIVE = re.compile(r"\bis it (?=\w+ (?:for|to|that)\b|that\b)", re.IGNORECASE)
_ANOTHER_CASE = {
    "ja": re.compile(
        r"(?:では|じゃあ?|で|また)?、?(?!.*(?:とは|[をが]))(?P<case>.{1,25}?)(?:(?:に|で|から|まで)?は|の場合は?|も)"
        r"(?:どう(?:です|でしょう)か)?[？?。]*"
    ),
    "zh": re.compile(r"(?:那么?)?(?P<case>.{1,20}?)(?:又?怎么样|又?如何)?呢[？?。]*"),
    "en": re.compile(r"(?:and |but |so )?(?:(?:what|how) about )?(?P<case>[^?]{1,60})\?*", re.IGNORECASE),
}
_CASE_FIRST = re.compile(r"(?:and|but|so|what about|how about)\b", re.IGNORECASE)
_ENGLISH_CLAUSE = re.compile(
    r"\b(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|who|what|when|where|why|which|how)\b",
    re.IGNORECASE,
)
_DEFINES = re.compile(
    r"とは(?:何|なに|どんな|どういう|[？?]|$)|^(?:what|who) (?:is|are|was) |^什么是|^何谓|是(?:什么|谁)[？?]?$",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?:19|20)[0-9]{2}\s*年?")
_ORDINAL = re.compile(r"第[0-9一二三四五六七八九十]+[回批次期位]")


def complete(question: str, before: Sequence[str], matches: Matches) -> str:
    """The question that is really asked after those `before`, oldest first; itself where it stands alone."""
    topic = ""
    for asked in before:
        topic, _ = _follow(asked, topic, matches)
    return _follow(question, topic, matches)[1]


def _follow(question: str, topic: str, matches: Matches) -> tuple[str, str]:
    """What the conversation is about from here on, and the question in full."""
    language = detect_language(question)
    if topic and (case := another_case(question, language, matches)):
        topic = _asked_of(case, topic, matches)[:MOST_CHARACTERS]
        return topic, topic
    if topic and leans(question, language, matches):
        subjects = _subjects(topic, matches)[: max(0, MOST_CHARACTERS - len(question) - 1)]
        return topic, f"{subjects} {question}".lstrip()
    return question, question


def another_case(question: str, language: str, matches: Matches) -> str | None:
    """The case of which the same is asked: 「百度は？」 → 百度. 「百度の株価は？」 asks something of its own."""
    pattern = _ANOTHER_CASE.get(language)
    found = pattern.fullmatch(question.strip()) if pattern else None
    if not found or (language == "en" and (not _CASE_FIRST.match(question) or _ENGLISH_CLAUSE.search(found["case"]))):
        return None
    case = found["case"].strip()
    _, of, last = case.rpartition(_OF.get(language, "\n"))
    return None if of and not any(match.is_name for match in matches(last, language)) else case


def leans(question: str, language: str, matches: Matches) -> bool:
    """Whether a question can't be understood alone."""
    if language in _POINTS_BACK and (back := _POINTS_BACK[language].search(_EXPLETIVE.sub("", question))):
        return _content(question[: back.start()], language) < LEAST_OWN
    known = [match for match in matches(question, language) if match.kinds]
    subjects = [match for match in known if not match.kinds & GENERAL]
    if any(match.is_name or "event" in match.kinds for match in subjects) or _unknown_names(question, known):
        return False
    content = _content(question, language)
    if subjects and (_DEFINES.search(question) or len(subjects) > 1 or content >= LEAST_OWN):
        return False
    return content < PLENTY


def _content(text: str, language: str) -> int:
    return len(words(in_japanese_forms(text, language)))


def _unknown_names(question: str, known: Sequence[Match]) -> list[str]:
    return [name for name in names_in(question) if not any(name in match.form for match in known)]


def _subjects(topic: str, matches: Matches) -> str:
    """The names, terms and years of a question, as they follow; all of it where there are none."""
    known = [match for match in matches(topic, detect_language(topic)) if match.kinds]
    forms = [_as_written(topic, match) for match in known if not match.kinds & GENERAL - {"place"}]
    forms += [*_unknown_names(topic, known), *_YEAR.findall(topic)]
    return " ".join(sorted(dict.fromkeys(forms), key=topic.find)) or topic


def _asked_of(case: str, topic: str, matches: Matches) -> str:
    """The same question of another case: its year or ordinal, its names, take the place of those of their kind."""
    for kind in (_YEAR, _ORDINAL):
        if (own := kind.search(case)) and kind.search(topic):
            return kind.sub(own[0], topic)
    kinds = {kind for match in matches(case, detect_language(case)) for kind in match.kinds} & (NAMES | {"event"})
    known = [match for match in matches(topic, detect_language(topic)) if match.kinds & kinds]
    others = [form for match in known if (form := _as_written(topic, match)) in topic]
    if not others:
        return f"{case} {topic}"
    for number, form in enumerate(others):
        topic = topic.replace(form, "" if number else case)
    return topic


def _as_written(text: str, match: Match) -> str:
    """A match's form before it was normalised: 可灵 for 可霊."""
    normal = normalise(in_japanese_forms(text, detect_language(text)))
    start = normal.find(match.form)
    return text[start : start + len(match.form)] if len(normal) == len(text) and start >= 0 else match.form
