"""Three guard layers around a large language model, as an AWS Step Functions workflow."""

__version__ = "0.2.0"
