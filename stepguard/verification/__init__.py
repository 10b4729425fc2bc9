"""Proves a deployment on an AWS account step by step, and records AWS's answers (docs/operate/verify.md)."""
