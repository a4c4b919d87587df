"""What is damaged in TENKYO_HOME, what that means, and whether it can be repaired. Nothing is changed here."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest.expand import is_broken_off, read_row
from ingest.library import Entry, Library
from retriever.errors import BadExpansions, IndexDamaged, IndexMismatch, IndexMissing, LibraryDamaged
from retriever.generations import (
    Manifest,
    check_versions,
    current_generation,
    generations,
    read_generation,
    read_manifest,
)
from retriever.integrity import check_whole

_LEAST_FREE = 100 * 2**20
"""Bytes that taking in a document may want."""


@dataclass(frozen=True)
class Finding:
    """`place` in TENKYO_HOME; `means`: what of the service fails by it; `repair`: what puts it right, where anything
    does. `doc_id`: the document that it is about."""

    place: str
    problem: str
    means: str
    repair: str
    doc_id: str | None = None


REPAIR = "tenkyo doctor --repair"
GIVE_AGAIN = "Give the document's file again: tenkyo ingest FILE."


def check_disk(home: Path) -> Iterator[Finding]:
    if not home.exists():
        return
    if not os.access(home, os.W_OK):
        yield Finding(
            ".",
            "It can't be written.",
            "Questions are answered; no answer is kept, no document is taken in or out.",
            "Make the disk, or the folder, writable.",
        )
    elif (free := shutil.disk_usage(home).free) < _LEAST_FREE:
        yield Finding(
            ".",
            f"Only {free // 2**20:,} MiB of the disk are free.",
            "Questions are answered; answers may not be kept, and documents may not be taken in.",
            "Make room on the disk.",
        )


def check_index(root: Path, model: str) -> Iterator[Finding]:
    """Every file of every generation against its hash."""
    try:
        check_versions(read_manifest(root), model)
    except IndexMissing as error:
        yield Finding("index", str(error), "No question can be answered.", "tenkyo ingest")
        return
    except IndexMismatch as error:
        yield Finding("index", str(error), "No question can be answered.", "tenkyo ingest")
    except IndexDamaged:
        if current_generation(root) not in generations(root):
            yield Finding("index/CURRENT", "It names no generation that is there.", _means(root, None), REPAIR)
    for name in generations(root):
        try:
            _check_generation(root, read_generation(root, name))
        except IndexMismatch:
            continue  # of an older program: nothing is answered from it
        except IndexDamaged as error:
            yield Finding(f"index/generations/{name}.json", str(error), _means(root, name), REPAIR)


def _check_generation(root: Path, manifest: Manifest) -> None:
    """Raises `IndexDamaged`."""
    for segment, files in manifest.segments.items():
        check_whole(root / "segments" / segment, files)


def is_whole(root: Path, name: str) -> bool:
    try:
        _check_generation(root, read_generation(root, name))
    except (IndexDamaged, IndexMismatch):
        return False
    return True


def _means(root: Path, damaged: str | None) -> str:
    current = current_generation(root)
    if damaged not in (current, None):
        return "Nothing is answered from this former generation; there would be none to fall back on."
    if others := [name for name in generations(root) if name != damaged and is_whole(root, name)]:
        return f"Questions are answered from the former generation {others[0]}; documents that came later are missing."
    return "No question can be answered."


def check_library(library: Library) -> Iterator[Finding]:
    """Every entry, file and extracted text; and what should be gone."""
    try:
        removed = library.removed()
    except LibraryDamaged as error:
        yield Finding("library/removed.json", str(error), "No document can be taken in or out.", REPAIR)
        removed = frozenset()
    for path in sorted(library.documents.glob("*.json")):
        try:
            entry = library.entry(path.stem)
        except LibraryDamaged as error:
            means = "What was said of this document is lost: the index can't be built again with it."
            yield Finding(f"library/documents/{path.name}", str(error), means, REPAIR, path.stem)
            continue
        if entry and entry.doc_id in removed:
            means = "The document was removed, but its text is still on the disk."
            yield Finding(f"library/documents/{path.name}", "It should be gone.", means, REPAIR, entry.doc_id)
        elif entry:
            yield from _check_entry(library, entry)


def _check_entry(library: Library, entry: Entry) -> Iterator[Finding]:
    if entry.status == "failed":  # nothing is made of it
        return
    place, path = f"library/files/{entry.file_sha256}", library.files / entry.file_sha256
    means = "The index can't be built again with this document."
    if not path.exists():
        yield Finding(place, f"The file of {entry.filename} is missing.", means, REPAIR, entry.doc_id)
    elif hashlib.sha256(path.read_bytes()).hexdigest() != entry.file_sha256:
        yield Finding(place, f"The file of {entry.filename} is damaged.", means, REPAIR, entry.doc_id)
    try:
        library.find(entry.file_sha256)
    except LibraryDamaged as error:
        yield Finding(f"library/extracted/{entry.file_sha256}.json", str(error), means, REPAIR, entry.doc_id)


def check_questions(folder: Path) -> Iterator[Finding]:
    """Questions that a language model wrote for a person's documents."""
    for path in sorted(folder.glob("*.jsonl")):
        _, broken = readable_rows(path)
        if broken:
            means = "No document can be taken in."
            yield Finding(f"{folder.name}/{path.name}", f"{len(broken)} of its lines can't be read.", means, REPAIR)


def readable_rows(path: Path) -> tuple[list[bytes], list[bytes]]:
    """Lines that can be read, and those that can't; one that was broken off at the end is neither."""
    *lines, last = path.read_bytes().split(b"\n")
    good: list[bytes] = []
    broken: list[bytes] = []
    for line in (*lines, *([] if is_broken_off(last) else [last])):
        try:
            read_row(path.name, line.decode())
            good.append(line)
        except (BadExpansions, UnicodeDecodeError):
            broken.append(line)
    return good, broken
