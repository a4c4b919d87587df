"""Which store the settings name: chosen here, and nowhere else."""

from api.kept import Kept, KeptAnswers
from api.settings import Settings
from ingest.stores import Disk, Store
from retriever.errors import StoreRefused


def open_store(settings: Settings) -> Store:
    """Raises `StoreRefused` or `StoreUnreachable`."""
    if settings.store == "disk":
        return Disk(settings.index, settings.library)
    if not settings.milvus_uri:
        raise StoreRefused(
            "TENKYO_STORE is milvus, but TENKYO_MILVUS_URI is empty: set it to http://host:port/database."
        )
    try:
        from ingest.clustered import Milvus

        return Milvus(settings.milvus_uri, settings.milvus_token.get_secret_value(), settings.library)
    except ModuleNotFoundError as error:
        raise StoreRefused(
            f"TENKYO_STORE is milvus, but {error.name} isn't installed: pip install '.[milvus]'."
        ) from error


def open_kept(settings: Settings, store: Store) -> Kept:
    """Kept answers lie where the index does."""
    if settings.store == "disk":
        return KeptAnswers(settings.answers, settings.keep_answers_days)
    from api.kept_shared import SharedAnswers
    from ingest.clustered import Milvus

    assert isinstance(store, Milvus)
    return SharedAnswers(store.cluster, settings.keep_answers_days)
