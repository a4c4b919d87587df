"""Whether the index's files are what its manifest says.

Each file is hashed when it is written. When the index is opened, small files are hashed again, and of large ones those
that anybody touched since they were last hashed: writing to a file changes its time of change (ctime), which
no program can set. What only a whole check finds is a disk that loses bits by itself.
"""

import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

from retriever.errors import IndexDamaged

SMALL_FILE = 16 * 2**20
"""Bytes of a file that is hashed whenever the index is opened."""
STAMPS = "checked.json"
_JUST_NOW_S = 2.0
"""A file that changed so lately might change again within the same tick of its clock."""

Stamps = dict[str, list[int]]
"""Segment and file → device, inode, size, time of modification and of change, as they were when it was hashed."""


def file_hashes(folder: Path) -> dict[str, str]:
    return {name: _hash(folder / name) for name in _files(folder)}


def check_whole(folder: Path, expected: Mapping[str, str]) -> None:
    """Raise `IndexDamaged`, naming the file, unless the folder holds exactly what its manifest says."""
    _check(folder, expected, file_hashes(_present(folder)))


def check_touched(folder: Path, expected: Mapping[str, str], known: Stamps) -> Stamps:
    """The same, but large files that nobody touched since they were `known` to be whole aren't read.

    Returns the stamps of the large files.
    """
    hashes: dict[str, str] = {}
    stamps: Stamps = {}
    for name in _files(_present(folder)):
        key, stamp = f"{folder.name}/{name}", _stamp(folder / name)
        is_known = known.get(key) == stamp and name in expected
        hashes[name] = expected[name] if is_known else _hash(folder / name)
        if is_known or _may_be_kept(folder / name, stamp):
            stamps[key] = stamp
    _check(folder, expected, hashes)
    return stamps


def read_stamps(root: Path) -> Stamps:
    """None where there are none, or where they can't be read: all files are hashed then."""
    try:
        values = json.loads((root / STAMPS).read_text("utf-8"))
        return {str(key): list(map(int, stamp)) for key, stamp in values.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def write_atomically(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.writing-{os.getpid()}")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Make a file's bytes, or a folder's names, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _present(folder: Path) -> Path:
    if not folder.is_dir():
        raise IndexDamaged(f"Index segment {folder.name} is missing. Run `tenkyo ingest` to build it again.")
    return folder


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stamp(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _may_be_kept(path: Path, before: list[int]) -> bool:
    """Of a large file that lay still while it was hashed, and for a while before that."""
    settled = time.time_ns() - before[-1] > _JUST_NOW_S * 1e9
    return before[2] > SMALL_FILE and settled and _stamp(path) == before


def _check(folder: Path, expected: Mapping[str, str], actual: Mapping[str, str]) -> None:
    for file in sorted(expected.keys() | actual.keys()):
        if actual.get(file) != expected.get(file):
            raise IndexDamaged(
                f"Index file {folder.name}/{file} has SHA-256 {actual.get(file, '(missing)')}, "
                f"its manifest says {expected.get(file, '(no such file)')}. Run `tenkyo ingest` to build it again."
            )
