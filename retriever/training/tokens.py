"""The byte-level encoding that counts tokens: trained once, shipped as ingest/tokens.tiktoken.

All 256 bytes and every intermediate merge are in it, so that tiktoken can reach each token.
"""

import base64
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

SPLIT_PATTERN = r"\p{L}+|\p{N}{1,3}|[^\s\p{L}\p{N}]+|\s+"


def train_encoding(texts: Iterable[str], size: int) -> dict[bytes, int]:
    """Ranks of `size` tokens: the 256 bytes first, then the merges in the order they were learnt."""
    tokeniser = Tokenizer(BPE())
    tokeniser.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokeniser.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = BpeTrainer(vocab_size=size, initial_alphabet=alphabet, max_token_length=24, show_progress=True)
    tokeniser.train_from_iterator(texts, trainer)
    to_byte = _byte_of_character()
    tokens = sorted(tokeniser.get_vocab().items(), key=lambda item: item[1])
    learnt = [bytes(to_byte[c] for c in token) for token, _ in tokens]
    merged = [token for token in learnt if len(token) > 1]
    return {token: rank for rank, token in enumerate([bytes([b]) for b in range(256)] + merged)}


def _byte_of_character() -> dict[str, int]:
    """GPT-2's reversible map between bytes and printable characters."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    return {chr(b): b for b in printable} | {chr(256 + i): b for i, b in enumerate(others)}


def write_encoding(ranks: dict[bytes, int], path: Path) -> None:
    path.write_text("".join(f"{base64.b64encode(token).decode()} {rank}\n" for token, rank in ranks.items()), "ascii")
