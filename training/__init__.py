"""Training of the embedded guardrail's weights (`python -m training`). Code at run time does not import it."""
