"""Training of the embedded guardrail's weights (`python -m local.train`); nothing at run time imports it."""
