"""A command-line trainer for MNIST-like data: a NumPy MLP with a hand-derived, checked gradient."""

__version__ = "0.1.0"
