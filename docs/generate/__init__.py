"""The generated pages of docs/reference.

`python -m docs.generate` writes them; tests/contract/test_reference.py compares them with the code.
"""
