"""Curated answers: the questions that a team answers in its own words, and finding the one that was asked."""
