"""Files in, passages out: load → clean → structure → chunk → build."""
