"""EventBridge's rules for the events that the embedded services emit."""
