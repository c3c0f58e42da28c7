# The two that matter: `make demo` and `make test`. Both install what they need into .venv and are safe to repeat.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test unit integration e2e lint format lock docs bench clean

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.run ## Install, start all engines, run every exercise's reference answer, leave the sandbox up
	@echo "==> sandbox up: starts all seven engines and loads the dataset into each"
	$(BIN)/sandbox up --timings
	@echo "==> sandbox exercise run: the reference answer of every exercise, graded on the live engines"
	$(BIN)/sandbox exercise run
	@echo "==> The sandbox is up. Look around: $(BIN)/sandbox status. End it: $(BIN)/sandbox down"

test: $(VENV)/.dev ## All tests: unit, on real engines, through the installed command
	@echo "==> unit tests"
	$(BIN)/pytest tests/unit -q $(PYTEST_ARGS)
	@echo "==> tests on real engines, and through the installed command"
	$(BIN)/python -m tests.side_by_side $(PYTEST_ARGS)

unit: $(VENV)/.dev ## Unit tests only
	$(BIN)/pytest tests/unit -q $(PYTEST_ARGS)

integration: $(VENV)/.dev ## Tests on real engines only
	$(BIN)/pytest tests/integration -v $(PYTEST_ARGS)

e2e: $(VENV)/.dev ## Tests through the installed command only
	$(BIN)/pytest tests/e2e -v $(PYTEST_ARGS)

lint: $(VENV)/.dev ## ruff and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(VENV)/.dev ## Format the code
	$(BIN)/ruff check --fix-only -q
	$(BIN)/ruff format -q

docs: $(VENV)/.dev ## Generate docs/cli.md and the pictures of the README anew
	$(BIN)/python -m docs.generate

bench: $(VENV)/.dev ## Measure start, memory and load of every engine
	$(BIN)/python benchmarks/start.py

lock: $(VENV)/.dev ## Renew the locked Python packages (needs a network)
	$(BIN)/pip-compile -q --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links --strip-extras \
	  --no-annotate --no-header --allow-unsafe -o requirements/run.txt pyproject.toml
	$(BIN)/pip-compile -q --upgrade --extra dev --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --strip-extras --no-annotate --no-header --allow-unsafe -c requirements/run.txt \
	  -o requirements/dev.txt pyproject.toml

clean: ## Remove the virtual environment and what tools left behind
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache

# ensurepip is checked first: Debian keeps it in a package of its own, and `venv` fails late without it.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Python 3.11, 3.12 or 3.13 is needed; name one: make PYTHON=python3.12 ..."; exit 3; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo "Python's venv module is missing: apt-get install python3-venv"; exit 3; }
	@echo "==> making a virtual environment in $(VENV)"
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/python requirements/run.txt pyproject.toml
	@echo "==> installing sandbox and the packages it is built on (locked, with hashes)"
	$(BIN)/python -m pip install --disable-pip-version-check -q --progress-bar off --require-hashes -r requirements/run.txt
	$(BIN)/python -m pip install --disable-pip-version-check -q --no-deps -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	@echo "==> installing what tests need"
	$(BIN)/python -m pip install --disable-pip-version-check -q --progress-bar off --require-hashes -r requirements/dev.txt
	@touch $@
