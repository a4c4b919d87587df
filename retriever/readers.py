"""Which generation each running service answers from, so that who publishes one can wait until all have taken it up.

index/readers/NAME      a file for each of them, locked while it lives, that holds the generation's name
"""

import fcntl
import os
import secrets
import threading
import time
from contextlib import suppress
from io import FileIO
from pathlib import Path

from retriever.generations import current_generation

_NONE = "000000-000000000000"
_POLL_SECONDS = 0.02


class Reader:
    """The entry of a service. It vanishes with the process, however that ends."""

    def __init__(self, root: Path):
        self._path = root / "readers" / f"{os.getpid()}-{secrets.token_hex(4)}"
        self._turn = threading.Lock()
        self._file = self._enter()

    def _enter(self) -> FileIO:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f".{self._path.name}")
        file = FileIO(draft, "w")
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(_NONE.encode())
        draft.rename(self._path)  # seen only once it is locked and told
        return file

    def tell(self, generation: str) -> None:
        """From now on, each new request is answered from this generation. Nothing, where it was closed meanwhile."""
        with self._turn:
            if self._file.closed:
                return
            if not self._path.exists():  # who took the index away took the entry along
                self._file.close()
                self._file = self._enter()
            os.pwrite(self._file.fileno(), generation.encode(), 0)

    def close(self) -> None:
        with self._turn:
            self._path.unlink(missing_ok=True)
            self._file.close()


def wait_for_readers(root: Path, seconds: float) -> int:
    """Wait until every service answers from the generation in use; how many then still don't."""
    deadline = time.monotonic() + seconds
    while (behind := _behind(root)) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return behind


def _behind(root: Path) -> int:
    newest = current_generation(root)
    told = [_told(path) for path in (root / "readers").glob("[!.]*")]
    return sum(generation not in (newest, None) for generation in told)


def _told(path: Path) -> str | None:
    """The generation that a living reader told; the file of a dead one is taken away."""
    with suppress(FileNotFoundError), path.open() as file:  # one may end just now
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read()
        path.unlink()
    return None
