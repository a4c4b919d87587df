"""The model's vocabulary: whole words where they are known, pieces and characters for the rest.

A Unigram tokeniser (Kudo 2018) whose pieces are chosen, not learnt: the words of ja-ginza's vectors
(so that a rare technology word starts from a meaning), the words of the training texts, and every
character in use. It needs no morphological analyser and reads Japanese, English and Chinese alike.
"""

import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import Unigram

from retriever.text import normalise, surfaces, variants

SCRIPT_RUNS = r"[a-z]+|[0-9]|[\p{Han}\p{Hiragana}\p{Katakana}ー]+"
SIF = 1e-3
MOST_COUNTED = 4000
"""Characters of one text that are counted: a few texts are whole pages."""

LETTER_LOG_PROBABILITY = -16.0
"""Of a lone Latin letter and of rare characters: low, so that they serve only where no word fits."""


def bare_tokeniser(pieces: list[tuple[str, float]]) -> Tokenizer:
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


def choose_pieces(
    known: Iterable[str], counts: Counter[str], characters: Counter[str], size: int
) -> list[tuple[str, float]]:
    """`size` pieces with log probabilities: characters first, then words by estimated frequency.

    `known` are words in order of frequency; a Zipf law (rank) stands for the counts we don't have.
    """
    total = sum(counts.values())
    harmonic = 15.0
    log_probability = {word: math.log(count / total) for word, count in counts.items()}
    for rank, word in enumerate(known, start=1):
        zipf = math.log(1 / (rank + 2.7) / harmonic)
        log_probability[word] = max(zipf, log_probability.get(word, zipf))
    alone = {character for character, count in characters.items() if count >= 3 and not character.isspace()}
    words = sorted((w for w in log_probability if len(w) > 1), key=lambda w: -log_probability[w])
    pieces = [(c, _character_probability(c, log_probability)) for c in sorted(alone)]
    return pieces + [(w, log_probability[w]) for w in words[: size - len(pieces) - 1]]


def _character_probability(character: str, log_probability: dict[str, float]) -> float:
    if character.isascii() and character.isalpha():
        return LETTER_LOG_PROBABILITY
    return max(LETTER_LOG_PROBABILITY, log_probability.get(character, LETTER_LOG_PROBABILITY))


def word_vectors(ginza: Path) -> tuple[list[str], dict[str, NDArray[np.float32]]]:
    """Words of a ja-ginza 5 package's vectors, most frequent first, and the vector of each."""
    from spacy.vocab import Vocab

    vocab = Vocab().from_disk(next(ginza.glob("ja_ginza-*/vocab")))
    fold = variants()
    ordered: list[str] = []
    vectors: dict[str, NDArray[np.float32]] = {}
    for key, row in vocab.vectors.key2row.items():
        word = vocab.strings[key].lower().translate(fold)
        if word not in vectors and word.isprintable() and " " not in word:
            ordered.append(word)
            vectors[word] = vocab.vectors.data[row]
    return ordered, vectors


def initial_table(
    tokeniser: Tokenizer,
    log_probability: dict[str, float],
    vectors: dict[str, NDArray[np.float32]],
    size: int,
    seed: int,
) -> NDArray[np.float32]:
    """(pieces, size): the words' vectors on their principal axes, noise where none is known.

    Rows are weighted by smooth inverse frequency (Arora et al. 2017): the commoner, the shorter.
    """
    pieces = [str(tokeniser.id_to_token(i)) for i in range(tokeniser.get_vocab_size())]
    known = [i for i, piece in enumerate(pieces) if piece in vectors]
    matrix = np.stack([vectors[pieces[i]] for i in known])
    matrix = matrix - matrix.mean(axis=0)
    _, _, axes = np.linalg.svd(matrix[:20_000], full_matrices=False)
    projected = matrix @ axes[:size].T
    noise = np.random.default_rng(seed).standard_normal((len(pieces), size))
    table = 0.1 * noise / math.sqrt(size)
    table[known] = projected / np.linalg.norm(projected, axis=1, keepdims=True).clip(1e-6)
    frequency = np.exp([log_probability.get(piece, LETTER_LOG_PROBABILITY) for piece in pieces])
    weighted: NDArray[np.float32] = (table * (SIF / (SIF + frequency))[:, None]).astype(np.float32)
    return weighted


def count(text: str, words: Counter[str], characters: Counter[str]) -> None:
    """Add a text's surface words and characters to the counts."""
    text = normalise(text[:MOST_COUNTED]).lower()
    characters.update(text)
    words.update(surfaces(text))


def save(tokeniser: Tokenizer, table: NDArray[np.float32], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    tokeniser.save(str(out / "tokenizer.json"))
    np.save(out / "initial.npy", table)
