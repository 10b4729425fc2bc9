"""`stepguard demo`."""
