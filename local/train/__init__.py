"""Training of the models that ship with the embedded Bedrock; needs the data folder, never run by users."""
