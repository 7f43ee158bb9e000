# Ringback's verbs. Each sets up .venv first when it has to; nothing is needed but Python 3.11+ and make.
#
#   make run            everything on this machine, without accounts; LIVE=1 for the real Twilio of .env
#   make test           the whole test suite; ARGS="-k words" for a part of it
#   make check          formatting, lint, types, import rules
#   make bench          the benchmarks beside their baselines
#   make soak           random harm for SECONDS=600 with a table of what came of it; SEED=n for the same again
#   make setup          only the set-up
#
# PORT=8010 make run chooses another port, make setup PYTHON=/path/to/python3 another Python.

BIN := .venv/bin

# The Python of .venv when there is one, else the first that is new enough.
ifeq ($(origin PYTHON),undefined)
PYTHON := $(shell for each in $(BIN)/python python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$each; break; }; done)
endif

.PHONY: help run test check bench soak setup lock python
.DEFAULT_GOAL := help

help:
	@sed -n 's/^#   //p' Makefile

# One command, which make runs without a shell between: its signals reach the launcher.
run: python
	@"$(PYTHON)" -I simulator/install.py runtime
	@$(BIN)/python -m simulator.launcher --until-parent-ends

setup: python
	@"$(PYTHON)" -I simulator/install.py everything

test: setup
	@$(BIN)/pytest --numprocesses 4 --dist loadfile $(ARGS)

check: setup
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: setup
	@$(BIN)/python -m bench

soak: setup
	@$(BIN)/python -m tests.crash.soak --seconds $(or $(SECONDS),600) $(if $(SEED),--seed $(SEED))

python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	echo "Ringback needs Python 3.11 or newer: install it, or name one with PYTHON=/path/to/python3." >&2; exit 1; }

# After a change in pyproject.toml; the only target that needs uv. One file for every platform and Python,
# with hashes and without the address of any index.
LOCK := uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header
lock:
	$(LOCK) --output-file requirements.txt
	$(LOCK) --extra dev --output-file requirements-dev.txt
