"""One command a stage: `python -m retriever.training tokens|vocabulary|train|export|check`.

All read the data from a path and are seeded; `train` goes on where it stopped. The shipped model:

    python -m retriever.training vocabulary --data DATA --ginza GINZA --work WORK
    python -m retriever.training train --data DATA --work WORK
    python -m retriever.training export --work WORK --out retriever/model
    python -m retriever.training check --data DATA
"""

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from tokenizers import Tokenizer

from retriever.embed import SHIPPED_MODEL, StaticModel
from retriever.training import check as check_stage
from retriever.training import data as data_stage
from retriever.training import tokens as token_stage
from retriever.training import vocabulary as vocabulary_stage

SEED = 7
PIECES = 60_000
DIMENSIONS = 256
TRANSLATIONS = 300_000
EPOCHS = 5

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="How the shipped model was made.")
Data = Annotated[Path, typer.Option(help="Folder with the training data (*.jsonl.gz).")]
Work = Annotated[Path, typer.Option(help="Folder for what the stages hand on.")]


@app.command()
def tokens(data: Data, out: Annotated[Path, typer.Option()], size: int = 16_384) -> None:
    """Train the encoding that counts tokens (ingest/tokens.tiktoken)."""
    token_stage.write_encoding(token_stage.train_encoding(data_stage.sample_texts(data), size), out)


@app.command()
def vocabulary(
    data: Data, work: Work, ginza: Annotated[Path, typer.Option(help="An unpacked ja-ginza 5.2.0.")]
) -> None:
    """Choose the pieces and their first vectors."""
    known, vectors = vocabulary_stage.word_vectors(ginza)
    words: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    for number, text in enumerate(data_stage.all_texts(data)):
        vocabulary_stage.count(text, words, characters)
        if number % 100_000 == 0:
            print(f"{number:,} texts counted", file=sys.stderr)
    pieces = vocabulary_stage.choose_pieces(known, words, characters, PIECES)
    tokeniser = vocabulary_stage.bare_tokeniser(pieces)
    table = vocabulary_stage.initial_table(tokeniser, dict(pieces), vectors, DIMENSIONS, SEED)
    vocabulary_stage.save(tokeniser, table, work)


@app.command()
def train(data: Data, work: Work, epochs: int = EPOCHS) -> None:
    """Train the table on questions and passages, sentences and paragraphs, and translations."""
    from retriever.training import train as train_stage

    tokeniser = Tokenizer.from_file(str(work / "tokenizer.json"))
    sources = [
        train_stage.Source(name, tokeniser, pairs)
        for name, pairs in (
            ("questions", data_stage.jaquad_pairs(data)),
            ("cloze", data_stage.cloze_pairs(data, SEED)),
            ("translations", data_stage.translation_pairs(data, SEED)[:TRANSLATIONS]),
        )
    ]
    table = train_stage.train(np.load(work / "initial.npy"), sources, epochs, SEED, work / "checkpoints")
    np.save(work / "trained.npy", table)


@app.command()
def export(work: Work, out: Annotated[Path, typer.Option()] = SHIPPED_MODEL) -> None:
    """Write the trained table in sentence-transformers format."""
    from retriever.training import export as export_stage

    export_stage.export(np.load(work / "trained.npy"), Tokenizer.from_file(str(work / "tokenizer.json")), out)


@app.command()
def check(data: Data, model: Path = SHIPPED_MODEL) -> None:
    """nDCG@10 on the passages of JaQuAD dev, which training never saw."""
    score, low, high = check_stage.jaquad_dev(data, StaticModel(model), SEED)
    print(f"JaQuAD dev passages, dense alone: nDCG@10 {score:.1f} (95% interval {low:.1f}-{high:.1f})")


if __name__ == "__main__":
    app()
