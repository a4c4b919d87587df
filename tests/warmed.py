"""What the server of forks has ready (`kills`): everything imported, the model and the dictionaries open."""

import kills  # noqa: F401
import openai  # noqa: F401

from api import cli, uploads
from ingest.chunk import encoding
from retriever.embed import StaticModel
from retriever.text import words

MODEL = StaticModel()
encoding()
words("準備運動")
for module in (cli, uploads):
    module.open_embedder = lambda settings: MODEL  # it takes longer than all the rest
