"""All that a person looks at."""
