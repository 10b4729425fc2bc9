"""Rules on texts: cut into parts, cleaned of control tokens and reasoning, read for citations."""
