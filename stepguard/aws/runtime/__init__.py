"""Reads what can change between two executions without a deployment."""
