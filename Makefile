# The two commands of the README, and the steps they are made of.
#
#   make run [SOUNDS=folder]   set up, index the folder (or a rendered demo), open the page's server
#   make test                  set up with everything the tests need, then lint, types, imports, tests

PYTHON ?= python3
VENV ?= .venv
PORT ?= 8765
BIN := $(VENV)/bin
WEB := $(shell find web -type f -not -path '*/node_modules/*' 2>/dev/null)

.PHONY: run test check slow bench clean system-packages
.DEFAULT_GOAL := run

run: $(VENV)/.run
ifdef SOUNDS
	$(BIN)/soundkin index "$(SOUNDS)"
	$(BIN)/soundkin serve --port $(PORT)
else
	@here=$$(mktemp -d) && trap 'rm -rf "$$here"' EXIT INT TERM && \
	$(BIN)/soundkin demo "$$here/sounds" && \
	$(BIN)/soundkin index "$$here/sounds" --library "$$here/library" && \
	$(BIN)/soundkin serve --library "$$here/library" --port $(PORT)
endif

test: system-packages $(VENV)/.test
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m tests.compile_ahead & $(MAKE) check && wait
	$(BIN)/python -m pytest

check: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

slow: system-packages $(VENV)/.test
	$(BIN)/python -m pytest -m slow --timeout 3600

# What the tests use beside Python packages: a browser for the page's tests.
system-packages:
	@sh tests/system_packages.sh

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Soundkin needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Set PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || sh tests/system_packages.sh venv
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip

$(VENV)/.run: $(VENV)/bin/python pyproject.toml hatch_build.py $(WEB)
	$(BIN)/pip install --quiet -e .
	@touch $@

$(VENV)/.test: $(VENV)/bin/python pyproject.toml tests/constraints.txt hatch_build.py $(WEB)
	$(BIN)/pip install --quiet -e '.[dev,train]' -c tests/constraints.txt
	@touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis web/node_modules soundkin/serve/static
