# Everything a person needs here. `make` alone prints this list.
PY := .venv/bin/python -P
ENV := PYTHONSAFEPATH=1

help: ## Show this list
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

install: ## Install what is needed into .venv (every other target does this first)
	@.ci/install

up: install ## Start a working chat platform here; Ctrl-C stops it, DETACH=1 leaves it running
	@$(ENV) .venv/bin/parch-local up $(if $(DETACH),--detach)

down: ## Stop what `make up DETACH=1` started; the data stays in .run/
	@$(ENV) .venv/bin/parch-local down

check: install ## Lint, types, import contracts, generated files
	@$(ENV) .ci/check

test: install ## Everything: checks, unit tests with their coverage gate, processes, faults
	@$(ENV) .ci/test

e2e: install ## The end-to-end tests alone; TEST_DEPTH=high for the long forms
	@$(ENV) $(PY) -m pytest e2e -n 2 --dist worksteal

bench: install ## Every benchmark beside its baseline; WHAT=relay for one of them
	@$(ENV) $(PY) bench/run.py $(WHAT)

.PHONY: help install up down check test e2e bench
