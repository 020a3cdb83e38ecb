# What a person or CI does with this project. Needs make and a Python of at least 3.11; the network
# only once, to fetch what requirements/ locks. `make` alone says what there is.

SHELL := /bin/sh
VENV := .venv
PY := $(VENV)/bin/python
PYTHONS := 3.11 3.12 3.13
UV_VERSION := 0.13.9
# Most of the tests wait for a silence that is the point of them: twice as many as there are processors.
WORKERS ?= $(shell expr 2 '*' $$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2))
PYTEST_ARGS ?= -n $(WORKERS) --dist loadfile
# With REPORTS=DIR every test run leaves a JUnit file there, for CI to count.
junit = $(if $(REPORTS),--junitxml=$(REPORTS)/$(1).xml)

# A change of the locks or of the project's metadata makes the environment again, nothing else does.
LAB_READY := $(VENV)/.ready-lab
DEV_READY := $(VENV)/.ready-dev

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all test-all-own environments lint lint-style lint-types lint-imports format docs docs-check docs-calibration bench lock wheel clean az
# A half-made environment is no environment.
.DELETE_ON_ERROR:

help: ## say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

# Installing compiles byte code, and so do we for our own tree: with PYTHONDONTWRITEBYTECODE set,
# Python would otherwise compile every module anew at each start.
define install
	@test -x $(1)/bin/python || "$$(tools/find-python $(3))" -m venv $(1)
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(2)
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(1)/bin/python -m compileall -q src
endef

$(LAB_READY): requirements/lab.txt pyproject.toml
	$(call install,$(VENV),requirements/lab.txt,)
	@touch $@

$(DEV_READY): requirements/dev.txt pyproject.toml
	$(call install,$(VENV),requirements/dev.txt,)
	@touch $(LAB_READY) $@

# The real Azure CLI is an oracle of the twin. It pins what others want newer, so it lives apart.
AZ_READY := .venv-az/.ready
$(AZ_READY): requirements/az.txt
	@test -x .venv-az/bin/python || "$$(tools/find-python)" -m venv .venv-az
	.venv-az/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/az.txt
	@touch $@

az: $(AZ_READY) ## install the Azure CLI for the tests that want it

# One environment for each Python of test-all: .venv-3.11 and so on.
$(PYTHONS:%=.venv-%/.ready-dev): .venv-%/.ready-dev: requirements/dev.txt pyproject.toml
	$(call install,.venv-$*,requirements/dev.txt,$*)
	@touch $@

# Redis clients of Node.js, whose words explain has to understand. Without npm their tests are skipped.
NODE_READY := tests/tools/redis-clients/node_modules/.package-lock.json
$(NODE_READY): tests/tools/redis-clients/package-lock.json
	@if command -v npm >/dev/null; then \
		npm ci --prefix tests/tools/redis-clients --ignore-scripts --no-audit --no-fund --silent || \
		echo "npm cannot fetch the clients of Node.js: their tests are left out"; \
	else echo "no npm: the clients of Node.js are left out"; fi

demo: $(LAB_READY) ## diagnose a broken cache of the lab, rehearse its fix, and look at a healthy one
	@$(PY) -m compileall -q src
	@echo '$$ refused diagnose lab:firewall-ip-blocked'
	@$(VENV)/bin/refused diagnose lab:firewall-ip-blocked; test $$? -eq 1
	@echo
	@echo '$$ refused fix lab:firewall-ip-blocked --rehearse'
	@$(VENV)/bin/refused fix lab:firewall-ip-blocked --rehearse
	@echo
	@echo '$$ refused diagnose lab:healthy'
	@$(VENV)/bin/refused diagnose lab:healthy

setup: $(DEV_READY) $(NODE_READY) ## install what the tests and the linters want

test: setup ## set everything up and run the quick tests
	$(PY) -m pytest -m "not kernel and not slow and not az" $(PYTEST_ARGS) $(call junit,quick)

# The Python of .venv runs everything: what is quick by `test`, the rest here. The others run what may
# differ between Pythons, the newest of them with six times the examples of each property. QUICK=done
# says that `test` has just been run.
OWN := $(shell "$$(tools/find-python)" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
OTHERS := $(filter-out $(OWN),$(PYTHONS))
test-all: $(if $(QUICK),,test) test-all-own $(OTHERS:%=test-all-%) ## all tests, as root on Linux with kernel worlds; on the other Pythons the quick ones

test-all-own: $(AZ_READY) $(NODE_READY) $(DEV_READY)
	$(PY) -m pytest -m "kernel or slow or az" $(PYTEST_ARGS) $(call junit,rest)

$(OTHERS:%=test-all-%): test-all-%: .venv-%/.ready-dev
	$(if $(filter $(lastword $(OTHERS)),$*),HYPOTHESIS_PROFILE=thorough) .venv-$*/bin/python -m pytest -m "not kernel and not slow and not az" $(PYTEST_ARGS) $(call junit,all-$*)

environments: $(AZ_READY) $(NODE_READY) $(OTHERS:%=.venv-%/.ready-dev) ## make every environment that test-all wants

lint: lint-style lint-types lint-imports ## style, types, and who may import whom (-k: all three, whatever fails)

lint-style: $(DEV_READY)
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check

lint-types: $(DEV_READY)
	$(VENV)/bin/mypy

lint-imports: $(DEV_READY)
	$(VENV)/bin/lint-imports --no-logo

format: $(DEV_READY) ## let ruff set the code
	$(VENV)/bin/ruff check --fix-only --quiet
	$(VENV)/bin/ruff format --quiet

docs: $(DEV_READY) ## build the causes' pages and the site
	$(PY) docs/build_causes.py
	$(VENV)/bin/mkdocs build --strict --quiet

docs-check: $(DEV_READY) ## say whether the documentation is whole and fresh; change nothing
	$(PY) docs/build_causes.py --check
	$(VENV)/bin/mkdocs build --strict --quiet

docs-calibration: $(DEV_READY) ## measure anew how far stated probabilities are true (minutes; as root, for the kernel's faults)
	$(PY) docs/build_calibration.py

bench: $(DEV_READY) ## time what a cold start costs, from an installed wheel
	$(PY) benchmarks/cold_start.py
	$(PY) benchmarks/against_the_shell.py

wheel: $(DEV_READY) ## build the wheel and the source archive in dist/
	$(PY) -m build --no-isolation

# Hashes of every file for every platform and Python; --universal marks what only some of them need.
compile = .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-emit-index-url --no-emit-find-links $(LOCK_ARGS)

lock: ## write requirements/ anew (LOCK_ARGS=--upgrade to take newer releases)
	@test -x .venv-lock/bin/python || "$$(tools/find-python)" -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(compile) pyproject.toml --extra all --group dev --output-file requirements/dev.txt
	$(compile) requirements/az.in --output-file requirements/az.txt
	$(compile) pyproject.toml --extra lab --group build --constraint requirements/dev.txt --output-file requirements/lab.txt

clean: ## remove what make has made
	rm -rf .venv .venv-* build dist site .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
