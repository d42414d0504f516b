"""One run on disk: settings, training, weights, record."""
