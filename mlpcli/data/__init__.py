"""From a name to arrays."""
