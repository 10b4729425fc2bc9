"""The rule and the items of reviews."""
