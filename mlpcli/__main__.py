"""`python -m mlpcli` is `mlp`."""

from mlpcli.cli import app

if __name__ == "__main__":
    app(prog_name="mlp")
