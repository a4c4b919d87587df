"""Training pairs from the data folder: Japanese questions and passages, and sentences in two languages.

JaQuAD dev is a benchmark and is never read here; the titles that JSQuAD test shares with the
training data are left out.
"""

import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

JSQUAD_TITLES = {
    "kyoto-wikipedia-ja-en": {"法華経", "関白", "風土記"},
    "jaquad-train": {"オスマン帝国"},
}


class Pair(NamedTuple):
    query: str
    passage: str
    group: str
    """Pairs of one group share their passage: they are no negatives of each other."""


def read_rows(data: Path, name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(data / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def jaquad_pairs(data: Path) -> list[Pair]:
    """(question, passage) of JaQuAD train: the task itself, in Japanese."""
    return [
        Pair(row["question"], row["context"], row["context"][:80])
        for row in read_rows(data, "jaquad-train")
        if row["title"] not in JSQUAD_TITLES["jaquad-train"]
    ]


def kyoto_paragraphs(data: Path) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    """(title, heading, [(Japanese, English) sentence]) of each paragraph of the Kyoto articles."""
    for row in read_rows(data, "kyoto-wikipedia-ja-en"):
        title = row["title"][0]
        if title in JSQUAD_TITLES["kyoto-wikipedia-ja-en"]:
            continue
        for paragraph in row["paragraphs"]:
            sentences = [(ja, en) for ja, en in paragraph["sentences"] if ja and en]
            if sentences:
                yield title, (paragraph["heading"] or [""])[0] or "", sentences


def cloze_pairs(data: Path, seed: int) -> list[Pair]:
    """Inverse cloze task (Lee et al. 2019): a sentence, in Japanese or English, finds its paragraph."""
    chance = random.Random(seed)
    pairs = []
    for title, heading, sentences in kyoto_paragraphs(data):
        if len(sentences) < 2:
            continue
        taken = chance.randrange(len(sentences))
        rest = "".join(ja for i, (ja, _) in enumerate(sentences) if i != taken)
        language = 1 if chance.random() < 0.5 else 0
        pairs.append(Pair(sentences[taken][language], f"{title} {heading} {rest}", f"{title}{rest[:40]}"))
    return pairs


def translation_pairs(data: Path, seed: int) -> list[Pair]:
    """(sentence, its translation) between Japanese, English and Simplified Chinese, both ways."""
    pairs = [(en, ja) for _, _, sentences in kyoto_paragraphs(data) for ja, en in sentences]
    pairs += [(row["en"], row["ja"]) for row in read_rows(data, "tanaka-en-ja")]
    for row in read_rows(data, "python-docs-en-ja-zh"):
        pairs += [(row[a], row[b]) for a, b in (("en", "ja"), ("zh", "ja"), ("zh", "en")) if row[a] and row[b]]
    random.Random(seed).shuffle(pairs)
    return [Pair(a, b, b) for a, b in pairs if 4 <= len(a) <= 400 and 4 <= len(b) <= 400]


def all_texts(data: Path) -> Iterator[str]:
    """Every text of the training data, once: questions, passages, sentences in three languages."""
    for row in read_rows(data, "jaquad-train"):
        yield row["question"]
    yield from dict.fromkeys(row["context"] for row in read_rows(data, "jaquad-train"))
    for _, _, sentences in kyoto_paragraphs(data):
        for pair in sentences:
            yield from pair
    for name in ("tanaka-en-ja", "python-docs-en-ja-zh"):
        for row in read_rows(data, name):
            yield from (row[language] for language in ("en", "ja", "zh") if row.get(language))


def sample_texts(data: Path) -> Iterator[str]:
    """Every sixth text: enough to learn how to count tokens."""
    return (text for number, text in enumerate(all_texts(data)) if number % 6 == 0)
