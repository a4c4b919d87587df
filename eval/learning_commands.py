"""`tenkyo eval fit` and `leave-out`: weights learnt anew, and how well a document does that nothing was learnt from."""

from pathlib import Path
from typing import Annotated

import typer

from api.answers import selection
from api.answers.evidence import CALIBRATION
from api.answers.selection import SELECTION
from api.cli import opened
from api.service import Service
from api.settings import Settings
from eval import fit, fit_answers
from eval.leave_out import leave_out, newcomers
from eval.questions import FOLDER, Question, read_questions
from eval.retrieval import WITHIN
from eval.tables import NAMES, cell, markdown, plain
from ingest.build import say
from retriever.fusion import SHIPPED_WEIGHTS

LEFT_OUT = Path(__file__).with_name("leave-out.md")
LEFT_OUT_HEAD = """# Each document as if it were new

Written by `tenkyo eval leave-out`. Left out for each document: the questions written for it, the glossary rows that it
alone gave, its pairs in the training of the model, and its questions in learning the weights. Dev questions with one
evidence; percent, with 95% bootstrap intervals.
"""
Models = Annotated[Path, typer.Option(help="Folder with a model for each document, MODELS/ID, trained without it.")]


def fit_command(
    models: Models,
    data: Annotated[Path, typer.Option(help="Folder with the training data: its held-out JaQuAD titles are used.")],
) -> None:
    """Learn on dev, and on JaQuAD titles new to the model, how to weigh the arms; on dev, how sure an answer is."""
    with opened() as service:
        dev = _dev(service)
        with newcomers(Settings(), dev, models) as known:
            weights = fit.learn((dev, service.retriever), [newcomer.example for newcomer in known], data)
        fit.write(weights, SHIPPED_WEIGHTS)
        say("written to retriever/weights.json")
        corpus, retriever = Settings().corpus, service.with_weights(weights).retriever
        inside, outside = fit_answers.read_unanswerable(corpus / "unanswerable.jsonl")
        with fit_answers.unwritten(corpus, retriever) as new:
            examples = fit_answers.choices(dev, retriever) + fit_answers.choices(dev, new, fit_answers.NEW_SHARE)
            fit.write(fit_answers.fit_selection(examples), SELECTION)
            say("written to api/answers/selection.json")
            selection.weights.cache_clear()  # what follows rests on the new ones
            both = {"written": retriever, "new": new}
            found = {name: fit_answers.outcomes(dev, inside, outside, one) for name, one in both.items()}
        fit.write({name: fit_answers.calibrate(one) for name, one in found.items()}, CALIBRATION)
        say("written to api/answers/calibration.json")


def leave_out_command(
    models: Models,
    data: Annotated[Path, typer.Option(help="Folder with the training data, for learning the weights anew.")],
) -> None:
    """Each document as if it were new, in everything that was learnt or written; writes eval/leave-out.md."""
    with opened() as service:
        header = ["document", "language", "questions", NAMES[WITHIN], "dense alone"]
        rows: list[list[str]] = []
        for found in leave_out(Settings(), _dev(service), models, data):
            rows.append(
                [found.document, found.language, str(found.within.count), cell(found.within), cell(found.dense)]
            )
            say(plain(header, rows[-1:]))
        LEFT_OUT.write_text(f"{LEFT_OUT_HEAD}\n{markdown(header, rows)}", "utf-8")
        typer.echo(plain(header, rows))


def _dev(service: Service) -> list[Question]:
    return read_questions(FOLDER / "dev.jsonl", service.index.documents())
