# Two commands do everything on a fresh machine: `make demo` and `make test`.
# What is installed is named in requirements/*.lock (Python, with hashes) and tools/kafka/*.xml (Apache Kafka, a registry).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test unit lint bench soundness lock kafka-libs kcat clean help

help: ## Print what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: $(VENV)/runtime.stamp ## Run the demo on the embedded broker: nothing else is needed
	$(BIN)/headrace demo $(ARGS)

test: lint kafka-libs kcat ## Everything: lint, types, layers, and all tests against the real parts
	$(BIN)/python -m pytest tests/unit -q -n 2 -m "not slow"
	$(BIN)/python -m pytest tests/unit -q -n 2 -m slow
	$(BIN)/python -m pytest tests/conformance tests/e2e tests/typing tests/soundness -q

unit: $(VENV)/dev.stamp ## The quick tests alone
	$(BIN)/python -m pytest tests/unit -q -n 2 -m "not slow"

lint: $(VENV)/dev.stamp ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(VENV)/dev.stamp ## The benchmarks: ratios to the raw libraries, measured in one run
	$(BIN)/python -m benchmarks $(ARGS)

soundness: $(VENV)/dev.stamp ## All pairs of the verdicts' corpus, tried by sampling: a table by keyword
	$(BIN)/python -m tests.soundness

kafka-libs: $(VENV)/dev.stamp ## Fetch Apache Kafka's broker and an independent registry for the tests
	$(BIN)/python -m headrace.local.fetch

kcat: ## Install kcat, a foreign client that a test reads Headrace's records with
	@command -v kcat > /dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null && \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends kcat > /dev/null; } || \
	  { echo "kcat is needed by a test; on Debian and Ubuntu: apt-get install kcat" >&2; exit 2; }

lock: $(VENV)/dev.stamp ## Choose the newest versions again and write requirements/*.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header pyproject.toml --group build -o requirements/runtime.lock $(LOCK_ARGS)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header pyproject.toml --group dev --extra bench --extra demo --extra observability -c requirements/runtime.lock -o requirements/dev.lock $(LOCK_ARGS)

clean: ## Remove what was installed and made here
	rm -rf $(VENV) .headrace-demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Headrace needs Python 3.11 or newer; say which with: make PYTHON=python3.12 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV) || { echo "on Debian: apt-get install python3-venv" >&2; exit 2; }

$(VENV)/runtime.stamp: requirements/runtime.lock pyproject.toml | $(BIN)/python
	$(PIP) --require-hashes -r requirements/runtime.lock
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.lock $(VENV)/runtime.stamp
	$(PIP) --require-hashes -r requirements/dev.lock
	@touch $@
