"""Curated answers in S3."""
