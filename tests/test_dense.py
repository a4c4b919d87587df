from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from retriever.dense import SOME, Codes, Sides, VectorFile, Vectors, joined, load_vectors, write_codes
from retriever.fusion import Nearest

DIMENSIONS = 32


def unit(count: int, seed: int) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(count, DIMENSIONS)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def written(folder: Path, rows: NDArray[np.float32], large: int, sides: bool = False) -> Vectors:
    file = VectorFile(folder / "dense.npy")
    for batch in np.array_split(rows, 3):
        file.append(batch)
    write_codes(folder / "dense.npy", folder / "dense.codes", large)
    return load_vectors(folder / "dense.npy", folder / "dense.codes", sides)


def leaning(count: int, seed: int) -> NDArray[np.float32]:
    """Vectors that don't fill their space evenly: in 128 dimensions as much in the first sixth as a model's have."""
    scales = (1 + np.arange(128, dtype=np.float32)) ** -0.5
    turned = np.linalg.qr(np.random.default_rng(9).normal(size=(128, 128)))[0].astype(np.float32)
    vectors = (np.random.default_rng(seed).normal(size=(count, 128)).astype(np.float32) * scales) @ turned
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class Many(NamedTuple):
    vectors: Vectors
    questions: Callable[[int, int], NDArray[np.float32]]
    """So many, with a seed."""


@pytest.fixture(scope="module", params=["sides", "codes"])
def many(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Many:
    """Four thousand vectors in either approximate form. One bit a dimension asks for what embeddings are like."""
    of_sides = request.param == "sides"
    drawn, large = (leaning, 10_000) if of_sides else (unit, 1000)
    vectors = written(tmp_path_factory.mktemp("many"), drawn(4000, 1), large, of_sides)
    assert isinstance(vectors.codes, Sides if of_sides else Codes)
    return Many(vectors, drawn)


def test_few_have_neither(tmp_path: Path) -> None:
    assert written(tmp_path, unit(SOME - 1, 1), 10_000, sides=True).codes is None


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


def test_nearly_all_of_the_nearest_are_found(many: Many) -> None:
    shares = []
    for question in many.questions(20, 2):
        found = many.vectors.nearest(question, None, 500)
        np.testing.assert_allclose(found.cosines, many.vectors.rows[found.places] @ question, atol=1e-6)
        shares.append(np.isin(np.argsort(-(many.vectors.rows @ question))[:10], found.places).mean())
    assert np.mean(shares) >= 0.97


@pytest.mark.parametrize("kept", [3000, 1500, 30, 0])
def test_only_what_is_allowed_is_found(many: Many, kept: int) -> None:
    question = many.questions(1, 3)[0]
    allowed = np.zeros(len(many.vectors), bool)
    allowed[np.random.default_rng(4).permutation(len(many.vectors))[:kept]] = True
    found = many.vectors.nearest(question, allowed, 400)
    assert len(found.places) == min(400, kept)
    assert allowed[found.places].all()
    exact = [place for place in np.argsort(-(many.vectors.rows @ question)) if allowed[place]][:10]
    assert np.isin(exact, found.places).sum() >= 0.9 * len(exact)


@pytest.mark.parametrize("left", [300, 500, 1000])
def test_what_is_allowed_is_found_however_far_it_lies(many: Many, left: int) -> None:
    """A filter may leave just what comes last."""
    question = many.questions(1, 3)[0]
    allowed = np.zeros(len(many.vectors), bool)
    allowed[np.argsort(many.vectors.rows @ question)[:left]] = True
    found = many.vectors.nearest(question, allowed, 100)
    assert len(found.places) == 100
    assert allowed[found.places].all()


def test_sides_are_kept_for_any_number_of_dimensions() -> None:
    for dimensions in (3, 64, 100):
        rows = np.random.default_rng(dimensions).normal(size=(50, dimensions)).astype(np.float32)
        differing = ((rows > rows.mean(axis=0)) != (rows[7] > rows.mean(axis=0))).sum(axis=1)
        found = Sides(rows).near(rows[7], 10, None)
        assert set(found) == set(np.flatnonzero(differing <= np.sort(differing)[9]))


def test_parts_are_joined_as_if_they_had_been_one() -> None:
    cosines = np.asarray([0.1, 0.9, 0.5, 0.7], np.float32)
    parts = [Nearest(np.arange(2), cosines[:2]), Nearest(np.zeros(0, np.int64), cosines[:0])]
    parts.append(Nearest(np.arange(2, 4), cosines[2:]))
    assert list(joined(parts, 2).places) == [1, 3]
    assert list(joined(parts, 9).places) == [0, 1, 2, 3]
    assert len(joined([], 2).places) == 0
