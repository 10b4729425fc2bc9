"""The calls that docs/measurements/wire-comparison.md compares."""
