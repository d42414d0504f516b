"""One use case a module, under the name of its command: it takes values and returns values."""
