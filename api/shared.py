"""What the workers of one service share while they run: a folder of counts, gone when they stop."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

_NAME = "PROMETHEUS_MULTIPROC_DIR"
"""`prometheus_client` looks for this name when it is imported: so it must be set before a worker starts."""


@contextmanager
def shared() -> Iterator[Path]:
    """The folder of the workers that are started within."""
    with TemporaryDirectory(prefix="tenkyo-workers-") as folder:
        os.environ[_NAME] = folder
        try:
            yield Path(folder)
        finally:
            del os.environ[_NAME]


def shared_folder() -> Path | None:
    """None where one process does everything."""
    return Path(folder) if (folder := os.environ.get(_NAME)) else None
