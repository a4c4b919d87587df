"""Who reads which generation, also after somebody died."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from retriever.readers import Reader, wait_for_readers

OLD, NEW = "000001-0123456789ab", "000002-0123456789ab"


def publish(root: Path, generation: str) -> None:
    (root / "CURRENT").write_text(f"{generation}\n")


def test_a_reader_is_waited_for_until_it_has_the_new_generation(tmp_path: Path) -> None:
    publish(tmp_path, OLD)
    reader, other = Reader(tmp_path), Reader(tmp_path)
    assert wait_for_readers(tmp_path, 0) == 2
    reader.tell(OLD)
    other.tell(OLD)
    assert wait_for_readers(tmp_path, 0) == 0
    publish(tmp_path, NEW)
    reader.tell(NEW)
    assert wait_for_readers(tmp_path, 0.05) == 1
    other.close()
    assert wait_for_readers(tmp_path, 0) == 0
    reader.close()
    assert list((tmp_path / "readers").iterdir()) == []


def test_a_reader_whose_index_was_taken_away_is_waited_for_again(tmp_path: Path) -> None:
    publish(tmp_path, OLD)
    reader = Reader(tmp_path)
    reader.tell(OLD)
    shutil.rmtree(tmp_path / "readers")
    assert wait_for_readers(tmp_path, 0) == 0
    reader.tell(OLD)
    publish(tmp_path, NEW)
    assert wait_for_readers(tmp_path, 0) == 1
    reader.close()
    assert list((tmp_path / "readers").iterdir()) == []


def test_a_closed_reader_tells_nothing_and_touches_no_file_of_others(tmp_path: Path) -> None:
    publish(tmp_path, OLD)
    closed = Reader(tmp_path)
    closed.close()
    other = Reader(tmp_path)  # the system gives it the same number
    closed.tell(OLD)
    closed.close()
    assert wait_for_readers(tmp_path, 0) == 1
    other.tell(OLD)
    assert wait_for_readers(tmp_path, 0) == 0
    assert len(list((tmp_path / "readers").iterdir())) == 1
    other.close()


def test_a_killed_reader_is_not_waited_for(tmp_path: Path) -> None:
    publish(tmp_path, NEW)
    code = "import sys, pathlib, retriever.readers as r; a = r.Reader(pathlib.Path(sys.argv[1])); print(1, flush=True)"
    command = [sys.executable, "-c", f"{code}; sys.stdin.read()", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        assert wait_for_readers(tmp_path, 0) == 1
        os.kill(process.pid, signal.SIGKILL)
    assert wait_for_readers(tmp_path, 0) == 0
    assert list((tmp_path / "readers").iterdir()) == []
