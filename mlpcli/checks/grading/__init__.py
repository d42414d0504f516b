"""A learner's own backward pass: what it returned, and the verdict on it."""
