"""What callers say: their feedback, and the languages that they write."""
