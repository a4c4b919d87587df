"""True quotes drawn from the documents, what may become of them, and a plain test of what stands there."""

import random
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence

from api.citations.quotes import mapped_passage, squeeze
from ingest.clean import find_furniture
from retriever.records import Document, Passage


def draw_true(chance: random.Random, source: Document, passages: Sequence[Passage]) -> str:
    """A piece of the source as it stands, of a sentence or paragraph as cleaning joins it (over a join, one time
    in two), or of a table's cell."""
    while True:
        draw = chance.choice([piece_of_source, piece_of_prose, piece_of_prose, piece_of_cell])
        text = draw(chance, source, chance.choice(passages)).strip()
        if len(squeeze(text)) > 1:
            return text


def piece_of_source(chance: random.Random, source: Document, _: Passage) -> str:
    length = draw_length(chance)
    start = chance.randrange(len(source.text) - length)
    return source.text[start : start + length]


def piece_of_prose(chance: random.Random, source: Document, passage: Passage) -> str:
    if passage.kind == "table":
        return ""
    shown = mapped_passage(passage, source)
    joins = {end for _, end in source.joins}
    over = [i for i, place in enumerate(shown.offsets) if place in joins and i]
    length = draw_length(chance)
    first = max(
        0, (chance.choice(over) if over and chance.random() < 0.5 else chance.randrange(len(shown.text))) - length // 2
    )
    return max(shown.text[first : first + length].split("\n"), key=len)


def piece_of_cell(chance: random.Random, _: Document, passage: Passage) -> str:
    if not passage.cells:
        return ""
    text = chance.choice(passage.cells).text
    first = chance.randrange(len(text))
    return text[first : first + draw_length(chance)]


def draw_length(chance: random.Random) -> int:
    return chance.choice([2, 3, chance.randint(4, 12), chance.randint(13, 60), chance.randint(61, 200)])


WIDE = {chr(c): chr(c + 0xFEE0) for c in range(0x21, 0x7F)}
NARROW = {unicodedata.normalize("NFKC", chr(c)): chr(c) for c in range(0xFF61, 0xFF9E)}
VOICED = {
    unicodedata.normalize("NFC", k + m): n + s for k, n in NARROW.items() for m, s in (("\u3099", "ﾞ"), ("\u309a", "ﾟ"))
}
OTHER_WIDTH = {v: k for k, v in WIDE.items()} | WIDE | NARROW | {k: n for k, n in VOICED.items() if len(k) == 1}


def changed(text: str, chance: random.Random) -> str:
    """The same words with other wraps, width and spacing, and with characters that nobody sees."""
    out: list[str] = []
    for i, character in enumerate(text):
        between_figures = text[i - 1 : i].isdecimal() and text[i + 1 : i + 2].isdecimal()
        if character == " " and not between_figures and chance.random() < 0.5:
            continue
        out.append(OTHER_WIDTH.get(character, character) if chance.random() < 0.3 else character)
        if chance.random() < 0.1:
            out.append(chance.choice(["\n", " ", "\u3000", "\n\n", "\u200b", "\u200f", "\u2060"]))
    return "".join(out)


def draw_altered(
    chance: random.Random,
    sources: Sequence[tuple[Document, list[Passage]]],
    alter: Callable[[random.Random, str], str],
    stands: Callable[[str], bool],
) -> tuple[str, str]:
    """A true quote, and what became of it: drawn again where that happens to stand in the corpus, too."""
    while True:
        true = draw_true(chance, *chance.choice(sources))
        if chance.random() < 0.7:
            true = squeeze(true)
        text = alter(chance, true)
        if chance.random() < 0.3:
            text = changed(text, chance)
        if plain(without_format_characters(text)) != plain(true) and not stands(text):
            return true, text


def alter_character(chance: random.Random, text: str) -> str:
    place = chance.randrange(len(text))
    other = chance.choice(
        ["", chance.choice("0123456789百億中国京海アンaZのはを。、") + text[place] * chance.randint(0, 1)]
    )
    return text[:place] + other + text[place + 1 :]


def alter_figure(chance: random.Random, text: str) -> str:
    figures = list(re.finditer(r"[0-9０-９]+", text))
    if not figures:
        return text
    figure = chance.choice(figures)
    return text[: figure.start()] + str(chance.randrange(10 ** len(figure[0]))) + text[figure.end() :]


NAMES = (
    "百度 アリババ テンセント ファーウェイ DeepSeek 美団 バイトダンス 北京 上海 深圳 杭州 "
    "米国 中国 日本 OpenAI NVIDIA 清華大学"
).split()


def alter_name(chance: random.Random, text: str) -> str:
    held = [name for name in NAMES if name in text]
    return text.replace(chance.choice(held), chance.choice(NAMES), 1) if held else text


BREAK = re.compile(r"[\t\n\r\v\f\x85\u2028\u2029]|(?<=\d) +(?=\d)")


def corpus_oracle(documents: Sequence[Document]) -> Callable[[str], bool]:
    """Whether a text stands in the documents, told in the plainest way: the lines of each, with and without
    furniture, recorded joins undone. A text with white space in it may run over lines."""
    variants = [text for source in documents for text in written_out(source)]
    lines = "\n".join(plain(line) for text in variants for line in re.split(BREAK, text))
    wholes = "\n".join(plain(text) for text in variants)

    def stands(text: str) -> bool:
        seen = without_format_characters(text)
        return plain(seen) in (wholes if re.search(r"\s", seen) else lines)

    return stands


def written_out(source: Document) -> Iterator[str]:
    joined = {i for start, end in source.joins for i in range(start, end)}
    furniture = {i for found in find_furniture(source.text) for i in range(*found.span)}
    yield "".join(c for i, c in enumerate(source.text) if not (i in joined and c.isspace()))
    yield "".join("\n" if i in furniture else c for i, c in enumerate(source.text) if i not in joined)


def plain(text: str) -> str:
    """Without white space, NFKC but for figures in rings and raised ones."""
    composed = unicodedata.normalize(
        "NFC", re.sub("[ｦ-ﾝ][ﾞﾟ]", lambda found: unicodedata.normalize("NFKC", found[0]), text)
    )
    folded = (c if unicodedata.category(c) == "No" else unicodedata.normalize("NFKC", c) for c in composed)
    return squeeze("".join(folded))


def without_format_characters(text: str) -> str:
    return "".join(c for c in text if unicodedata.category(c) != "Cf")
