"""Whether anything that an index is made of has changed since it was last found current: a cheap first look.

Kept in the index's file CHECKED: the generation, and one hash over every file that `build.is_current` reads, those
of this program among them.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from retriever.generations import current_generation
from retriever.integrity import write_atomically

_PROGRAM = [Path(__file__).parent, Path(__file__).parents[1] / "retriever"]


def is_unchanged(root: Path, model: str, made_of: Sequence[Path]) -> bool:
    """`made_of`: files and folders; `model`: the name of the embedder."""
    noted = root / "CHECKED"
    return noted.exists() and noted.read_text("utf-8", "replace") == _state(root, model, made_of)


def note_unchanged(root: Path, model: str, made_of: Sequence[Path]) -> None:
    """The index was found current with these."""
    write_atomically(root / "CHECKED", _state(root, model, made_of))


def _state(root: Path, model: str, made_of: Sequence[Path]) -> str:
    digest = hashlib.sha256(model.encode())
    for path in (*made_of, *(file for folder in _PROGRAM for file in sorted(folder.glob("*.py")))):
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                content = hashlib.sha256(file.read_bytes()).hexdigest()
                digest.update(f"{file.name} {content}\n".encode())
    return f"{current_generation(root)} {digest.hexdigest()}\n"
