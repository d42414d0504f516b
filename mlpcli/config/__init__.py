"""The settings of a run: their schema, YAML files of them, and the shipped configs."""
