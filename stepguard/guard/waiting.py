"""How often the API reads the table while it waits for an answer."""

from __future__ import annotations

FIRST_PAUSE, LONGEST_PAUSE = 0.005, 1.0
"""Seconds between two reads of the table."""

PART = 0.2
"""The pause as a part of the time that has passed: a read comes at most this part too late."""


def pause(passed: float) -> float:
    """The seconds until the next read, when `passed` seconds have gone by."""
    return min(max(FIRST_PAUSE, passed * PART), LONGEST_PAUSE)


def reads(seconds: float) -> int:
    """The number of reads until an answer that comes after `seconds` is found."""
    count, passed = 1, 0.0
    while passed < seconds:
        passed += pause(passed)
        count += 1
    return count
