# All routine tasks of the project; `make` alone lists them.
ifeq ($(OS),Windows_NT)
PYTHON ?= python
BIN := .venv/Scripts
else
PYTHON ?= python3
BIN := .venv/bin
endif
INSTALLED := .venv/.installed
LOCK := constraints.txt
# tests run on all cores, and a core that is free takes tests from the other
PARALLEL := --numprocesses auto --dist worksteal
# CI installs the locked releases, everyone else the newest that satisfy pyproject.toml
PINS := $(if $(filter true,$(CI)),--constraint $(LOCK))

.PHONY: help install demo test test-quick faults check format docs lock audit pictures bench bench-quick results results-quick build clean

help:  ## list all targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(INSTALLED)  ## create .venv and install mlpcli into it, editable, with development extras

$(INSTALLED): pyproject.toml $(LOCK)
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) not found; install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $$($(PYTHON) --version) is too old; install Python 3.11 or newer, or name one: make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "error: $(PYTHON) lacks venv; install it (Debian, Ubuntu: apt install python3-venv)" >&2; exit 2; }
	@$(PYTHON) -m venv .venv
	@echo "installing mlpcli and its dependencies into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PINS) --editable '.[dev]' || { echo "error: the installation failed; check that the package registry can be reached, then run make again" >&2; exit 2; }
	@touch $@

demo: $(INSTALLED)  ## train on the built-in data set, evaluate, say how to call mlp
	$(BIN)/mlp train quickstart --name demo --overwrite
	$(BIN)/mlp eval demo
	@[ ! -t 1 ] || echo "next: $(BIN)/mlp report demo --open (or '. $(BIN)/activate', then mlp alone)"

test: $(INSTALLED)  ## run the whole test suite with doctests (without ../shared, tests that need it are skipped)
	@$(BIN)/python -m pytest $(PARALLEL)

test-quick: $(INSTALLED)  ## run the test suite without slow tests
	@$(BIN)/python -m pytest $(PARALLEL) -m 'not slow'

faults: $(INSTALLED)  ## inject faults such as kills and full disks, count the outcomes (`make test` runs a short form)
	@$(BIN)/python -m tests.faults --full

check: $(INSTALLED)  ## check formatting, lint and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: $(INSTALLED)  ## format the code and apply safe lint fixes
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: $(INSTALLED)  ## regenerate the config schema and docs/commands.md
	@$(BIN)/python scripts/reference.py

lock: $(INSTALLED)  ## pin the latest releases of all dependencies, for CI
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --extra dev --no-annotate --custom-compile-command 'make lock' --output-file $(LOCK) pyproject.toml

audit: $(INSTALLED)  ## check the pinned releases for known vulnerabilities, if the database is reachable
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-audit
	@$(BIN)/python scripts/audit.py $(LOCK)

pictures: $(INSTALLED)  ## regenerate the README's pictures from real command output, and the plot of the results
	@$(BIN)/python scripts/pictures.py
	@$(BIN)/python scripts/results.py --page

bench: $(INSTALLED)  ## benchmark against peers (extra `bench`; missing peers are reported)
	@$(BIN)/python -m benchmarks
	@$(BIN)/python -m benchmarks --isa avx2
	@$(BIN)/python -m benchmarks.sweep

bench-quick: $(INSTALLED)  ## run the benchmarks with fewer rounds and smaller data, without writing results
	@$(BIN)/python -m benchmarks --quick
	@$(BIN)/python -m benchmarks.sweep --quick

results: $(INSTALLED)  ## measure the rows of docs/results.md (takes hours); ROWS="mnist synth" selects rows
	@$(BIN)/python scripts/results.py $(if $(ROWS),--rows $(ROWS))

results-quick: $(INSTALLED)  ## measure one seed of the short rows and print the results
	@$(BIN)/python scripts/results.py --quick $(if $(ROWS),--rows $(ROWS))

build: $(INSTALLED)  ## build wheel and sdist into dist/
	@$(BIN)/python -m build

clean:  ## remove .venv and all build output
	rm -rf .venv dist build .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
