"""Frames of streamed answers, and the pieces of an answer."""
