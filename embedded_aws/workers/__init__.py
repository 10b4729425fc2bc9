"""Worker processes: start, call, watch, replace and end them. The services decide what a worker does."""
