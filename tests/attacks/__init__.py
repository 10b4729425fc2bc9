"""Attacks on stepguard, each with the response that docs/operate/threat-model.md promises."""
