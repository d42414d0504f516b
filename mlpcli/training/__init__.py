"""Training in memory: the loop and what it needs, which writes nothing."""
