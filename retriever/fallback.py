"""The last good generation, for who must answer while the one in use is damaged."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from retriever.errors import IndexDamaged, IndexMismatch
from retriever.generations import generations, read_generation
from retriever.index import Index, open_generation


def open_last_good(root: Path, model: str, removed: Collection[str], damage: IndexDamaged) -> Index:
    """The newest generation that is whole, without the documents that were removed since. Raises `damage` where
    there is none."""
    for name in generations(root):
        try:
            manifest = read_generation(root, name)
            deleted = {segment: sorted({*manifest.deleted.get(segment, ()), *removed}) for segment in manifest.segments}
            return open_generation(root, model, replace(manifest, deleted=deleted))
        except (IndexDamaged, IndexMismatch):
            continue  # the one before it may do
    raise damage
