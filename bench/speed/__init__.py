"""The benches of speed: `python -m bench.speed`, `python -m bench.speed.cascade`."""
