"""A generated answer as the HTTP contract shows it: every citation a quote from a source, never the model's words."""

from collections.abc import Sequence
from dataclasses import dataclass

from api import schemas
from api.answers.answer import Composition
from api.answers.candidates import Candidate
from api.answers.generate import Written
from api.citations.quotes import prove
from api.responses import abstention_out, citation_out
from retriever.language import detect_language

FLAGS = {"ja": "［資料で確認できず］", "zh": "［未能从资料中证实］", "en": "[not found in the sources]"}
DECLINED = {
    "ja": "言語モデルは、見つかった箇所からは答えられないと判断しました。",
    "zh": "语言模型判断：找到的段落无法回答这个问题。",
    "en": "The language model found no answer in these passages.",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What is shown of a reply. `cited`: in the order of their numbers; `left_out`: how many sentences were dropped."""

    text: str
    sentences: tuple[schemas.SentenceOut, ...]
    cited: tuple[Candidate, ...]
    left_out: int

    @property
    def supported(self) -> int:
        return sum(sentence.support == "supported" for sentence in self.sentences)


def tell(written: Sequence[Written], language: str, flag: bool) -> Told:
    """`flag`: show what no passage supports, marked as such and without a citation, instead of dropping it."""
    shown = [sentence for sentence in written if flag or sentence.is_supported]
    numbers: dict[tuple[str, tuple[tuple[int, int], ...]], int] = {}
    cited: list[Candidate] = []
    sentences: list[schemas.SentenceOut] = []
    text = ""
    for sentence in shown:
        own: list[int] = []
        for candidate in sentence.verdict.evidence if sentence.is_supported else ():
            key = candidate.hit.document.doc_id, candidate.quote.spans
            if key not in numbers:
                cited.append(candidate)
                numbers[key] = len(cited)
            own.append(numbers[key])
        text += "" if not text else " " if language == "en" else ""
        start, end = len(text), len(text) + len(sentence.text)
        marks = "".join(f"[{number}]" for number in own) or FLAGS.get(language, FLAGS["en"])
        text += sentence.text + marks
        support = "supported" if sentence.is_supported else "unsupported"
        sentences.append(
            schemas.SentenceOut(text=sentence.text, start=start, end=end, citations=own, support=support, parts=[])
        )
    return Told(text, tuple(sentences), tuple(cited), len(written) - len(shown))


def generated_out(answer: schemas.AnswerOut, told: Told, found: Composition, model: str) -> schemas.AnswerOut:
    """The extractive `answer` with the model's words in its place. Raises `UnprovenCitation`."""
    cited = list(told.cited)
    disagreements = [_renumbered(disagreement, found, cited) for disagreement in answer.disagreements]
    for candidate in cited:
        prove(candidate.hit.document, candidate.quote.text, candidate.quote.spans)
    written = len(told.sentences) + told.left_out
    return answer.model_copy(
        update={
            "answered": True,
            "answer": told.text,
            "answer_language": detect_language(told.text),
            "short_answer": _short_answer(answer, cited),
            "sentences": list(told.sentences),
            "citations": [citation_out(number, candidate) for number, candidate in enumerate(cited, start=1)],
            "disagreements": disagreements,
            "confidence": round(found.confidence * told.supported / written, 4),
            "mode": "generative",
            "language_model": model,
            "degraded": _left_out(told.left_out),
        }
    )


def declined_out(answer: schemas.AnswerOut, found: Composition, model: str) -> schemas.AnswerOut:
    """The model wrote that the passages don't answer."""
    abstention = abstention_out(found, answer.language)
    reason = DECLINED.get(answer.language, DECLINED["en"])
    return answer.model_copy(
        update={
            "answered": False,
            "answer": None,
            "short_answer": None,
            "sentences": [],
            "citations": [],
            "disagreements": [],
            "abstention": abstention.model_copy(update={"reason": reason}),
            "mode": "generative",
            "language_model": model,
        }
    )


def _renumbered(
    disagreement: schemas.DisagreementOut, found: Composition, cited: list[Candidate]
) -> schemas.DisagreementOut:
    """With the citations of a generated answer; those that it lacks join `cited`."""
    values: list[schemas.ValueOut] = []
    for value in disagreement.values:
        candidate = found.chosen[value.citation - 1]
        if candidate not in cited:
            cited.append(candidate)
        values.append(value.model_copy(update={"citation": cited.index(candidate) + 1}))
    return disagreement.model_copy(update={"values": values})


def _short_answer(answer: schemas.AnswerOut, cited: Sequence[Candidate]) -> schemas.ShortAnswerOut | None:
    """That of the extractive answer, where it lies in something that the generated one cites."""
    short = answer.short_answer
    if short is None:
        return None
    doc_id = answer.citations[short.citation - 1].doc_id
    for number, candidate in enumerate(cited, start=1):
        inside = all(any(s <= a and b <= e for s, e in candidate.quote.spans) for a, b in short.spans)
        if inside and candidate.hit.document.doc_id == doc_id:
            return short.model_copy(update={"citation": number})
    return None


def _left_out(count: int) -> str | None:
    if not count:
        return None
    sentences = "1 sentence" if count == 1 else f"{count} sentences"
    return f"{sentences} of the language model left out: no passage supports what was written."
