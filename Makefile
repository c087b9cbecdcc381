# Everything starts from a fresh clone: each target makes .venv from requirements.lock first when that is missing or stale.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete
PYTEST := -m pytest
PIP := --disable-pip-version-check --root-user-action=ignore --no-warn-script-location --progress-bar off
unexport PYTHONDONTWRITEBYTECODE  # some machines set it, and the tests start hundreds of processes

.PHONY: help setup demo example test slow check bench pictures screenshots recording clean

help:            ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

setup: $(STAMP)  ## make .venv from requirements.lock

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "make: Python 3.11 or newer is needed; try make PYTHON=python3.12" >&2; exit 2; }
	@echo "1/3 a Python environment in $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@echo "2/3 packages of requirements.lock (some minutes the first time; PyTorch is large):"
	@{ $(BIN)/python -m pip install $(PIP) -r requirements.lock; echo $$? > $(VENV)/.pip; } \
	  | sed -un 's/^Collecting \([^ ;]*\).*/    \1/p; s/^Installing collected.*/    ... all here, being installed/p'; \
	  exit $$(cat $(VENV)/.pip)
	@echo "3/3 iqa-train and iqa-tui, in $(BIN)"
	@$(BIN)/python -m pip install --quiet $(PIP) --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP)   ## train the five experiments on built-in data, on a terminal in the console (minutes, no GPU)
	@if [ -t 0 ] && [ -t 1 ]; then $(BIN)/iqa-tui --demo --slots 2; \
	  else $(BIN)/iqa-train --demo --slots 2 --resume; fi
	$(BIN)/iqa-train results --demo

MIXED := --experiments examples/mixed/experiments.toml

example: $(STAMP) ## a study of own networks, losses and scripts and of predictions from elsewhere (minutes, no GPU)
	$(BIN)/iqa-train --all $(MIXED) --slots 2 --resume
	$(BIN)/iqa-train import-predictions examples/mixed/predictions.csv --exp Sharpness $(MIXED)
	$(BIN)/iqa-train results $(MIXED)

test: $(STAMP)   ## the tests, without the slow ones, three at a time (they wait for processes more than they compute)
	$(BIN)/python $(PYTEST) -n 3 --dist loadfile

slow: $(STAMP)   ## the slow tests alone
	$(BIN)/python -m pytest -m slow

check: $(STAMP)  ## lint, formatting, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)  ## every benchmark, each against its reference way (BENCH_ARGS=--smoke for a short run)
	@for file in benchmarks/bench_*.py; do $(BIN)/python $$file $(BENCH_ARGS) || exit 1; done

pictures: $(STAMP)  ## the README's pictures of a report, from the runs of `make demo`
	$(BIN)/python docs/pictures/report_pictures.py

screenshots: $(STAMP)  ## the README's pictures of the console, from the runs of `make demo` (RUNS=FOLDER for another folder's)
	$(BIN)/python docs/pictures/console_pictures.py $(RUNS)

recording: $(STAMP)  ## the README's recording of the console, of the demo study while it runs
	$(BIN)/python docs/pictures/console_recording.py

clean:           ## remove what can be made again; runs, logs and data stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
