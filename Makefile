# make demo | dev | test: each needs Python 3.11 or newer, git, make and a package registry.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCKING := --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command 'make lock'
TOOLS := $(VENV)/tools

# A file is compiled once, not by each process that starts; even where the environment forbids it.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help install demo dev test lint types imports suite unit system review chaos browser docs bench lock audit clean

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

test: lint types imports suite review  ## all checks and tests

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports

suite: $(STAMP)  ## all tests but chaos; more at once than cores, as those with processes wait
	$(BIN)/pytest -m 'not chaos' -n 4 --dist loadfile --no-loadscope-reorder

unit: $(STAMP)  ## the tests without the system tests
	$(BIN)/pytest -m 'not system and not chaos' -n 2 --dist loadfile

system: $(STAMP)  ## the tests that start the real processes
	$(BIN)/pytest -m system -n 4 --dist loadfile --no-loadscope-reorder

chaos: $(STAMP)  ## the same for minutes: kills, outages, failovers, every fault; prints its figures
	$(BIN)/pytest -m chaos -s

review: $(STAMP)  ## what the image installs: exact pins, hashes, licences
	$(BIN)/python -m tests.deploy.review

audit: $(STAMP) $(TOOLS)  ## the same, and known vulnerabilities; needs the network
	$(BIN)/python -m tests.deploy.review --audit $(TOOLS)/bin/pip-audit

$(TOOLS): | $(STAMP)
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check uv pip-audit

lock: $(STAMP) $(TOOLS)  ## deploy/*.lock anew from pyproject.toml: the newest versions, with hashes
	$(TOOLS)/bin/uv pip compile $(LOCKING) --extra worker --extra gateway --extra flower \
		--extra crypto pyproject.toml --output-file deploy/requirements.lock
	$(BIN)/python -m tests.deploy.review --build-requires | $(TOOLS)/bin/uv pip compile $(LOCKING) - \
		--output-file deploy/build.lock

browser:  ## Chromium for the tests of the pages, which are skipped without it
	@test -x /usr/bin/chromium || \
	if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	else \
		echo "install Chromium as /usr/bin/chromium; on Debian: sudo apt-get install chromium" >&2; \
		exit 1; \
	fi

docs: $(STAMP)  ## the documentation as a site, in var/site; every link is checked
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: $(STAMP)  ## submit rate beside a bare loop, in one run
	$(BIN)/xinshi bench

clean:  ## forget the environment and every cache
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
