"""Measurements of conversations."""
