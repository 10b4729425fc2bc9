"""What happens after a chat: the Lambdas of after.asl.json, except for the one that notifies a listener."""
