"""The conversations and the feedback of callers, in the table of answers."""
