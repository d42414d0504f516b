"""One run on disk, and nothing else: its folder, record, metrics and weights."""
