"""`stepguard chat`: one question, or a conversation."""
