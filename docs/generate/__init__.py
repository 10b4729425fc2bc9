"""The generated pages: those of docs/reference, and docs/operate/cost.md.

`python -m docs.generate` writes them; tests/contract/test_reference.py compares them with the code.
"""
