"""Training pairs from the data folder, the dictionaries, the glossary and the questions written for passages.

JaQuAD dev is a benchmark and is never read here; the titles that JSQuAD test shares with the training data are
left out, and one title in twelve of JaQuAD train is kept for learning how to fuse the model with the other arms.
"""

import gzip
import json
import random
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from retriever.fields import embedding_text
from retriever.generations import read_manifest
from retriever.glossary import read_glossary
from retriever.records import Asked, Passage, Span
from retriever.store import Store
from retriever.training.dictionaries import Glosses

JSQUAD_TITLES = {
    "kyoto-wikipedia-ja-en": {"法華経", "関白", "風土記"},
    "jaquad-train": {"オスマン帝国"},
}
HELD_OUT_SHARE = 12
LONGEST_WORD = 8


class Pair(NamedTuple):
    """`group`: pairs of one group share their passage, or the place that answers them: they are no negatives of each
    other. `topic`: pairs of one topic come in one batch, as hard negatives of each other (Hofstätter et al. 2021)."""

    query: str
    passage: str
    group: str
    topic: str = ""


def read_rows(data: Path, name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(data / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def is_held_out(title: str) -> bool:
    """Whether a title of JaQuAD train is kept from the model."""
    return zlib.crc32(title.encode()) % HELD_OUT_SHARE == 0


def _jaquad_rows(data: Path) -> Iterator[dict[str, Any]]:
    for row in read_rows(data, "jaquad-train"):
        if row["title"] not in JSQUAD_TITLES["jaquad-train"] and not is_held_out(row["title"]):
            yield row


def question_pairs(data: Path) -> list[Pair]:
    """(question, passage) of JaQuAD train, every other passage with its title."""
    return [Pair(row["question"], _with_title(row), row["context"], row["title"]) for row in _jaquad_rows(data)]


def _with_title(row: dict[str, Any]) -> str:
    context: str = row["context"]
    return f"{row['title']} {context}" if zlib.crc32(context.encode()) % 2 else context


def answer_pairs(data: Path) -> list[Pair]:
    """(question, title and bare answer) of JaQuAD train: what kind of thing is asked for."""
    return [
        Pair(row["question"], f"{row['title']} {row['answers'][0]['text']}", row["answers"][0]["text"], row["title"])
        for row in _jaquad_rows(data)
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
        pairs.append(Pair(sentences[taken][language], f"{title} {heading} {rest}", f"{title}{rest[:40]}", title))
    return pairs


def translation_pairs(data: Path, seed: int) -> list[Pair]:
    """(sentence, its translation) between Japanese, English and Simplified Chinese."""
    pairs = [(en, ja) for _, _, sentences in kyoto_paragraphs(data) for ja, en in sentences]
    pairs += [(row["en"], row["ja"]) for row in read_rows(data, "tanaka-en-ja")]
    for row in read_rows(data, "python-docs-en-ja-zh"):
        pairs += [(row[a], row[b]) for a, b in (("en", "ja"), ("zh", "ja"), ("zh", "en")) if row[a] and row[b]]
    random.Random(seed).shuffle(pairs)
    return [Pair(a, b, b) for a, b in pairs if 4 <= len(a) <= 400 and 4 <= len(b) <= 400]


def dictionary_pairs(*dictionaries: Glosses) -> list[Pair]:
    """(word, its glosses); words of one character mean too many things."""
    return [
        Pair(word, glosses, glosses)
        for dictionary in dictionaries
        for word, entries in dictionary.items()
        if 2 <= len(word) <= LONGEST_WORD
        for glosses in (", ".join(entry) for entry in entries[:2])
    ]


def sample(pairs: list[Pair], size: int, seed: int) -> list[Pair]:
    return random.Random(seed).sample(pairs, min(size, len(pairs)))


def glossary_pairs(path: Path, without: str | None) -> list[Pair]:
    """(form, the form that Japanese reports use); rows that only the document `without` gave are left out."""
    pairs: list[Pair] = []
    for entry in read_glossary(path):
        if without is None or entry.source != without[: len(entry.source)]:
            pairs += [Pair(form, entry.ja, entry.ja) for form in entry.forms if form != entry.ja]
            if entry.en != entry.zh:
                pairs.append(Pair(entry.zh, entry.en, entry.ja))
    return pairs


def written_pairs(index: Path, without: str | None) -> list[Pair]:
    """(question, passage) as an index holds them; `without` the document of this id."""
    return [
        Pair(asked.text, embedding_text(passage), passage.passage_id) for passage, asked in _written(index, without)
    ]


def _written(index: Path, without: str | None) -> Iterator[tuple[Passage, Asked]]:
    """Every question that an index holds, with its passage."""
    manifest = read_manifest(index)
    for segment in manifest.segments:
        left_out = {without, *manifest.deleted.get(segment, ())}
        with closing(Store(index / "segments" / segment / "store.sqlite")) as store:
            passages = list(store.passages())
            for number, asked in store.asked():
                if passages[number].doc_id not in left_out:
                    yield passages[number], asked


def twin_pairs(index: Path, without: str | None, seed: int) -> list[Pair]:
    """(question, another one that the same place answers), in any two languages; `without` the document of this id.

    Those of one passage come in one batch: what it says of one thing is no answer to what was asked of another.
    """
    alike: dict[tuple[str, tuple[Span, ...], tuple[Span, ...]], list[str]] = {}
    for passage, asked in _written(index, without):
        if asked.answer:
            alike.setdefault((passage.passage_id, asked.answer, asked.short), []).append(asked.text)
    chance = random.Random(seed)
    pairs: list[Pair] = []
    for (passage_id, answer, short), texts in alike.items():
        mixed = chance.sample(texts, len(texts))
        others = zip(mixed, mixed[1:] + mixed[:1], strict=True)
        pairs += [
            Pair(one, other, f"{passage_id} {answer} {short}", passage_id) for one, other in others if one != other
        ]
    return pairs


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
