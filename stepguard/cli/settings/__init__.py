"""`stepguard settings`: what changes without a deployment."""
