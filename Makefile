# Every target is one plain command behind an up-to-date .venv; the README lists them for systems without make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# No BLAS thread pool: the matrices are tiny and the pools of parallel workers fight for the cores.
export OPENBLAS_NUM_THREADS ?= 1
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help install demo test test-long lint format bench lock docs clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

$(STAMP): requirements.lock pyproject.toml tools/install.py
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 14) else "Python 3.11 to 3.13 is needed, $(PYTHON) is %d.%d; name another: make PYTHON=python3.12 install" % v)'
	@echo "setting up $(VENV) from requirements.lock (once; a minute or two)"
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python tools/install.py
	@touch $(STAMP)

install: $(STAMP) ## make .venv from the hash-pinned lock

demo: $(STAMP) ## run the agents on the bundled market: offline, no key
	@$(BIN)/tradinggroup backtest backtests/demo.toml

test: $(STAMP) ## run all tests: offline, no key
	@$(BIN)/python -m pytest

test-long: $(STAMP) ## run the tests that take minutes and that `make test` leaves out
	@$(BIN)/python -m pytest -m long --timeout 1200
	@HYPOTHESIS_PROFILE=long $(BIN)/python -m pytest --timeout 1200 tests/risk tests/backtest tests/reflection tests/models

lint: $(STAMP) ## style, types, import rules
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

format: $(STAMP) ## format the code
	@$(BIN)/ruff check --fix-only . ; $(BIN)/ruff format .

bench: $(STAMP) ## print the benchmarks' ratios
	@for script in benchmarks/[a-z]*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

docs: $(STAMP) ## write again what the docs take from the code
	@$(BIN)/python tools/generate_docs.py

lock: $(STAMP) ## resolve the dependencies anew into requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --extra baselines --group dev \
	  --generate-hashes --no-header --no-annotate --upgrade -q -o requirements.lock

clean: ## remove .venv and the caches, not your data or runs
	rm -rf $(VENV) dist .pytest_cache .ruff_cache .mypy_cache .hypothesis
