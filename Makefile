# Every target makes what it needs first, so each works as the first command on a fresh machine with git and Python 3.13.
# Relative paths only: the project may lie in a folder with spaces in its name.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?=
BIN := .venv/bin/python
INSTALLED := .venv/installed
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 13))
STARTED := $(shell date +%s)
PIP_TOOLS := pip-tools==7.6.2
TESTS ?= tests
TYPED := $(wildcard function_app.py handlers taglock localcloud demo bench tools tests)

# Azurite (Microsoft's storage emulator) comes from npm; where npm is missing its tests are skipped and say so.
ifneq ($(and $(wildcard package.json),$(shell command -v npm 2>/dev/null)),)
AZURITE := node_modules/installed
endif

.PHONY: help demo test test-long quick check run bench bench-large package sbom licences audit-packages pins clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(INSTALLED) ## Lock real images in a local registry and prove it (about a minute)
	@DEMO_STARTED=$(STARTED) $(BIN) -m demo

test: $(INSTALLED) $(AZURITE) ## Run every test but the longest (within ten minutes)
	@$(BIN) -m pytest -m "not long" $(TESTS)

test-long: $(INSTALLED) $(AZURITE) ## Run the longest tests: packaging, measurements, memory, the quick start typed
	@$(BIN) -m pytest -m long $(TESTS)

quick: $(INSTALLED) ## Run the tests that take at most a few seconds each
	@$(BIN) -m pytest -m "not slow and not long" $(TESTS)

check: $(INSTALLED) ## Lint, check the format, check the types, check the documents
	@$(BIN) -m ruff check .
	@$(BIN) -m ruff format --check .
	@$(BIN) -m mypy $(TYPED)
	@$(BIN) -m pytest --quiet tests/architecture

run: $(INSTALLED) ## Start the local registry with the app and stay up (Ctrl-C ends it)
	@echo "Push to it from another terminal:"
	@echo "  $(BIN) -m demo.push prod/api:1.4.2"
	@echo "  $(BIN) -m demo.push prod/api:1.5.0 --platforms"
	@echo "or with docker, skopeo, oras or crane: user and password are in .localcloud/state.json, the certificate"
	@echo "authority is .localcloud/ca.pem. The rules are those of lock_rules.toml."
	@echo
	@$(BIN) -m localcloud up

bench: $(INSTALLED) ## Measure, and write bench/results.json
	@$(BIN) -m bench

bench-large: $(INSTALLED) ## Measure audits of up to a million tags (seven minutes)
	@$(BIN) -m bench large-audits

package: $(INSTALLED) ## Build what is deployed: dist/taglock.zip
	@$(BIN) -m tools.package

sbom: package ## Write the bill of materials of the package (CycloneDX): dist/taglock.cdx.json
	@$(BIN) -m tools.supply.bill

licences: $(INSTALLED) ## Check the licence of every package against the allow-list
	@$(BIN) -m tools.supply.licences

audit-packages: $(INSTALLED) ## Look for known vulnerabilities of every package (skipped, with the reason, when offline)
	@$(BIN) -m tools.supply.audit

pins: $(INSTALLED) ## Compile requirements*.in into requirements*.txt with hashes
	@set -e; tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; \
	$(BIN) -m venv "$$tools"; "$$tools/bin/python" -m pip install --quiet --disable-pip-version-check "$(PIP_TOOLS)"; \
	for name in requirements requirements-dev; do \
		"$$tools/bin/python" -m piptools compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
			--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options \
			--output-file "$$name.txt" "$$name.in"; \
	done

clean: ## Remove what the targets above made
	rm -rf .venv node_modules .demo .localcloud .mypy_cache .ruff_cache .pytest_cache .hypothesis dist bench/results.json

$(INSTALLED): requirements-dev.txt
	@set -e; found=; \
	for each in "$(PYTHON)" python3.13 python3 python; do \
		if "$$each" -c '$(NEW_ENOUGH)' 2>/dev/null; then found=$$each; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "Python 3.13 or newer is needed; found: $$(python3 --version 2>/dev/null || echo none)." >&2; \
		echo "Install it (https://www.python.org/downloads/) or name it: make PYTHON=/path/to/python3.13" >&2; \
		exit 1; \
	fi; \
	$(BIN) -c '$(NEW_ENOUGH)' 2>/dev/null || "$$found" -m venv --clear .venv; \
	echo "installing requirements-dev.txt into .venv ..."; \
	$(BIN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

node_modules/installed: package.json
	@if npm install --silent --no-package-lock --no-audit --no-fund; then touch $@; \
	elif [ -n "$$CI" ]; then exit 1; \
	else echo "azurite could not be installed: its tests will be skipped" >&2; fi
