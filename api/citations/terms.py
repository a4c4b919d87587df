"""Which texts hold which words and pairs of letters: packed, so that many texts are asked in one go."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retriever.text import normalise, words

Held = NDArray[np.bool_]
"""(W, T): terms, and which of some texts hold each."""


class Text(NamedTuple):
    """A text and its words; of one that is made of several, the words of each."""

    text: str
    words: Collection[str]


@dataclass(frozen=True, slots=True)
class Terms:
    """`codes` (V,) of the terms, sorted; `bits` (V, T / 8): which of the texts (T) hold each; `texts` = T."""

    codes: NDArray[np.int64]
    bits: NDArray[np.uint8]
    texts: int

    def hold(self, wanted: NDArray[np.int64]) -> Held:
        """(W, T): some terms, and which of the texts hold each."""
        if not len(self.codes):
            return np.zeros((len(wanted), self.texts), bool)
        places = np.minimum(self.codes.searchsorted(wanted), len(self.codes) - 1)
        bits = self.bits[places] * (self.codes[places] == wanted)[:, np.newaxis]
        return np.unpackbits(bits, axis=1, count=self.texts).view(np.bool_)


def read_terms(texts: Sequence[Text]) -> Terms:
    own = [np.concatenate((word_codes(text.words), *_letters(text.text))) for text in texts]
    codes, places = np.unique(np.concatenate([*own, np.zeros(0, np.int64)]), return_inverse=True)
    held = np.zeros((len(codes), len(texts)), bool)
    held[places, np.repeat(np.arange(len(texts)), [len(codes) for codes in own])] = True
    return Terms(codes, np.packbits(held, axis=1), len(texts))


def as_text(text: str) -> Text:
    return Text(text, held_in(text))


def held_in(text: str) -> frozenset[str]:
    """A text's words."""
    return frozenset(words(text))


held_in_form = lru_cache(maxsize=16384)(held_in)
"""Those of a name or term of the glossary: they come again and again."""


def word_codes(terms: Collection[str]) -> NDArray[np.int64]:
    """One number a word: 64 bits, so that of a million words hardly two are taken for one."""
    return np.fromiter(map(hash, terms), np.int64, len(terms))


def pair_codes(pairs: Iterable[str]) -> NDArray[np.int64]:
    """One number a pair of letters, or a letter alone."""
    return np.fromiter((_code(pair) for pair in pairs), np.int64)


def _code(pair: str) -> int:
    return (ord(pair[0]) << 21) + ord(pair[1]) if len(pair) > 1 else ord(pair)


def neighbours(text: str) -> NDArray[np.int64]:
    """Each pair of neighbouring characters as one number, in order."""
    codes = _characters(text)
    return (codes[:-1] << 21) + codes[1:]


def _letters(text: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    written = normalise(text).lower()
    return neighbours(written), _characters(written)


def _characters(text: str) -> NDArray[np.int64]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int64)
