"""An answer as the text of a chat message: Markdown in which quotes read as they are, with the places of its marks."""

from collections.abc import Iterator
from urllib.parse import quote as percent_encode

from api import schemas
from api.chat_schemas import Annotation, UrlCitation
from api.export import in_markdown, labels, spelt
from api.generated import FLAGS

SOURCES = {"ja": "出典", "en": "Sources", "zh": "来源"}
UNDERSTOOD = {
    "ja": "会話を踏まえ、次の質問として答えました：",
    "en": "In view of the conversation, the question was read as: ",
    "zh": "结合上文，按以下问题作答：",
}
WITHDRAWN = {
    "ja": "言語モデルが書いた以上の文は取り下げます。",
    "en": "What the language model wrote above is withdrawn.",
    "zh": "以上由语言模型撰写的内容已撤回。",
}


class Reply:
    """`text` so far; `marks`: number, start and end of each citation in it. What is written is also returned."""

    def __init__(self, base_url: str, language: str):
        self.base_url = base_url.rstrip("/")
        self.language = language if language in SOURCES else "en"
        self.text = ""
        self.marks: list[tuple[int, int, int]] = []

    def whole(self, answer: schemas.AnswerOut) -> Iterator[str]:
        """The short answer and each sentence, or why there is none."""
        if answer.abstention:
            yield self._write(f"{_shown(answer.abstention.reason)}\n\n{labels(self.language)['nearest']}\n")
        if short := answer.short_answer:
            gloss = f" ({_shown(short.gloss)})" if short.gloss else ""
            yield self._write(_shown(short.text)) + self._mark(short.citation) + self._write(f"{gloss}\n\n")
        for sentence in answer.sentences:
            yield self.sentence(sentence)

    def sentence(self, sentence: schemas.SentenceOut) -> str:
        written = ""
        if self.text and not self.text.endswith("\n"):
            written += self._write("\n" if sentence.support == "verbatim" else " " if self.language == "en" else "")
        written += self._write(_shown(sentence.text))
        for number in sentence.citations:
            written += self._mark(number)
        return written if sentence.citations else written + self._write(in_markdown(FLAGS[self.language]))

    def withdraw(self) -> str:
        """What was written doesn't hold; something else follows."""
        self.marks.clear()
        return self._write(f"\n\n{WITHDRAWN[self.language]}\n\n")

    def sources(self, answer: schemas.AnswerOut, understood: str | None) -> str:
        """A list of the sources, or of the nearest places with their quotes; then, how a follow-up was `understood`."""
        written = "" if answer.abstention else self._write(f"\n\n{SOURCES[self.language]}\n")
        for citation in _cited(answer):
            written += self._write("\n- ") + self._mark(citation.number)
            dated = f" ({_shown(citation.published)})" if citation.published else ""
            written += self._write(f" {_shown(citation.title)}{dated} <{self._link(citation)}>")
            written += self._write(f"  \n  {_shown(citation.quote)}") if answer.abstention else ""
        if understood:
            written += self._write(f"\n\n{UNDERSTOOD[self.language]}{_shown(understood)}")
        return written + self._write("\n")

    def annotations(self, answer: schemas.AnswerOut) -> list[Annotation]:
        cited = {citation.number: citation for citation in _cited(answer)}
        return [
            Annotation(
                type="url_citation",
                url_citation=UrlCitation(
                    start_index=start, end_index=end, url=self._link(cited[number]), title=cited[number].title
                ),
            )
            for number, start, end in self.marks
        ]

    def _write(self, text: str) -> str:
        self.text += text
        return text

    def _mark(self, number: int) -> str:
        start = len(self.text)
        mark = self._write(f"[{number}]")
        self.marks.append((number, start, len(self.text)))
        return mark

    def _link(self, citation: schemas.CitationOut) -> str:
        return percent_encode(self.base_url + citation.url, ":/?#[]@,;=&%~")


def _cited(answer: schemas.AnswerOut) -> list[schemas.CitationOut]:
    return answer.abstention.nearest if answer.abstention else answer.citations


def _shown(text: str) -> str:
    return in_markdown(spelt(text))
