"""Review by people: the rule that selects answers, and the items of the queue."""
