"""Retrieval: sentences and chunks, hybrid search, reranking and near-duplicates, exact and in memory (spec 2, 3)."""
