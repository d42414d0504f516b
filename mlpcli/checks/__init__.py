"""Is a gradient right? Numeric derivatives and the verdict."""
