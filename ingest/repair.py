"""Puts right what `ingest.health` finds, from what is whole. What can't be had back is said, never made up.

What is damaged is kept beside it under another name where it might still be of use to a person.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ingest.extracted import Extracted
from ingest.health import GIVE_AGAIN, is_whole, readable_rows
from ingest.library import Entry, Library
from retriever.errors import LibraryDamaged
from retriever.generations import current_generation, forget, generations
from retriever.integrity import write_atomically
from retriever.records import Document

_SAID = ("title", "author", "publisher", "published", "published_basis", "language", "source_note")


def repair_questions(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*.jsonl")):
        good, broken = readable_rows(path)
        if broken:
            put_aside(path)
            write_atomically(path, b"".join(line + b"\n" for line in good).decode())
            yield f"{folder.name}/{path.name}: {len(broken)} lines left out; `tenkyo ingest --expand` writes them anew."


def put_aside(path: Path) -> Path:
    """A copy under a new name: it was damaged, but a person may want it."""
    number = next(n for n in range(1, 10_000) if not path.with_name(f"{path.name}.damaged-{n}").exists())
    aside = path.with_name(f"{path.name}.damaged-{number}")
    aside.write_bytes(path.read_bytes())
    return aside


def repair_library(library: Library, documents: Mapping[str, Document], shipped: Sequence[str]) -> Iterator[str]:
    """`documents`: what the index holds; `shipped`: ids of the corpus. Those missing in the index were removed."""
    try:
        library.removed()
    except LibraryDamaged:
        if not documents:
            yield "library/removed.json: without an index nobody knows what was removed. Delete the file to go on."
            return
        library.removed_list.unlink()
        library.remove(doc_id for doc_id in shipped if doc_id not in documents)
        yield "library/removed.json: written anew, from what the index holds."
    library.forget_removed()
    for path in sorted(library.documents.glob("*.json")):
        try:
            entry = library.entry(path.stem)
        except LibraryDamaged:
            yield _restore_entry(library, path, documents.get(path.stem))
            entry = library.entry(path.stem)
        if entry and entry.status != "failed":
            yield from _restore_file(library, entry, documents.get(entry.doc_id))
            yield from _restore_text(library, entry, documents.get(entry.doc_id))


def _restore_entry(library: Library, path: Path, document: Document | None) -> str:
    """The file's name in the library says its SHA-256, whose beginning is the document's id."""
    place = f"library/documents/{path.name}"
    file = next(library.files.glob(f"{path.stem}*"), None)
    if not file:
        path.unlink()
        return f"{place}: taken away, for its file is missing too. {GIVE_AGAIN}"
    if not document:
        library.save(Entry(path.stem, file.name, path.stem))
        return f"{place}: written anew; the service takes the document in when it starts."
    said = {name: value for name in _SAID if (value := getattr(document, name))}
    library.save(Entry(path.stem, file.name, document.filename or path.stem, said, "ready"))
    return f"{place}: written anew, from what the index says of the document."


def _restore_file(library: Library, entry: Entry, document: Document | None) -> Iterator[str]:
    if library.holds(entry.doc_id):
        return
    place = f"library/files/{entry.file_sha256}"
    content = document.text.encode() if document else b""
    if hashlib.sha256(content).hexdigest() == entry.file_sha256:
        (library.files / entry.file_sha256).write_bytes(content)
        yield f"{place}: written anew, from the index."
        return
    why = f"The kept file of {entry.filename} is damaged or missing. {GIVE_AGAIN}"
    library.settle(entry, status="failed", code="file_damaged", error=why)
    indexed = " Until then the index goes on with its text." if document else ""
    yield f"{place}: it can't be had back. {GIVE_AGAIN}{indexed}"


def _restore_text(library: Library, entry: Entry, document: Document | None) -> Iterator[str]:
    try:
        library.find(entry.file_sha256)
    except LibraryDamaged:
        place = f"library/extracted/{entry.file_sha256}.json"
        if document:
            d = document
            library.keep(
                entry.file_sha256,
                Extracted(d.text, d.media_type, d.extractor, d.pages, d.blank_pages, d.encoding, d.title),
            )
            yield f"{place}: written anew, from the index."
        else:
            (library.extracted / f"{entry.file_sha256}.json").unlink()
            yield f"{place}: taken away; the file is read again when the document is taken in."


def forget_damaged(root: Path) -> Iterator[str]:
    """Former generations that are damaged, and what runs that were killed have left."""
    damaged = [name for name in generations(root) if name != current_generation(root) and not is_whole(root, name)]
    forget(root, damaged)
    yield from (f"index/generations/{name}.json: taken away; nothing was answered from it." for name in damaged)
