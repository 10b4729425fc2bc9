"""`stepguard answers`: the team's own answers to questions that are asked again and again."""
