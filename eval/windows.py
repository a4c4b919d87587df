"""As many distinct passages as one likes: windows of two to four sentences over Japanese articles."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from eval.bench import read_rows
from retriever.records import Document, Passage

SIZES = (2, 3, 4)
_SENTENCE = re.compile(r"[^。\n]+。?")

Taken = tuple[Document, list[Passage]]


class Article(NamedTuple):
    title: str
    sentences: tuple[str, ...]


def articles(data: Path) -> Iterator[Article]:
    """JaQuAD's dev articles, which the questions are about; then its others and Wikipedia's on Kyoto, shuffled."""
    yield from _jaquad(data, "jaquad-dev")
    others = [*_jaquad(data, "jaquad-train"), *_kyoto(data)]
    for number in np.random.default_rng(0).permutation(len(others)):
        yield others[number]


def _jaquad(data: Path, name: str) -> list[Article]:
    found: dict[str, dict[str, None]] = {}
    for row in read_rows(data, name):
        found.setdefault(row["title"], {})[row["context"]] = None
    sentences = {title: [s.strip() for c in own for s in _SENTENCE.findall(c)] for title, own in found.items()}
    return [Article(title, tuple(filter(None, own))) for title, own in sentences.items()]


def _kyoto(data: Path) -> list[Article]:
    return [
        Article(row["title"][0], tuple(ja for p in row["paragraphs"] for ja, _ in p["sentences"] if ja))
        for row in read_rows(data, "kyoto-wikipedia-ja-en")
    ]


def cut(found: Iterator[Article], count: int) -> Iterator[Taken]:
    """Documents and their passages, `count` of them, no two of one text. The same for the same articles."""
    seen: set[bytes] = set()
    for number, article in enumerate(found):
        document = _document(number, article)
        new = (p for p in _windows(document, article.sentences) if _is_new(p.text, seen))
        if passages := list(islice(new, count - len(seen))):
            yield document, passages
        if len(seen) >= count:
            return


def _windows(document: Document, sentences: Sequence[str]) -> Iterator[Passage]:
    ends = np.cumsum([0, *map(len, sentences)]).tolist()
    pairs = chain.from_iterable(zip(ends, ends[size:], strict=False) for size in SIZES)
    for start, end in pairs:
        identity = f"{document.doc_id}.{start}-{end}"
        yield Passage(identity, document.doc_id, (), "prose", document.text[start:end], ((start, end),))


def _document(number: int, article: Article) -> Document:
    text = "".join(article.sentences)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return Document(f"w{number:06d}", article.title, text, sha256, sha256, "ja", "text/plain", "text/1")


def _is_new(text: str, seen: set[bytes]) -> bool:
    key = hashlib.blake2b(text.encode(), digest_size=8).digest()
    if key in seen:
        return False
    seen.add(key)
    return True
