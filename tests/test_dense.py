from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from retriever.dense import VectorFile, Vectors, joined, load_vectors, write_codes
from retriever.fusion import Nearest

DIMENSIONS = 32


def unit(count: int, seed: int) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(count, DIMENSIONS)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def written(folder: Path, rows: NDArray[np.float32], large: int) -> Vectors:
    file = VectorFile(folder / "dense.npy")
    for batch in np.array_split(rows, 3):
        file.append(batch)
    write_codes(folder / "dense.npy", folder / "dense.codes", large)
    return load_vectors(folder / "dense.npy", folder / "dense.codes")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Vectors:
    """Four thousand vectors in the approximate form."""
    return written(tmp_path_factory.mktemp("many"), unit(4000, 1), large=1000)


def test_rows_written_in_batches_are_those_read(tmp_path: Path) -> None:
    rows = unit(10, 1)
    vectors = written(tmp_path, rows, large=11)
    np.testing.assert_array_equal(vectors.rows, rows)
    assert vectors.codes is None
    assert (len(vectors), vectors.dimensions) == (10, DIMENSIONS)


def test_no_vectors_have_no_neighbours(tmp_path: Path) -> None:
    vectors = written(tmp_path, unit(0, 1), large=0)
    assert len(vectors.nearest(unit(1, 2)[0], None, 5).places) == 0


def test_few_vectors_are_compared_one_by_one(tmp_path: Path) -> None:
    rows, question = unit(200, 1), unit(1, 2)[0]
    found = written(tmp_path, rows, large=1000).nearest(question, None, 10)
    assert set(found.places) == set(np.argsort(-(rows @ question))[:10])
    assert list(found.places) == sorted(found.places)
    np.testing.assert_allclose(found.cosines, rows[found.places] @ question, atol=1e-6)


def test_codes_find_nearly_all_of_the_nearest(many: Vectors) -> None:
    assert many.codes is not None
    shares = []
    for question in unit(20, 2):
        found = many.nearest(question, None, 500)
        np.testing.assert_allclose(found.cosines, many.rows[found.places] @ question, atol=1e-6)
        shares.append(np.isin(np.argsort(-(many.rows @ question))[:10], found.places).mean())
    assert np.mean(shares) >= 0.97


@pytest.mark.parametrize("kept", [3000, 1500, 30, 0])
def test_only_what_is_allowed_is_found(many: Vectors, kept: int) -> None:
    question = unit(1, 3)[0]
    allowed = np.zeros(len(many), bool)
    allowed[np.random.default_rng(4).permutation(len(many))[:kept]] = True
    found = many.nearest(question, allowed, 400)
    assert len(found.places) == min(400, kept)
    assert allowed[found.places].all()
    exact = [place for place in np.argsort(-(many.rows @ question)) if allowed[place]][:10]
    assert np.isin(exact, found.places).sum() >= 0.9 * len(exact)


def test_what_is_allowed_is_found_however_far_it_lies(many: Vectors) -> None:
    """A filter may leave just what the codes put last."""
    question = unit(1, 3)[0]
    allowed = np.zeros(len(many), bool)
    allowed[np.argsort(many.rows @ question)[:1000]] = True
    found = many.nearest(question, allowed, 100)
    assert len(found.places) == 100
    assert allowed[found.places].all()


def test_parts_are_joined_as_if_they_had_been_one() -> None:
    cosines = np.asarray([0.1, 0.9, 0.5, 0.7], np.float32)
    parts = [Nearest(np.arange(2), cosines[:2]), Nearest(np.zeros(0, np.int64), cosines[:0])]
    parts.append(Nearest(np.arange(2, 4), cosines[2:]))
    assert list(joined(parts, 2).places) == [1, 3]
    assert list(joined(parts, 9).places) == [0, 1, 2, 3]
    assert len(joined([], 2).places) == 0
