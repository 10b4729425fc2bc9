"""Curated answers: wrong matches among near misses, and the time of a question."""
