# make demo | make test | make check | make bench    (make help explains)

PYTHON ?= python3
ARGS   ?=
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PIP    := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq

.DEFAULT_GOAL := help
.PHONY: help setup demo test check coverage trace interface bench screenshots format hostile removal explore mutate

help:
	@echo "make demo    one simulated infusion, from order to summary   ARGS=\"--speed 1\"  ARGS=\"--scenario probe-off\""
	@echo "             or two beds to command in a browser              ARGS=\"--dashboard\"  ARGS=\"--dashboard --speed 1\""
	@echo "make test    all tests, on every core; a part with            ARGS=\"tests/core -k dose\"  ARGS=\"-m long -n auto\""
	@echo "make check   lint, format, types, layers, trace, interface, systemd units"
	@echo "make coverage each branch of the core, taken by its tests; fails below 100 %"
	@echo "make trace   render docs/safety/trace.md"
	@echo "make interface  render docs/mqtt.md and docs/asyncapi.json"
	@echo "make bench   one benchmark                                   ARGS=stop_latency"
	@echo "make screenshots  take the pictures of docs/screenshots anew, from a ward that runs"
	@echo "make hostile spoilt bytes at every reader                    ARGS=\"--inputs 10000000\""
	@echo "make removal each registered rule taken out, its tests red   ARGS=\"--strict\"  ARGS=DOSE-04"
	@echo "make explore every reachable state of the core                ARGS=\"--transitions 1000000\""
	@echo "make mutate  the core's code altered, its tests red          ARGS=quantities"
	@echo "make format  put the code into the house form"
	@echo "make setup   create .venv only (the others do it by themselves)   PYTHON=python3.12"

setup: $(STAMP)

$(BIN)/python:
	@command -v "$(PYTHON)" >/dev/null || { \
	  echo "There is no '$(PYTHON)' here. Install Python 3.11 or newer, or name one: make PYTHON=python3.12 setup" >&2; exit 2; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "pumpd needs Python 3.11 or newer; '$(PYTHON)' is $$("$(PYTHON)" -V 2>&1). Name a newer one: make PYTHON=python3.12 setup" >&2; exit 2; }
	@echo "Creating $(VENV) with $$("$(PYTHON)" -V 2>&1)"
	@"$(PYTHON)" -m venv --clear $(VENV) || { rm -rf $(VENV); \
	  echo "'$(PYTHON) -m venv' failed. On Debian and Ubuntu install the package python3-venv, then try again." >&2; exit 2; }

$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing the pinned packages into $(VENV) (this takes about a minute, and only when they change)"
	@$(PIP) install --require-hashes -r constraints.txt || { \
	  echo "The pinned packages could not be installed. Check that pip reaches its package registry, then try again;" >&2; \
	  echo "if $(VENV) is damaged, delete it first." >&2; exit 2; }
	@$(PIP) install --no-deps --no-build-isolation -e . || { \
	  echo "pumpd itself could not be installed; pip's message above says why." >&2; exit 2; }
	@touch $@

# exec: Ctrl-C must reach pumpd once and nothing else, so that it can stop the pump before it ends.
demo: $(STAMP)
	@exec $(BIN)/pumpd demo $(ARGS)

test: $(STAMP)
	@exec $(BIN)/python -m pytest $(or $(ARGS),-n auto --every-requirement)

check: $(STAMP)
	@$(BIN)/ruff check --quiet . || { echo "check: lint failed. 'make format' repairs what can be repaired by itself." >&2; exit 1; }
	@echo "lint          ok"
	@$(BIN)/ruff format --check --quiet . || { echo "check: these files are not in the house form. Run 'make format'." >&2; exit 1; }
	@echo "format        ok"
	@$(BIN)/mypy --no-error-summary || { echo "check: types failed (mypy --strict; packages as in pyproject.toml)." >&2; exit 1; }
	@echo "types         ok"
	@report=$$($(BIN)/lint-imports 2>&1) || { echo "$$report"; \
	  echo "check: an import breaks the layers that pyproject.toml sets. Move the code, not the contract." >&2; exit 1; }
	@echo "layers        ok"
	@$(BIN)/python -m tools.trace check || { echo "check: the trace from hazard to requirement to test is broken (docs/safety)." >&2; exit 1; }
	@echo "trace         ok"
	@$(BIN)/python -m tools.interface check || { echo "check: a document of the messages differs from the payload models." >&2; exit 1; }
	@echo "interface     ok"
	@if command -v systemd-analyze >/dev/null || [ "$${CI:-}" = true ]; then \
	  report=$$($(BIN)/python -m pytest -q -p no:cacheprovider tests/test_systemd.py 2>&1) || { echo "$$report"; \
	    echo "check: the systemd unit or the udev rule failed." >&2; exit 1; }; \
	  echo "systemd       ok"; \
	else echo "systemd       not checked: systemd-analyze is not installed here"; fi

coverage: $(STAMP)
	@$(BIN)/python -m coverage run -m pytest -q -n 0 tests/core tests/bedside/test_profile_file.py
	@exec $(BIN)/python -m coverage report

trace: $(STAMP)
	@exec $(BIN)/python -m tools.trace render

interface: $(STAMP)
	@exec $(BIN)/python -m tools.interface render

bench: $(STAMP)
	@test -n "$(ARGS)" || { echo "Which one? For example: make bench ARGS=stop_latency. There are:" >&2; \
	  ls benchmarks 2>/dev/null | sed -n 's/^\([a-z][a-z0-9_]*\)\.py$$/  \1/p' >&2; exit 2; }
	@exec $(BIN)/python -m benchmarks.$(ARGS)

screenshots: $(STAMP)
	@exec $(BIN)/python -m tests.browser.screenshots $(ARGS)

hostile removal explore mutate: $(STAMP)
	@exec $(BIN)/python -m tools.prove.$@ $(ARGS)

format: $(STAMP)
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .
