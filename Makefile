# `make demo` and `make test` set up all that they need in .venv; nothing else has to be installed or activated.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

unexport PYTHONDONTWRITEBYTECODE  # or each process that a test starts compiles the package again

.PHONY: help demo test lint bench notebooks docs clean setup

help:
	@echo "make demo    label the bundled headlines and compare scheduled with random questions"
	@echo "make test    lint, type check and all tests"
	@echo "make lint    ruff and mypy alone"
	@echo "make bench   the benchmarks (prints tables)"
	@echo "make notebooks  run the notebooks and store their outputs"
	@echo "make docs    the documentation site, in site/html"
	@echo "make clean   remove the environment and what the demo wrote"
	@echo "PYTHON=python3.13 chooses the interpreter, VENV=DIR the environment"

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "weaklab needs Python 3.11 or newer, found `$(PYTHON) --version 2>&1`; name another one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(READY)

demo: $(READY)
	$(BIN)/weaklab demo

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest -n 2 --dist loadgroup

bench: $(READY)
	$(BIN)/python -m benchmarks.active_learning

notebooks: $(READY)
	$(BIN)/python tests/test_notebooks.py

docs: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	$(BIN)/python docs/site/build.py site
	@echo "open site/html/index.html"

clean:
	rm -rf $(VENV) weaklab-demo site .mypy_cache .ruff_cache .pytest_cache
