import subprocess
import sys

import numpy as np
import pytest

from retriever.embed import SHIPPED_MODEL, StaticModel

TEXTS = [
    "中国のAIコア産業の規模は5,784億元に達した。",
    "人型ロボット（ヒューマノイド）",
    "What share of the world's AI companies is Chinese?",
    "国产化率 ｱｲﾌﾗｲﾃｯｸ ①𠮷野👉",
    "x",
]
OTHER_PATH = """
import sys, warnings
warnings.simplefilter("ignore")
import numpy as np
from sentence_transformers import SentenceTransformer
texts = sys.argv[3:]
np.save(sys.argv[1], SentenceTransformer(sys.argv[2], device="cpu", trust_remote_code=True).encode(texts))
"""


def test_both_paths_give_the_same_vectors(model: StaticModel, tmp_path_factory: pytest.TempPathFactory) -> None:
    """From raw text, the NumPy path equals sentence-transformers on the same files, which needs nothing of ours."""
    out = tmp_path_factory.mktemp("vectors") / "vectors.npy"
    command = [sys.executable, "-c", OTHER_PATH, str(out), str(SHIPPED_MODEL), *TEXTS]
    subprocess.run(command, check=True, cwd=out.parent, capture_output=True)
    np.testing.assert_allclose(model.encode(TEXTS), np.load(out), atol=1e-5)


def test_vectors_have_length_one_and_nothing_has_none(model: StaticModel) -> None:
    vectors = model.encode([*TEXTS, "", "   "])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 1, 1, 1, 1, 0, 0], atol=1e-5)
    assert vectors.dtype == np.float32


def test_related_texts_are_nearer(model: StaticModel) -> None:
    question, near, far = model.encode(["半導体の輸出規制", "チップの輸出を制限", "薬局で働く人型ロボット"])
    assert question @ near > question @ far


def test_a_batch_changes_nothing(model: StaticModel) -> None:
    np.testing.assert_array_equal(model.encode(TEXTS)[1], model.encode(TEXTS[1:2])[0])
