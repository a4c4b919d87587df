"""Retrieval: everything that index and query must agree on."""
