"""One normaliser and one tokeniser, called by indexing and by querying alike.

Index terms come in two kinds (measured on JaQuAD dev, nDCG@10: words 91.8, bigrams 91.8, both 92.9):

* words: SudachiPy, split mode A (the shortest units), normalised forms, content words only;
* bigrams: pairs of neighbouring characters, for what a dictionary doesn't know.
"""

import re
import threading
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache, lru_cache

import opencc
import sudachipy

VERSION = 4
"""Raised whenever the terms of the same text change: an older index is then refused."""

CONTENT_CLASSES = frozenset({"名詞", "動詞", "形容詞", "形状詞", "副詞", "接頭辞", "接尾辞", "記号"})
LIGHT_WORDS = frozenset(
    "為る 有る 居る 成る 言う 出来る 無い 行く 来る 見る 因る 於く 就く 対する 事 物 所 時 為 訳 中 等 様 上 "
    "何 誰 何処 何時 何れ どの 教える 下さい 御座る くる 頂く 呉れる 知る".split()
)
_PLURAL = re.compile(r"([A-Za-z]{3,}?)(ies|(?<=ss)es|(?<=x)es|(?<=[cs]h)es|(?<![sui])s)")
_ODD_PLURALS = {"news": "news", "series": "series", "species": "species", "movies": "movie"}
_WORD_REACH = 12
_MOST_TOKENISED = 10_000
_SPACES = re.compile(r"\s+")
FUNCTION_WORDS = frozenset(
    "a an the of in on at to for by with from is are was were be been do does did has have had what which who whom "
    "whose when where why how many much and or not that this these those it its as about into between there any can "
    "could will would should s 的 是 了 嗎 吗 什麼 多少 哪 哪些 在 和 有 個 幾 與 及".split()
)
"""English and Chinese words that carry no content; Sudachi keeps Japanese ones apart by class."""

_TERM_CHARACTER = re.compile(r"[^\W_]")


@lru_cache(maxsize=16)  # each stage of a search asks for the query
def normalise(text: str) -> str:
    """NFKC, one form per character (see `variants`), single spaces. Case is kept: the dictionary needs it."""
    return _SPACES.sub(" ", unicodedata.normalize("NFKC", text).translate(variants())).strip()


@cache
def variants() -> dict[int, str]:
    """Traditional and simplified characters → the form that Japanese uses (國, 压 → 国, 圧).

    Characters of Japanese text itself are touched only where they are old forms: 机 stays a desk
    and doesn't become 機. A Chinese question is converted whole elsewhere.
    """
    characters = [chr(code) for code in range(0x4E00, 0xA000)]
    traditional = converter("s2t").convert("\n".join(characters)).split("\n")
    unified = [t if not in_jis(c) else c for c, t in zip(characters, traditional, strict=True)]
    japanese = converter("t2jp").convert("\n".join(unified)).split("\n")
    return {ord(c): j for c, j in zip(characters, japanese, strict=True) if c != j}


@cache
def converter(scheme: str) -> opencc.OpenCC:
    """OpenCC's, loaded once: the dictionaries of some take 0.1 s and 26 MB."""
    return opencc.OpenCC(scheme)


def in_jis(character: str) -> bool:
    """Whether the first level of JIS X 0208 has the character: the kanji that Japanese is written with.

    Simplified Chinese forms are outside, but for those that Japan adopted too (国, 会).
    """
    code = character.encode("shift_jis", "ignore")
    return len(code) == 2 and code[0] < 0x98


def encodable(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


@cache
def _dictionary() -> sudachipy.Dictionary:
    return sudachipy.Dictionary(dict="core")


@cache
def _content_classes() -> Callable[[sudachipy.Morpheme], bool]:
    """Sudachi tells a class by a number of its own, quicker than we by its name."""
    matcher: Callable[[sudachipy.Morpheme], bool] = _dictionary().pos_matcher([(name,) for name in CONTENT_CLASSES])
    return matcher


_own = threading.local()


def _tokeniser() -> sudachipy.Tokenizer:
    """One a thread: a tokeniser that is at work refuses another text."""
    if not hasattr(_own, "tokeniser"):
        _own.tokeniser = _dictionary().tokenizer(mode=sudachipy.SplitMode.A)
    tokeniser: sudachipy.Tokenizer = _own.tokeniser
    return tokeniser


def words(text: str) -> list[str]:
    """Content words of a text in their normalised forms, in order, lower case.

    Numbers come out in one form: 5,784億 and 5784億 are both 578400000000.
    """
    has_content = _content_classes()
    return [
        form
        for piece in _pieces(normalise(text))
        for morpheme in _tokeniser().tokenize(piece)
        if has_content(morpheme) and (form := _term(morpheme.surface(), morpheme.normalized_form()))
    ]


def breaks_word(before: str, after: str) -> bool:
    """Whether a word runs over the border between two pieces of text (モ|デル), Latin ones left aside."""
    head, tail = before[-_WORD_REACH:], after[:_WORD_REACH]
    if not head or not tail or (head[-1].isascii() and tail[0].isascii()):
        return False
    return any(
        morpheme.begin() < len(head) < morpheme.end()
        for morpheme in _tokeniser().tokenize(head + tail, mode=sudachipy.SplitMode.C)
    )


def trailing_name(text: str) -> str:
    """The last compound of nouns in a text: 「検索大手の百度」 → 百度."""
    kept: list[str] = []
    for morpheme in reversed(list(_tokeniser().tokenize(normalise(text), mode=sudachipy.SplitMode.C))):
        if morpheme.part_of_speech()[0] not in ("名詞", "接頭辞", "接尾辞"):
            break
        kept.insert(0, morpheme.surface())
    return "".join(kept)


def proper_names(text: str) -> list[str]:
    """Names in a Japanese text: what the dictionary calls one, and words that it doesn't know."""
    return [
        morpheme.surface()
        for morpheme in _tokeniser().tokenize(normalise(text), mode=sudachipy.SplitMode.C)
        if (morpheme.is_oov() or morpheme.part_of_speech()[1] == "固有名詞")
        and _TERM_CHARACTER.search(morpheme.surface())
    ]


def _pieces(text: str) -> list[str]:
    """The text in lengths that Sudachi takes (49,149 bytes at most)."""
    return [text[start : start + _MOST_TOKENISED] for start in range(0, len(text), _MOST_TOKENISED)]


@lru_cache(maxsize=16384)
def _term(surface: str, normalised: str) -> str:
    """Sudachi's normalised form, lower case; of an English plural, that of its singular. Nothing for a light word.

    Sudachi knows many English words by their Japanese ones (robot → ロボット), but not their plurals.
    """
    alone = singular(surface)
    form = normalised.lower() if alone == surface else _normalised_word(alone)
    if surface.lower() in FUNCTION_WORDS or form in LIGHT_WORDS or not _TERM_CHARACTER.search(form):
        return ""
    return form


def singular(word: str) -> str:
    """An English plural's singular by its ending, any other word as it is."""
    if odd := _ODD_PLURALS.get(word.lower()):
        return odd
    plural = _PLURAL.fullmatch(word)
    if not plural or word.lower() in FUNCTION_WORDS:
        return word
    return f"{plural[1]}y" if plural[2].lower() == "ies" else plural[1]


def _normalised_word(word: str) -> str:
    return "".join(morpheme.normalized_form().lower() for morpheme in _tokeniser().tokenize(word))


def surfaces(text: str) -> list[str]:
    """All words of a text as they stand in it."""
    return [morpheme.surface() for morpheme in _tokeniser().tokenize(text)]


def in_japanese_forms(text: str, language: str) -> str:
    """A Chinese text in the characters that Japanese uses, any other as it is.

    机器人 → 機器人: `variants` alone must leave 机, which is a desk in Japanese.
    """
    if language != "zh":
        return text
    converted: str = converter("t2jp").convert(converter("s2t").convert(text))
    return converted


def bigrams(text: str) -> list[str]:
    """Pairs of neighbouring letters or digits, punctuation and space left out; a lone one stays itself."""
    return [bigram for run in _runs(normalise(text).lower()) for bigram in _pairs(run)]


def _runs(text: str) -> Iterator[str]:
    yield from re.findall(r"[^\W_]+", text)


def _pairs(run: str) -> list[str]:
    return [run[i : i + 2] for i in range(len(run) - 1)] if len(run) > 1 else [run]
