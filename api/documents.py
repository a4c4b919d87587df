"""The routes of documents: what is there, taking some in, taking some out."""

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request, Response, UploadFile
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from api import schemas
from api.holder import Holder
from api.routes import HolderDep, PageDep, ServiceDep, page_of
from api.service import Service
from api.uploads import Uploads
from ingest.library import Entry, known_entry, shown_name
from ingest.load import kind_of
from retriever.errors import BadFilter, IndexBusy, SourceRefused
from retriever.filters import date_interval

router = APIRouter(tags=["documents"])
WAIT_SECONDS = 60.0
"""As the contract says: then a document that isn't ready yet is polled."""
UNDETERMINED = "und"
"""The language of a document that nobody has read yet (BCP 47)."""


def _date(value: str) -> str:
    try:
        date_interval(value)
    except BadFilter as error:
        raise ValueError(str(error)) from None
    return value


def _no_control(value: str) -> str:
    if any(ord(character) < 32 for character in value):
        raise ValueError("it holds a control character")
    return value


Words = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300), AfterValidator(_no_control)
]


class UploadIn(BaseModel):
    """A file, and what is known of it (as a manifest says it)."""

    model_config = ConfigDict(extra="forbid")

    file: UploadFile
    title: Words | None = None
    author: Words | None = None
    publisher: Words | None = None
    published: Annotated[str, AfterValidator(_date)] | None = None
    published_basis: Annotated[str, StringConstraints(pattern="^(stated|inferred)$")] | None = None
    language: schemas.Language | None = None
    source_note: Annotated[str, StringConstraints(max_length=2000)] | None = None


def uploads_of(request: Request) -> Uploads:
    uploads: Uploads = request.app.state.uploads
    return uploads


UploadsDep = Annotated[Uploads, Depends(uploads_of)]
_SAVED: dict[int | str, dict[str, Any]] = {
    200: {"model": schemas.DocumentOut, "description": "The same content is there already, as this document."},
    201: {"model": schemas.DocumentOut, "description": "Taken in: the next answer may cite it."},
    202: {"model": schemas.DocumentOut, "description": "It is being taken in: poll the document's `status`."},
}


@router.get("/v1/documents")
async def documents(holder: HolderDep, uploads: UploadsDep, page_in: PageDep) -> schemas.DocumentsOut:
    """All documents, also those that are being taken in, and those that failed with the reason."""
    entries = uploads.library.entries()  # first: what is ready there is in the index that is current then
    under_way = {entry.doc_id for entry in entries if entry.status == "processing"}
    indexed = [document for document in holder.current().documents() if document.doc_id not in under_way]
    there = {document.doc_id for document in indexed}
    waiting = [entry_out(entry) for entry in entries if entry.doc_id not in there]
    page, following = page_of(sorted([*indexed, *waiting], key=lambda document: document.doc_id), page_in)
    return schemas.DocumentsOut(documents=page, next_cursor=following)


@router.get("/v1/documents/{doc_id}")
async def document(doc_id: str, holder: HolderDep, uploads: UploadsDep) -> schemas.DocumentOut:
    return find_document(doc_id, holder, uploads)


@router.post("/v1/documents", status_code=202, responses=_SAVED)
async def upload(
    body: Annotated[UploadIn, Form(media_type="multipart/form-data")],
    request: Request,
    response: Response,
    service: ServiceDep,
    uploads: UploadsDep,
    wait: Annotated[bool, Query(description="Answer when the document is ready, or after 60 seconds.")] = False,
) -> schemas.DocumentOut:
    """Take in a PDF, Word document, web page, Markdown or plain text (UTF-8, Shift_JIS, EUC-JP and others)."""
    content = await body.file.read()
    name = shown_name(body.file.filename or "")
    _check(content, name, uploads.settings.most_upload_bytes)
    if same := _same_file(hashlib.sha256(content).hexdigest(), service):
        response.status_code = 200
        return same
    metadata = body.model_dump(exclude={"file"}, exclude_none=True)
    entry = uploads.pending(content) or uploads.add(content, name, metadata)
    response.headers["Location"] = f"/v1/documents/{entry.doc_id}"
    if not wait:
        return entry_out(entry)
    await uploads.wait(entry.doc_id, WAIT_SECONDS)
    return _finished(entry.doc_id, request.app.state.holder, uploads, response)


def _check(content: bytes, name: str, most: int) -> None:
    """What can be said at once. Raises `SourceRefused`."""
    try:
        if len(content) > most:
            raise SourceRefused(f"the file has {len(content):,} bytes, {most:,} are allowed.", "too_large")
        kind_of(content, "")
    except SourceRefused as error:
        raise SourceRefused(f"{name}: {error}", error.code) from None


def _same_file(file_sha256: str, service: Service) -> schemas.DocumentOut | None:
    return next((found for found in service.documents() if found.file_sha256 == file_sha256), None)


def _finished(doc_id: str, holder: Holder, uploads: Uploads, response: Response) -> schemas.DocumentOut:
    """What became of an upload, as far as it is known now. Raises `SourceRefused`, `NotFound`."""
    entry = known_entry(uploads.library, doc_id)
    if entry.duplicate_of:
        response.status_code = 200
        return holder.current().document(entry.duplicate_of)
    if entry.status == "failed":
        raise SourceRefused(entry.error or "", entry.code or "source_refused")
    if entry.status == "ready":
        response.status_code = 201
    return find_document(doc_id, holder, uploads)


@router.delete("/v1/documents/{doc_id}", status_code=204)
async def delete(doc_id: str, request: Request, service: ServiceDep, uploads: UploadsDep) -> Response:
    """Take a document out, for good: once this is answered, no answer cites it. Shipped documents, too."""
    indexed = doc_id in service.index.passage_counts
    if not indexed:
        known_entry(uploads.library, doc_id)
    await uploads.remove(doc_id, indexed)
    holder: Holder = request.app.state.holder
    if doc_id in holder.current().index.passage_counts:
        raise IndexBusy("The document is noted as removed, but the index without it can't be opened. Try again.")
    return Response(status_code=204)


def find_document(doc_id: str, holder: Holder, uploads: Uploads) -> schemas.DocumentOut:
    """From the index or, until every service answers from it, from the library. Raises `NotFound`."""
    entry = uploads.library.entry(doc_id)  # first: what is ready there is in the index that is current then
    service = holder.current()
    if doc_id in service.index.passage_counts and not (entry and entry.status == "processing"):
        return service.document(doc_id)
    return entry_out(entry or known_entry(uploads.library, doc_id))


def entry_out(entry: Entry) -> schemas.DocumentOut:
    """A document that isn't in the index: what was said of it, and where it stands."""
    said = entry.metadata
    return schemas.DocumentOut(
        doc_id=entry.doc_id,
        title=said.get("title", entry.filename),
        author=said.get("author"),
        publisher=said.get("publisher"),
        published=said.get("published"),
        published_basis=said.get("published_basis"),
        language=said.get("language", UNDETERMINED),
        media_type="application/octet-stream",
        source_note=said.get("source_note"),
        source_sha256=None,
        file_sha256=entry.file_sha256,
        characters=0,
        passages=0,
        status=entry.status,
        error=entry.error,
        code=entry.code,
        duplicate_of=entry.duplicate_of,
        filename=entry.filename,
    )
