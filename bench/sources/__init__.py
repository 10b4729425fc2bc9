"""The bench of indirect injection: `python -m bench.sources`."""
