"""The quality of answers: compared with reference answers, graded by a model, and refusals counted apart."""
