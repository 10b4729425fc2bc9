"""Connections of callers, and the frames that they get."""
