"""`stepguard shadow`: a candidate guardrail beside the deployed one."""
