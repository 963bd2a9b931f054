# Every target works as the first command typed on an empty machine: it brings what it needs.
.DEFAULT_GOAL := help
.PHONY: help up test down status verify bench chaos
.ONESHELL:
SHELL := /bin/sh
.SHELLFLAGS := -eu -c

export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
export KUBECONTEXT VALUES PURGE

NODE := $(CURDIR)/node_modules/.bin/node --disable-warning=ExperimentalWarning
STAMP := node_modules/.enchanted-lockfile

help: ## Show this text
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18
	@echo
	@echo '  make up VALUES=file                     with values of the chart, such as tenants'
	@echo '  make up KUBECONTEXT=name VALUES=file    only the chart, on a cluster you have'
	@echo '  make down PURGE=1                       removes the data too'

# The stamp holds the lockfile's hash: a copy of node_modules from elsewhere is as good as none.
define bootstrap
	command -v node >/dev/null || { echo 'Node 20 or newer is needed; install it and put it into PATH.' >&2; exit 1; }
	sum=$$(sha256sum package-lock.json | cut -d' ' -f1)
	if [ "$$(cat $(STAMP) 2>/dev/null)" != "$$sum" ]; then
	  echo "Installing npm packages"
	  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	  npm rebuild --ignore-scripts=false esbuild
	  echo "$$sum" > $(STAMP)
	fi
	npm run -s build:cli
endef

up: ## Start the embedded cluster with everything in it
	@$(bootstrap)
	$(NODE) platform/main.ts up

test: ## Run every test: verify, integration, end to end
	@$(bootstrap)
	$(NODE) platform/main.ts test

down: ## End it all; PURGE=1 removes the data too
	@$(bootstrap)
	$(NODE) platform/main.ts down

status: ## Tell what runs
	@$(bootstrap)
	$(NODE) platform/main.ts status

chaos: ## Simulate 100,000 seeds of faults, then kill real processes 1,000 times, then siphon and stores 650 times; figures in dist/chaos
	@$(bootstrap)
	$(NODE) test/simulation/main.ts --seeds 100000 --jobs 2
	$(NODE) test/chaos/main.ts --kills 1000
	$(NODE) test/chaos/stores/main.ts

verify: ## Check generated files, types, lint, format, the chart, unit tests
	@$(bootstrap)
	npm run -s verify

bench: ## Measure beside the peers; ONLY=P3,P4, CHECK=1 fails on a regression
	@$(bootstrap)
	$(NODE) test/bench/main.ts $(if $(ONLY),--only $(ONLY)) $(if $(RUNS),--runs $(RUNS)) $(if $(CHECK),--check)
