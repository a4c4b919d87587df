"""Deployment settings from the environment; what belongs to an index lives with the index."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT = Path(__file__).parents[1]


class Settings(BaseSettings):
    """Each is read from `TENKYO_` + its name in capitals; README.md lists them (a test holds it to that)."""

    model_config = SettingsConfigDict(env_prefix="TENKYO_", env_ignore_empty=True, extra="forbid", frozen=True)

    home: Path = Field(PROJECT / "var", description="where the index, uploaded documents and kept answers live")
    store: Literal["disk", "milvus"] = Field(
        "disk", description="where the index is: in `home`, or in a Milvus cluster"
    )
    milvus_uri: str = Field("", description="http(s)://host:port/database of the cluster, or a Milvus Lite file (.db)")
    milvus_token: SecretStr = Field(SecretStr(""), description="its token, or user:password")
    corpus: Path = Field(PROJECT / "corpus", description="the documents that `tenkyo ingest` takes in by default")
    model: str = Field("", description="embedding model: a name on the hub or a folder; the shipped one where empty")
    query_prefix: str | None = Field(None, description="what the model wants before queries; its own or known one")
    passage_prefix: str | None = Field(None, description="what it wants before passages")
    llm_base_url: str = Field("", description="OpenAI-compatible endpoint, up to /v1; nothing needs one")
    llm_model: str = Field("", description="name of the language model there")
    llm_api_key: SecretStr = Field(SecretStr(""), description="its key")
    llm_timeout_s: float = Field(30, gt=0, description="seconds that a whole reply may take")
    llm_unsupported: Literal["drop", "flag"] = Field("drop", description="what to do with unsupported sentences")
    host: str = Field("127.0.0.1", description="address to listen on; others than loopback need an API key")
    hosts: str = Field("", description="names, comma-separated, that the service is reached under from outside")
    rate_per_minute: int = Field(600, ge=0, description="requests a minute that each API key may make; 0: no limit")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    workers: int = Field(1, ge=1, le=64, description="processes that answer; they share one index")
    keep_answers_days: int | None = Field(None, ge=0, le=36_500, description="days that an answer is kept; 0: none is")
    most_waiting: int = Field(24, ge=0, le=1000, description="requests that may wait for their turn; others get a 503")
    most_body_bytes: int = Field(1_048_576, ge=1024, description="largest request body")
    most_upload_bytes: int = Field(20_971_520, ge=1024, description="largest file that is uploaded")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="least severe log line shown")
    log_format: Literal["text", "json"] = Field("text", description="log lines for a person, or for a collector")

    @property
    def names(self) -> frozenset[str]:
        """`hosts` as a Host header has them, less port and brackets."""
        return frozenset(name.strip().lower().strip("[]") for name in self.hosts.split(",") if name.strip())

    @property
    def index(self) -> Path:
        return self.home / "index"

    @property
    def library(self) -> Path:
        return self.home / "library"

    @property
    def expansions(self) -> list[Path]:
        """Folders with questions per passage: the corpus's own, and those written for a user's documents."""
        return [self.corpus / "expansions", self.own_expansions]

    @property
    def own_expansions(self) -> Path:
        return self.home / "expansions"

    @property
    def glossary(self) -> Path:
        return self.corpus / "glossary.tsv"

    @property
    def answers(self) -> Path:
        return self.home / "answers.sqlite"

    @property
    def keys(self) -> Path:
        return self.home / "keys.sqlite"
