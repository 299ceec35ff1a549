"""Pictures of what was printed, good enough to look at."""
