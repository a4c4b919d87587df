# `make serve` answers questions on http://127.0.0.1:8000; `make test` runs all checks.
# PORT=… chooses another port, TENKYO_HOME=… another place for the index and kept answers,
# PIP_ARGS=… goes to pip (a CPU build of torch on another machine, for example: see README.md).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= $(or $(TENKYO_PORT),8000)
PIP_ARGS ?=

.PHONY: serve test clean

serve: $(VENV)/serve.stamp
	$(BIN)/tenkyo serve --port $(PORT)

test: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n 2 --dist loadfile

$(VENV)/serve.stamp: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e .
	touch $@

$(VENV)/dev.stamp: $(VENV)/serve.stamp
	$(BIN)/pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) var
