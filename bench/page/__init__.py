"""The page in a browser, measured."""
