"""The index in a Milvus cluster: what `TENKYO_STORE=milvus` searches. Nothing here is imported without it."""
