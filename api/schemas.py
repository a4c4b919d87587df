"""Requests and responses of the HTTP contract. Requests refuse unknown fields; spans are code points."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema


def _no_surrogates(text: str) -> str:
    """JSON can name half a character; no text holds one."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("it holds half a surrogate pair, which is no character")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("it holds white space only")
    return text


Text = Annotated[str, AfterValidator(_no_surrogates)]
Text2000 = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2000),
    AfterValidator(_not_blank),
]
TopK = Annotated[int, Field(ge=1, le=50, strict=True)]
Language = Annotated[str, StringConstraints(pattern="^[a-z]{2,3}$")]
Flag = Annotated[bool, Field(strict=True)]
SpanPair = Annotated[
    tuple[int, int],
    WithJsonSchema({"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}),
]


class Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FiltersIn(Request):
    model_config = ConfigDict(frozen=True)  # what can't change isn't copied for each request

    doc_ids: tuple[Text, ...] = ()
    published_from: Text | None = Field(None, examples=["2024", "2024-07"])
    published_to: Text | None = None
    kinds: tuple[Text, ...] = ()


class PageIn(Request):
    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = None


class SearchIn(Request):
    query: Text2000 = Field(examples=["人型ロボットの市場規模"])
    top_k: TopK = 5
    mode: Literal["hybrid", "lexical", "dense"] = "hybrid"
    language: Language | None = None
    filters: FiltersIn = FiltersIn()
    explain: Flag = False


class HitOut(BaseModel):
    rank: int
    score: float
    passage_id: str
    doc_id: str
    title: str
    section: list[str]
    kind: Literal["prose", "table", "slide"]
    page: int | None
    published: str | None
    text: str
    spans: list[SpanPair]
    scores: dict[str, Any] | None


class SearchOut(BaseModel):
    query: str
    language: str
    mode: Literal["hybrid", "lexical", "dense"]
    degraded: str | None
    index_generation: str
    hits: list[HitOut]
    timings_ms: dict[str, float]


class AskIn(Request):
    question: Text2000 = Field(examples=["中国のAI企業は世界の何割を占めますか"])
    top_k: TopK = 5
    mode: Literal["auto", "extractive", "generative"] = "auto"
    language: Language | None = None
    filters: FiltersIn = FiltersIn()
    stream: Flag = False
    store: Flag = True


class PartOut(BaseModel):
    text: str
    kind: Literal["quote", "label"]
    citation: int | None
    spans: list[SpanPair]


class SentenceOut(BaseModel):
    text: str
    start: int
    end: int
    citations: list[int]
    support: Literal["verbatim", "supported", "unsupported"]
    parts: list[PartOut]


class PlaceOut(BaseModel):
    """Where a quote stands in today's text of its document."""

    spans: list[SpanPair]
    source_sha256: str
    url: str


class CitationOut(BaseModel):
    """`status`, of a kept answer that is read again: does the quote, with all that the answer shows of it, still stand
    at its spans (`intact`), elsewhere in the document (`moved`), no longer (`changed`), or is the document gone
    (`missing`)? `now`: its place, where the document's text is another one than when the question was asked."""

    number: int
    passage_id: str
    doc_id: str
    title: str
    section: list[str]
    page: int | None
    published: str | None
    author: str | None = None
    publisher: str | None = None
    language: str | None = None
    source_note: str | None
    licence_note: str | None = None
    quote: str
    spans: list[SpanPair]
    source_sha256: str
    url: str
    status: Literal["intact", "moved", "changed", "missing"] | None = None
    now: PlaceOut | None = None


class ShortAnswerOut(BaseModel):
    text: str
    citation: int
    spans: list[SpanPair]
    gloss: str | None


class AbstentionOut(BaseModel):
    reason: str
    missing: list[str]
    nearest: list[CitationOut]


class ValueOut(BaseModel):
    """`value` as its source writes it; `unit` in one spelling. `as_of`: the time that the source names (2023, 2023-12,
    2024年度) or, where `as_of_basis` is `published`, its own date."""

    value: str
    unit: str
    as_of: str | None
    as_of_basis: Literal["stated", "published"]
    citation: int


class DisagreementOut(BaseModel):
    """Values that sources give for one measure and time, and that can't all hold. `measure` in a source's words."""

    measure: str
    values: list[ValueOut]


class AnswerOut(BaseModel):
    answer_id: str | None
    question: str
    language: str
    answered: bool
    answer: str | None
    answer_language: str
    short_answer: ShortAnswerOut | None
    sentences: list[SentenceOut]
    citations: list[CitationOut]
    disagreements: list[DisagreementOut]
    confidence: float
    abstention: AbstentionOut | None
    mode: Literal["extractive", "generative"]
    language_model: str | None = Field(None, description="The model that wrote a generative answer.")
    degraded: str | None
    index_generation: str
    created: datetime
    timings_ms: dict[str, float]


class ExportIn(Request):
    format: Literal["html", "markdown", "csv"] = "html"


class KeptOut(BaseModel):
    """A kept answer in a list; `statuses`: how many of its citations are intact, moved, changed or missing."""

    answer_id: str
    created: datetime
    question: str
    language: str
    answered: bool
    statuses: dict[str, int]


class AnswersOut(BaseModel):
    answers: list[KeptOut]
    next_cursor: str | None


class RetrievalEvent(BaseModel):
    """First event of a streamed answer."""

    language: str
    passages: list[dict[str, str]]


class LookupIn(Request):
    text: Text2000 = Field(examples=["2023年末までに、中国のAIコア産業※の規模は5,784億元に達した"])
    top_k: TopK = 5
    filters: FiltersIn = FiltersIn()


class MatchOut(BaseModel):
    doc_id: str
    title: str
    page: int | None
    section: list[str]
    quote: str
    spans: list[SpanPair]
    similarity: float
    numbers_agree: bool
    source_sha256: str
    url: str


class LookupOut(BaseModel):
    status: Literal["verbatim", "near", "not_found"]
    matches: list[MatchOut]


class DocumentOut(BaseModel):
    doc_id: str
    title: str
    author: str | None
    publisher: str | None
    published: str | None
    published_basis: str | None
    language: str
    media_type: str
    source_note: str | None
    source_sha256: str | None = Field(description="Of the source text; nothing before it is extracted.")
    file_sha256: str
    characters: int
    passages: int
    status: Literal["processing", "ready", "failed"]
    error: str | None
    code: str | None = Field(None, description="Why it failed, for a program: `file_encrypted`, `no_text`, …")
    duplicate_of: str | None = Field(None, description="The document that has the same text.")
    filename: str | None = None
    encoding: str | None = Field(None, description="Which one a text file was read in.")
    page_count: int | None = None
    blank_pages: list[int] = Field([], description="Numbers of pages that have no text (scanned, as a rule).")
    note: str | None = Field(None, description="What a reader should know, such as pages without text.")


class DocumentsOut(BaseModel):
    documents: list[DocumentOut]
    next_cursor: str | None


class PassageOut(BaseModel):
    passage_id: str
    doc_id: str
    section: list[str]
    kind: Literal["prose", "table", "slide"]
    page: int | None
    text: str
    spans: list[SpanPair]


class PassagesOut(BaseModel):
    passages: list[PassageOut]
    next_cursor: str | None


class DuplicateOut(BaseModel):
    file: str
    doc_id: str


class IngestOut(BaseModel):
    """What `tenkyo ingest --json` prints. `duplicates`: files whose text is there already; `blank_pages`: numbers of
    pages that have no text, by document."""

    generation: str
    added: list[str]
    unchanged: list[str]
    passages: int
    removed: list[str] = []
    duplicates: list[DuplicateOut] = []
    blank_pages: dict[str, list[int]] = {}


class ProblemOut(BaseModel):
    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str | None
    errors: list[dict[str, str]] | None = None
