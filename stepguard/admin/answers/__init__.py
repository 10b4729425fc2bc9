"""Publishing curated answers: embedding their questions, and measuring how alike is alike enough."""
