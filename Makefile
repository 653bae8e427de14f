# Everything this project does starts here; each target installs what it needs first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install demo up down test lint bench lock
.DEFAULT_GOAL := install

install: $(VENV)/installed

$(VENV)/installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: set PYTHON, such as 'make PYTHON=python3.12 $(MAKECMDGOALS)'." >&2; exit 1; }
	@echo "Installing into $(VENV) …"
	@$(PYTHON) -m venv $(VENV) >/dev/null || { echo "venv failed: on Debian, install python3-venv." >&2; exit 1; }
	@$(BIN)/pip install --quiet "$$(grep '^uv==' requirements.txt)"
	@$(BIN)/uv pip install --quiet --requirement requirements.txt --python $(BIN)/python
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable . --python $(BIN)/python
	@touch $@

demo: install
	@$(BIN)/nightjar demo run

up: install
	@$(BIN)/nightjar demo up

down: install
	@$(BIN)/nightjar demo down

test: install
	@$(BIN)/pytest

lint: install
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: install $(VENV)/rivals/installed
	@$(BIN)/python -m benchmarks

# What only the benchmarks compare with, apart from what the project uses.
$(VENV)/rivals/installed: benchmarks/requirements.txt $(VENV)/installed
	@echo "Installing the benchmarks' rivals …"
	@$(PYTHON) -m venv $(VENV)/rivals >/dev/null
	@$(BIN)/uv pip install --quiet --requirement $< --python $(VENV)/rivals/bin/python
	@touch $@

# Resolves the versions of all packages anew.
lock: install
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --no-header --no-annotate \
	  pyproject.toml --output-file requirements.txt
