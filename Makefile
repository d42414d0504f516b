# Every routine of the project; `make` alone lists them.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
LOCK := constraints.txt
# CI installs the releases of the lock, everyone else the newest that fit pyproject.toml
PINS := $(if $(filter true,$(CI)),--constraint $(LOCK))

.PHONY: help install demo test test-quick faults check format docs lock audit pictures bench bench-quick results results-quick build clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(INSTALLED)  ## make .venv and install mlpcli into it, editable, with development extras

$(INSTALLED): pyproject.toml $(LOCK)
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) not found; install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $$($(PYTHON) --version) is too old; install Python 3.11 or newer, or name one: make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "error: $(PYTHON) lacks venv; install it (Debian, Ubuntu: apt install python3-venv)" >&2; exit 2; }
	@$(PYTHON) -m venv .venv
	@echo "installing mlpcli and its dependencies into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PINS) --editable '.[dev]' || { echo "error: the installation failed; check that the package registry can be reached, then run make again" >&2; exit 2; }
	@touch $@

demo: $(INSTALLED)  ## train on the embedded data set, evaluate, say where the run lies
	@$(BIN)/mlp train --config quickstart --out runs/demo --overwrite
	@$(BIN)/mlp eval runs/demo

test: $(INSTALLED)  ## the whole suite, doctests included (what needs ../shared is skipped without it)
	@$(BIN)/python -m pytest

test-quick: $(INSTALLED)  ## the suite without its slow tests
	@$(BIN)/python -m pytest -m 'not slow'

faults: $(INSTALLED)  ## kill, fill, cut, unplug and mutate, counted in a table (`make test` has a short form)
	@$(BIN)/python -m tests.faults --full

check: $(INSTALLED)  ## formatting, lint, types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: $(INSTALLED)  ## format the code, apply safe lint fixes
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: $(INSTALLED)  ## refresh the config schema and docs/commands.md
	@$(BIN)/python scripts/reference.py

lock: $(INSTALLED)  ## pin the newest releases of all dependencies, for CI
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --extra dev --no-annotate --custom-compile-command 'make lock' --output-file $(LOCK) pyproject.toml

audit: $(INSTALLED)  ## look for known vulnerabilities in the pinned releases, where the database can be reached
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-audit
	@$(BIN)/python scripts/audit.py $(LOCK)

pictures: $(INSTALLED)  ## draw the README's pictures from what the commands print
	@$(BIN)/python scripts/pictures.py

bench: $(INSTALLED)  ## measure against peers (extra `bench`; a missing peer is reported)
	@$(BIN)/python -m benchmarks

bench-quick: $(INSTALLED)  ## the same with fewer rounds and smaller data; writes no results
	@$(BIN)/python -m benchmarks --quick

results: $(INSTALLED)  ## measure what docs/results.md states, over hours; ROWS="mnist synth" for some
	@$(BIN)/python scripts/results.py $(if $(ROWS),--rows $(ROWS))

results-quick: $(INSTALLED)  ## one seed of the short rows, printed
	@$(BIN)/python scripts/results.py --quick $(if $(ROWS),--rows $(ROWS))

build: $(INSTALLED)  ## wheel and sdist into dist/
	@$(BIN)/python -m build

clean:  ## remove .venv and everything built
	rm -rf .venv dist build .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
