"""The generated pages: those of docs/reference, docs/operate/cost.md and docs/operate/capacity.md.

`python -m docs.generate` writes them; tests/contract/test_reference.py compares them with the code.
"""
