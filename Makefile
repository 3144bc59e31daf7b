# make demo | dev | test: each needs Python 3.11 or newer, git, make and a package registry.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install demo dev test lint types imports unit system chaos bench clean

help:  ## what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Xinshi needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

install: $(STAMP)  ## create .venv with everything, from pyproject.toml

demo: $(STAMP)  ## one message through each vendor and a burst of 1,000, against the sandbox
	$(BIN)/xinshi demo

dev: $(STAMP)  ## the same, and keep everything running
	$(BIN)/xinshi demo --keep

test: lint types imports unit system  ## all checks and tests

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports

unit: $(STAMP)  ## the tests without the system tests
	$(BIN)/pytest -m 'not system and not chaos'

system: $(STAMP)  ## the tests that start the real processes
	$(BIN)/pytest -m system

chaos: $(STAMP)  ## the same for minutes: kills, outages, failovers, every fault; prints its figures
	$(BIN)/pytest -m chaos -s

bench: $(STAMP)  ## submit rate beside a bare loop, in one run
	$(BIN)/xinshi bench

clean:  ## forget the environment and every cache
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
