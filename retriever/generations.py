"""Generations of an index on disk: what each is made of, which is in use, and the atomic switch to another.

    index/CURRENT                 name of the generation in use
    index/generations/NAME.json   its manifest: segments with every file's SHA-256, tombstones, versions
    index/LOCK                    held by who writes

A reader sees the old generation or the new one, whatever is killed when; the one before is kept.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

from retriever import text
from retriever.errors import IndexBusy, IndexDamaged, IndexMismatch, IndexMissing
from retriever.integrity import write_atomically
from retriever.postings import K1, B

FORMAT = 8
REPAIR = "Run `tenkyo ingest` to build it again."
_GENERATION = re.compile(r"\d{6}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Manifest:
    """What a generation is made of. `deleted`: documents of a segment that no longer count."""

    format: int
    generation: str
    versions: dict[str, str]
    segments: dict[str, dict[str, str]]
    deleted: dict[str, list[str]]
    corpus: dict[str, str]
    passages: int


def retriever_versions(model: str) -> dict[str, str]:
    """What index and query must agree on."""
    return {
        "text": str(text.VERSION),
        "sudachipy": version("sudachipy"),
        "sudachidict_core": version("sudachidict_core"),
        "opencc": version("opencc"),
        "bm25": f"{K1}/{B}",
        "model": model,
    }


def read_manifest(root: Path) -> Manifest:
    """The manifest in use. Raises `IndexMissing`, `IndexDamaged` or `IndexMismatch`."""
    if not (root / "CURRENT").exists() and not generations(root):
        raise IndexMissing("There is no index yet. Run `tenkyo ingest` (or `make serve`, which does).")
    name = current_generation(root)
    if name is None:
        raise IndexDamaged(f"The index's file CURRENT names no generation. {REPAIR}")
    return read_generation(root, name)


def read_generation(root: Path, name: str) -> Manifest:
    """A manifest by its name. Raises `IndexDamaged` or `IndexMismatch`."""
    try:
        values = json.loads((root / "generations" / f"{name}.json").read_text("utf-8"))
        if values["format"] != FORMAT:
            raise IndexMismatch(f"The index has format {values['format']}, this program reads {FORMAT}. {REPAIR}")
        manifest = Manifest(**values)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise IndexDamaged(
            f"The manifest of index generation {name} can't be read ({type(error).__name__}). {REPAIR}"
        ) from error
    if manifest.generation != name or not name.endswith(_digest(manifest)):
        raise IndexDamaged(f"The manifest of index generation {name} isn't what was written. {REPAIR}")
    return manifest


def _digest(manifest: Manifest) -> str:
    """Of all that a manifest says but its own name, which ends in it."""
    values = asdict(replace(manifest, generation=""))
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def check_versions(manifest: Manifest, model: str) -> None:
    """Raises `IndexMismatch`."""
    for name, now in retriever_versions(model).items():
        then = manifest.versions.get(name)
        if then != now:
            raise IndexMismatch(f"The index was made with {name} {then}, this program has {now}. {REPAIR}")


def current_generation(root: Path) -> str | None:
    """The name that CURRENT holds, or nothing where it holds none."""
    try:
        name = (root / "CURRENT").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return name if _GENERATION.fullmatch(name) else None


def generations(root: Path) -> list[str]:
    """Their names: the one in use first, then the newest."""
    current = current_generation(root)
    names = sorted((path.stem for path in (root / "generations").glob("[!.]*.json")), reverse=True)
    return sorted(names, key=lambda name: name != current)


def last_known_segments(root: Path) -> dict[str, list[str]]:
    """Segments of the newest manifest that can be read, and the documents deleted in each; whatever its format."""
    return next((found for name in generations(root) if (found := _segments_of(root, name)) is not None), {})


def last_known_documents(root: Path) -> frozenset[str]:
    """The documents of the newest manifest that can be read."""
    for name in generations(root):
        try:
            return frozenset(json.loads((root / "generations" / f"{name}.json").read_text("utf-8"))["corpus"])
        except (OSError, ValueError, TypeError, KeyError):
            continue  # the one before it may do
    return frozenset()


def _segments_of(root: Path, generation: str) -> dict[str, list[str]] | None:
    try:
        manifest = json.loads((root / "generations" / f"{generation}.json").read_text("utf-8"))
        return {segment: list(manifest["deleted"].get(segment, ())) for segment in manifest["segments"]}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None  # the one before it may do


def publish(
    root: Path,
    segments: Mapping[str, dict[str, str]],
    deleted: Mapping[str, list[str]],
    versions: Mapping[str, str],
    corpus: Mapping[str, str],
    passages: int,
) -> Manifest:
    """Write a generation's manifest and switch to it. What neither it nor the one before needs is removed.

    `segments`: by name, each file's hash as it was when the segment was written.
    """
    previous = current_generation(root)
    numbers = [int(path.stem[:6]) for path in (root / "generations").glob("*.json") if _GENERATION.fullmatch(path.stem)]
    number = max(numbers, default=0) + 1
    manifest = Manifest(FORMAT, "", dict(versions), dict(segments), dict(deleted), dict(corpus), passages)
    manifest = replace(manifest, generation=f"{number:06d}-{_digest(manifest)}")
    (root / "generations").mkdir(parents=True, exist_ok=True)
    body = json.dumps(asdict(manifest), ensure_ascii=False, indent=1)
    write_atomically(root / "generations" / f"{manifest.generation}.json", body)
    write_atomically(root / "CURRENT", manifest.generation + "\n")
    _remove_unused(root, keep=[name for name in (previous, manifest.generation) if name])
    return manifest


def forget(root: Path, names: Sequence[str]) -> None:
    """Take generations away that are not in use, and what only they need. Raises `IndexBusy`."""
    with writing(root):
        _remove_unused(root, [name for name in generations(root) if name not in names])


def _remove_unused(root: Path, keep: Sequence[str]) -> None:
    used: set[str] = set()
    for file in (root / "generations").glob("*.json"):
        if file.stem not in keep:
            file.unlink()
            continue
        try:
            used.update(json.loads(file.read_text("utf-8"))["segments"])
        except (ValueError, KeyError, TypeError):
            continue  # a damaged older manifest names no segments worth keeping
    for segment in (root / "segments").iterdir():
        if segment.name not in used:
            shutil.rmtree(segment)


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """Only one process writes at a time. Raises `IndexBusy`, naming the holder."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / "LOCK").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise IndexBusy(f"Process {holder} is writing the index. Wait for it to finish, then try again.") from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
