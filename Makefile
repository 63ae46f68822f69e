# Every target works on a fresh clone with Python >= 3.11, make and a package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= auto

.DEFAULT_GOAL := help

help: ## List the targets.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

env: $(VENV)/.installed ## Make the environment in .venv from constraints.txt.

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "spandocket needs Python >= 3.11; set PYTHON=python3.11 (found: $$($(PYTHON) --version 2>&1))"; exit 2; }
	@echo "Making the environment in $(VENV), once; this takes a minute or two."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: env ## Run the main path on real data shipped in the repo.
	@$(BIN)/spandocket demo

test: env ## Run all tests.
	$(BIN)/python -m pytest -n $(JOBS)

lint: env ## Check style, formatting and the house rules.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: env ## Check the types.
	$(BIN)/mypy

contracts: env ## Check that the arrows between the rooms hold.
	$(BIN)/lint-imports
	cd client && ../$(BIN)/lint-imports

docs: env ## Write the docs that a machine can write.
	$(BIN)/python -m docs.generate

docs-check: env ## Fail when a written doc differs from what the machine would write.
	$(BIN)/python -m docs.generate --check

bench: env ## Run the benchmarks and print their ratios.
	$(BIN)/python -m benchmarks

collector: $(VENV)/collector/otelcol-spandocket ## Build the Collector that tests the pipelines in configs (needs go).

$(VENV)/collector/otelcol-spandocket: configs/collector/builder.yaml $(VENV)/.installed
	mkdir -p $(VENV)/collector
	GOBIN=$(abspath $(VENV)/collector) go install go.opentelemetry.io/collector/cmd/builder@v0.155.0
	cd $(VENV)/collector && ./builder --config $(abspath configs/collector/builder.yaml)
	mv $(VENV)/collector/build/otelcol-spandocket $@

check: lint types contracts docs-check test ## What CI runs.

clean: ## Remove the environment and the caches.
	rm -rf $(VENV) demo-output build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: help env demo test lint types contracts docs docs-check bench collector check clean
