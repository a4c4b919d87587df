"""How well the check of generated sentences tells what a passage says from what it doesn't.

`support.jsonl` holds sentences as a language model would write them about a place of the corpus, half of them with one
fault: a wrong figure, date or name, a denial, a turned direction, two things swapped, something added, another topic.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from api.answers.support import check
from eval.errors import BadQuestions
from retriever.records import Passage, Span
from retriever.search import Hit, Retriever

PATH = Path(__file__).with_name("support.jsonl")
MOST_CITED = 3
LANGUAGES = ("ja", "en", "zh")


@dataclass(frozen=True, slots=True)
class Claim:
    """`sentence` about the `place` of a document (SHA-256); `fault` is `None` where the place says it."""

    split: str
    language: str
    fault: str | None
    sentence: str
    document: str
    place: Span


def read_claims(split: str, path: Path = PATH) -> list[Claim]:
    """Raises `BadQuestions`."""
    claims: list[Claim] = []
    for number, line in enumerate(path.read_text("utf-8").removesuffix("\n").split("\n"), start=1):
        try:
            row = json.loads(line)
            place = int(row.pop("start")), int(row.pop("end"))
            claims.append(Claim(**row, place=place))
        except (ValueError, TypeError, KeyError) as error:
            raise BadQuestions(f"{path}:{number}: no claim: {error!r}.") from error
    return [claim for claim in claims if claim.split == split]


def refused(claims: Sequence[Claim], retriever: Retriever) -> list[bool]:
    """Whether the check finds a fault in each, with the passages at its place cited."""
    documents = {document.source_sha256: document for document in retriever.index.documents()}
    found: list[bool] = []
    for claim in claims:
        document = documents[claim.document]
        passages = sorted(retriever.index.passages_of(document.doc_id), key=lambda p: -_shared(p, claim.place))
        near = [passage for passage in passages[:MOST_CITED] if _shared(passage, claim.place)]
        read = near.__getitem__, retriever.index.document
        cited = [Hit(place, place + 1, 1.0, {}, *read) for place in range(len(near))]
        found.append(bool(check(claim.sentence, claim.language, cited, retriever).faults))
    return found


def _shared(passage: Passage, place: Span) -> int:
    return sum(max(0, min(place[1], end) - max(place[0], start)) for start, end in passage.spans)
