"""The model's vocabulary and the vectors that training starts from.

A Unigram tokeniser (Kudo 2018) whose pieces are chosen, not learnt: common words of three languages, so that a
technology word starts from a meaning, and every character in use. It needs no morphological analyser.

A piece starts from two things that are known of it: its vector in ja-ginza (what it stands beside in Japanese texts),
and what a small English sentence model makes of its dictionary gloss (what it means, the same in all languages).
Where one of them is missing, a linear map learnt on the words that have both fills it in (Mikolov et al. 2013).
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import Unigram

from retriever.text import normalise, surfaces, variants
from retriever.training.dictionaries import Glosses

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
Vectors = NDArray[np.float32]

SCRIPT_RUNS = r"[a-z]+|[0-9]|[\p{Han}\p{Hiragana}\p{Katakana}ー]+"
SIF = 1e-3
MOST_COUNTED = 4000
"""Characters of one text that are counted: a few texts are whole pages."""

LETTER_LOG_PROBABILITY = -16.0
"""Of a lone Latin letter and of rare characters: low, so that they serve only where no word fits."""

_EAST_ASIAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fffー]+")
_LATIN = re.compile(r"[a-z]+")
_CHINESE_SHARE = 0.3
"""Of a Chinese word's frequency that counts: most text to be read is Japanese."""
_RIDGE = 10.0


def bare_tokeniser(pieces: Sequence[tuple[str, float]]) -> Tokenizer:
    """A Unigram tokeniser over runs of one script; it lower-cases what `retriever.text.normalise` gives."""
    tokeniser = Tokenizer(Unigram([("[UNK]", -30.0), *pieces], unk_id=0))
    tokeniser.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokeniser.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\s+"), behavior="removed"),
            pre_tokenizers.Split(Regex(SCRIPT_RUNS), behavior="isolated"),
        ]
    )
    return tokeniser


def count(text: str, words: Counter[str], characters: Counter[str]) -> None:
    """Add a text's surface words and characters to the counts."""
    text = normalise(text[:MOST_COUNTED]).lower()
    characters.update(text)
    words.update(surfaces(text))


def choose_pieces(
    known: Iterable[str], words: Counter[str], characters: Counter[str], sizes: Mapping[str, int]
) -> list[tuple[str, float]]:
    """Pieces with log probabilities: characters first, then `sizes` words of each language by frequency.

    Frequencies are wordfreq's and those of the training texts; `known` are ja-ginza's words in order of
    frequency, and a Zipf law (rank) stands for the counts that we don't have.
    """
    total = sum(words.values())
    counted = {word: n / total for word, n in words.items()}
    zipf = {word: 1 / (rank + 2.7) / 15 for rank, word in enumerate(known, start=1)}
    japanese = _most_frequent(_EAST_ASIAN, 5 / total, zipf, _wordfreq("ja"), counted)
    english = _most_frequent(_LATIN, 20 / total, _wordfreq("en"), counted)
    chinese = {w: _CHINESE_SHARE * f for w, f in _most_frequent(_EAST_ASIAN, 0.0, _wordfreq("zh")).items()}
    chosen_ja = _top(japanese, sizes["ja"], but=())
    chosen = [(w, japanese[w]) for w in chosen_ja]
    chosen += [(w, english[w]) for w in _top(english, sizes["en"], but=())]
    chosen += [(w, chinese[w]) for w in _top(chinese, sizes["zh"], but=set(chosen_ja))]
    alone = {c for c, n in characters.items() if n >= 3 and not c.isspace()}
    alone |= {w for w, f in chinese.items() if len(w) == 1 and f > 6e-7}
    return [(c, _of_character(c, japanese)) for c in sorted(alone)] + [(w, math.log(f)) for w, f in chosen]


def _wordfreq(language: str) -> dict[str, float]:
    """wordfreq 3.1.1 (Speer 2022): word → share of all words."""
    from wordfreq import get_frequency_dict

    found: dict[str, float] = {}
    for word, share in get_frequency_dict(language, "best").items():
        word = normalise(word).lower()
        found[word] = max(share, found.get(word, 0.0))
    return found


def _most_frequent(pattern: re.Pattern[str], least: float, *sources: Mapping[str, float]) -> dict[str, float]:
    """Word → its highest share in any source; `least` in the last one, which holds much that is rare."""
    found: dict[str, float] = {}
    for number, source in enumerate(sources, start=1):
        for word, share in source.items():
            if pattern.fullmatch(word) and (number < len(sources) or share >= least):
                found[word] = max(share, found.get(word, 0.0))
    return found


def _top(shares: Mapping[str, float], size: int, but: Iterable[str]) -> list[str]:
    left_out = set(but)
    return sorted((w for w in shares if len(w) > 1 and w not in left_out), key=lambda w: -shares[w])[:size]


def _of_character(character: str, shares: Mapping[str, float]) -> float:
    if (character.isascii() and character.isalpha()) or character not in shares:
        return LETTER_LOG_PROBABILITY
    return max(LETTER_LOG_PROBABILITY, math.log(shares[character]))


def ginza_vectors(ginza: Path) -> tuple[list[str], dict[str, Vectors]]:
    """Words of a ja-ginza 5 package's vectors, most frequent first, and the vector of each."""
    from spacy.vocab import Vocab

    vocab = Vocab().from_disk(next(ginza.glob("ja_ginza-*/vocab")))
    fold = variants()
    ordered: list[str] = []
    vectors: dict[str, Vectors] = {}
    for key, row in vocab.vectors.key2row.items():
        word = vocab.strings[key].lower().translate(fold)
        if word not in vectors and word.isprintable() and " " not in word:
            ordered.append(word)
            vectors[word] = vocab.vectors.data[row]
    return ordered, vectors


def meanings(pieces: Sequence[str], japanese: Glosses, chinese: Glosses, encode: Encode) -> dict[str, Vectors]:
    """What a sentence model makes of each English word, and of the glosses of a Japanese or Chinese one."""
    texts: dict[str, list[str]] = {}
    for piece in pieces:
        if len(piece) > 1 and _LATIN.fullmatch(piece):
            texts[piece] = [piece]
        elif glosses := (japanese.get(piece) or chinese.get(piece, []))[:2]:
            texts[piece] = [", ".join(entry) for entry in glosses]
    every = list(dict.fromkeys(text for own in texts.values() for text in own))
    encoded = dict(zip(every, encode(every), strict=True))
    return {piece: np.mean([encoded[text] for text in own], axis=0) for piece, own in texts.items()}


def initial_table(
    pieces: Sequence[tuple[str, float]], halves: Sequence[Mapping[str, Vectors]], size: int, seed: int
) -> Vectors:
    """(1 + pieces, size): each half of a row from one source, on its principal axes; noise where neither knows it.

    Rows are weighted by smooth inverse frequency (Arora et al. 2017): the commoner, the shorter.
    """
    names = ["[UNK]", *(piece for piece, _ in pieces)]
    known = [np.asarray([name in half for name in names]) for half in halves]
    blocks = [_on_axes(names, half, size // 2) for half in halves]
    both = known[0] & known[1]
    for here, there in ((0, 1), (1, 0)):
        missing = known[here] & ~known[there]
        blocks[there][missing] = blocks[here][missing] @ _linear_map(blocks[here][both], blocks[there][both])
    unknown = ~(known[0] | known[1])
    chance = np.random.default_rng(seed)
    for block in blocks:
        block[unknown] = chance.standard_normal((int(unknown.sum()), size // 2))
        block /= np.linalg.norm(block, axis=1, keepdims=True).clip(1e-6)
        block[unknown] *= 0.3
    frequency = np.exp([LETTER_LOG_PROBABILITY, *(probability for _, probability in pieces)])
    table: Vectors = (np.hstack(blocks) * math.sqrt(0.5) * (SIF / (SIF + frequency))[:, None]).astype(np.float32)
    return table


def _on_axes(names: Sequence[str], vectors: Mapping[str, Vectors], size: int) -> NDArray[Any]:
    """(names, size), zero where a name has no vector."""
    known = [number for number, name in enumerate(names) if name in vectors]
    matrix = np.stack([vectors[names[number]] for number in known]).astype(np.float64)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True).clip(1e-6)
    matrix -= matrix.mean(axis=0)
    _, axes = np.linalg.eigh(matrix.T @ matrix)
    block = np.zeros((len(names), size))
    block[known] = matrix @ axes[:, ::-1][:, :size]
    return block


def _linear_map(given: NDArray[Any], wanted: NDArray[Any]) -> NDArray[Any]:
    """Ridge regression."""
    mapped: NDArray[Any] = np.linalg.solve(given.T @ given + _RIDGE * np.eye(given.shape[1]), given.T @ wanted)
    return mapped
