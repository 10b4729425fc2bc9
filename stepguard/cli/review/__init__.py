"""`stepguard review`: people judge answers that a rule selected."""
