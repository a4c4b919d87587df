"""Chat completions as OpenAI defines them. Fields that Tenkyo has no use for (temperature, tools…) are let be."""

from typing import Literal

from pydantic import BaseModel, Field

from api.schemas import AnswerOut, Flag


class ContentPart(BaseModel):
    """`text` parts are read, others (images, audio) left aside."""

    type: str
    text: str = ""


class ChatMessage(BaseModel):
    role: str
    content: str | list[ContentPart] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.type == "text")
        return self.content or ""


class ChatIn(BaseModel):
    """`store`, as with OpenAI: keep the answer, to be read again or exported by its id."""

    model: str = Field(examples=["tenkyo"])
    messages: list[ChatMessage] = Field(examples=[[{"role": "user", "content": "露光装置の国産比率は？"}]])
    stream: Flag | None = False
    store: Flag | None = False


class UrlCitation(BaseModel):
    """`content[start_index:end_index]`, in code points, is the mark of the citation: [1]."""

    start_index: int
    end_index: int
    url: str
    title: str


class Annotation(BaseModel):
    type: Literal["url_citation"] = "url_citation"
    url_citation: UrlCitation


class ChatMessageOut(BaseModel):
    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None
    annotations: list[Annotation]


class ChatChoice(BaseModel):
    index: int = 0
    message: ChatMessageOut
    finish_reason: Literal["stop"] = "stop"
    logprobs: None = None


class ChatOut(BaseModel):
    """`tenkyo`: the whole answer. Its `question` is the one that was asked, a follow-up completed."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChatChoice]
    tenkyo: AnswerOut


def _is_none(value: object) -> bool:
    return value is None


class ChatDelta(BaseModel):
    role: Literal["assistant"] | None = Field(None, exclude_if=_is_none)
    content: str | None = Field(None, exclude_if=_is_none)
    annotations: list[Annotation] | None = Field(None, exclude_if=_is_none)


class ChatChunkChoice(BaseModel):
    index: int = 0
    delta: ChatDelta
    finish_reason: Literal["stop"] | None = None


class ChatChunk(BaseModel):
    """`tenkyo` comes with the last one."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChatChunkChoice]
    tenkyo: AnswerOut | None = Field(None, exclude_if=_is_none)


class ModelOut(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: Literal["tenkyo"] = "tenkyo"


class ModelsOut(BaseModel):
    object: Literal["list"] = "list"
    data: list[ModelOut]


class ErrorDetail(BaseModel):
    message: str
    type: Literal["invalid_request_error", "server_error"]
    param: str | None
    code: str | None


class ErrorOut(BaseModel):
    error: ErrorDetail
