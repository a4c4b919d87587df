"""The language of a question: English grammar, script, then characters of one country, langdetect last.

langdetect alone calls 「百度 文心一言 発表時期」 Korean and varies between calls unless it is seeded, so it
is asked only where script decides nothing.
"""

import re
from functools import cache

from retriever.text import converter, encodable, in_jis, variants

_KANA = re.compile(r"[ぁ-ゖァ-ヺｦ-ﾟ]")
_ENDINGS = re.compile(r"[ぁ-ゖ\uac00-\ud7a3]")
"""What Japanese and Korean sentences can't do without."""
_HAN_OR_KATAKANA = re.compile(r"[ァ-ヺーｦ-ﾟ]+|[\u3400-\u9fff\uf900-\ufaff]")
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_HANGUL = re.compile(r"[\uac00-\ud7a3]")
_LATIN_WORD = re.compile(r"[A-Za-zÀ-ÿ]+")
_CHINESE_WORDS = re.compile(
    r"[的是吗呢吧嗎这這那哪谁誰们們么麼]|什么|什麼|多少|怎[么麼样樣]|如何|几|为何|為何|何時候|有没有"
    r"|人工智[能慧]|智能|[机機]器|芯片|晶片|大模型|算力|公司|手[机機]|光刻|算法|特斯拉|英特[尔爾]"
    r"|季度|同比|占比|增速|市值|估值|股[价價]|排名|份額|良率|月活|日活|缺口|管制|投向|[挂掛]牌|[参參][数數]量"
)
"""Function words, and words of this field that Japanese writes in another way (AI半導体, 四半期, 時価総額)."""

_ASKING = frozenset("what which who whose when where why how is are was were do does did has have can".split())
_OPENING = _ASKING | frozenset("tell show give list name compare explain describe summarize summarise".split())
_ENGLISH_GRAMMAR = _ASKING | frozenset("the of in on to for by with from much many and or".split())
_ENGLISH_WORDS = _ENGLISH_GRAMMAR | frozenset(
    "market china chinese company companies list share price policy robot robots chip chips model models".split()
)


def detect_language(text: str) -> str:
    """`ja`, `en`, `zh`, or another ISO 639-1 code. Deterministic."""
    if _is_english_with_names(text):
        return "en"
    if _KANA.search(text):
        return "ja"
    if _HANGUL.search(text):
        return "ko"
    if _HAN.search(text):
        return _kanji_only(text)
    return _latin(text)


def _is_english_with_names(text: str) -> bool:
    """What is 文心一言? An English sentence, in which a name or two are written as at home.

    It opens with a question word or a request, or asks later on: names, titles and words of this field stand in queries
    of any language (China Mobile 売上高).
    """
    if _ENDINGS.search(text):
        return False
    foreign, words = len(_HAN_OR_KATAKANA.findall(text)), _latin_words(text)
    if not foreign or foreign > 2 * len(words):
        return False
    grammar = _ENGLISH_GRAMMAR.intersection(words)
    return words[0] in _OPENING or (len(grammar) > 1 and not grammar.isdisjoint(_ASKING))


def _latin_words(text: str) -> list[str]:
    return [word.lower() for word in _LATIN_WORD.findall(text)]


def _kanji_only(text: str) -> str:
    """Japanese or Chinese without a kana: forms that only one of the two writes, then typical words."""
    simplified, traditional, japanese = _forms()
    marks_ja = sum(c in japanese for c in text)
    marks_zh = sum(c in simplified for c in text)
    marks_old = sum(c in traditional for c in text)
    if marks_zh and marks_zh >= marks_ja:
        return "zh"
    if _CHINESE_WORDS.search(text) and not any(c in _japan_only() for c in text):
        return "zh"
    if marks_old and not any(c in _japan_only() for c in text):
        return "zh"
    if marks_ja:
        return "ja"
    return "zh" if _ask_langdetect("".join(_HAN.findall(text))).startswith("zh") else "ja"


@cache
def _forms() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Characters that only simplified Chinese writes, only traditional Chinese, and no simplified Chinese."""
    characters = [chr(code) for code in range(0x4E00, 0xA000)]
    simplified_of = _convert("t2s", characters)
    traditional_of = _convert("s2t", characters)
    simplified = {c for c in characters if not in_jis(c) and simplified_of[c] == c and traditional_of[c] != c}
    traditional = {c for c in map(chr, variants()) if simplified_of[c] != c}
    japanese = {
        c for c in characters if in_jis(c) and c not in traditional and (simplified_of[c] != c or c in _japan_only())
    }
    return frozenset(simplified), frozenset(traditional), frozenset(japanese)


@cache
def _japan_only() -> frozenset[str]:
    """Forms that Japan alone writes (発, 売, 気): results of its reform, outside Big5, that are no simplified forms."""
    in_japan = [chr(code) for code in range(0x4E00, 0xA000) if in_jis(chr(code)) and not encodable(chr(code), "big5")]
    traditional_of = _convert("jp2t", in_japan)
    simplified_of = _convert("t2s", list(traditional_of.values()))
    return frozenset(c for c, t in traditional_of.items() if t != c and simplified_of[t] != c)


def _convert(scheme: str, characters: list[str]) -> dict[str, str]:
    converted = converter(scheme).convert("\n".join(characters)).split("\n")
    return dict(zip(characters, converted, strict=True))


def _latin(text: str) -> str:
    """English unless a longer text is surely another language."""
    words = _latin_words(text)
    short = len(words) < 6 and text.isascii()
    if short or any(word in _ENGLISH_WORDS for word in words):
        return "en"
    return _ask_langdetect(text)


def _ask_langdetect(text: str) -> str:
    """langdetect's most probable language, seeded; English where it finds no features at all."""
    from langdetect import LangDetectException

    from retriever.profiles import profiles  # few questions come here

    detector = profiles().create()
    detector.append(text)
    try:
        best = detector.get_probabilities()[0]
    except LangDetectException:
        return "en"
    return str(best.lang) if best.prob >= 0.9 else "en"
