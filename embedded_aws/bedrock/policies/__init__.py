"""The guardrail policies: configuration and texts in, the policy's section of the assessment out."""
