"""Names of the network's input and outputs, which graph.py makes and model.py calls."""

LAYERS = (8, 12)
"""The layers whose mean over the tokens is returned: the middle one separates harm better, the last one attacks."""
INPUT = "embedded"
MEANS = "means"
"""The output that is those means, (texts, layers, width)."""
STATES = tuple(f"l{number - 1}.oln/out" for number in LAYERS)
"""The outputs that are these layers' states, (texts, tokens, width)."""
