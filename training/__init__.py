"""Training of the embedded guardrail's weights (`python -m training`); nothing at run time imports it."""
