"""Tests of the bank of curated answers."""
