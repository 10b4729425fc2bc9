"""The command `stepguard review`."""
