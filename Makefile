# All commands for people. `make` without a target prints them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DATA ?= ../shared/data
CONFORMANCE ?= ../shared/conformance
PROCESSES ?= 3
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## print this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMP) ## install what the product needs into .venv

# requirements.lock pins every version with its hash. Each tier adds a dependency group of pyproject.toml.
UV := build/uv/bin/uv pip install --quiet --python $(BIN)/python --constraint requirements.lock
TEST := $(VENV)/.installed-test
CHECK := $(VENV)/.installed-check

$(STAMP): requirements.lock pyproject.toml stepguard/project/models.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "stepguard needs Python 3.11 or later; try: make PYTHON=python3.12 setup")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (a few hundred MB to download, a minute or two)"
	@test -x build/uv/bin/uv || $(BIN)/pip install --quiet --target build/uv uv==0.13.9
	@$(UV) -e '.[local]'
	@$(BIN)/stepguard models install
	@touch $@

$(TEST): $(STAMP)
	@$(UV) --group test
	@touch $@

$(CHECK): $(TEST)
	@$(UV) --group check
	@touch $@

lock: setup ## resolve the newest versions that pyproject.toml allows into requirements.lock
	@build/uv/bin/uv pip compile --quiet pyproject.toml --all-extras --group check --group browser --universal --generate-hashes --upgrade \
	  --no-emit-index-url --no-annotate --custom-compile-command "make lock" --output-file requirements.lock

demo: setup ## run sample questions through the workflow; print each path and verdict
	@$(BIN)/stepguard demo

chat: setup ## ask one question: make chat Q="What is insulin?"
	@$(BIN)/stepguard chat $(if $(value Q),-- "$$Q")
chat: export Q := $(value Q)

serve: setup ## serve the embedded AWS to any AWS client (PORT=4566)
	@$(BIN)/stepguard serve --port $(or $(PORT),4566)

doctor: setup ## check the configuration and the endpoints
	@$(BIN)/stepguard doctor

test: $(TEST) ## all tests that need nothing but this folder
	@$(BIN)/python -m pytest -q -n $(PROCESSES) --dist loadfile

test-fast: $(TEST) ## the tests for daily work: no processes, no packaging, no language model (about two minutes)
	@$(BIN)/python -m pytest -q -m "not process and not models" tests/unit tests/contract tests/workflow tests/recorded

test-attacks: $(TEST) ## the attacks, and every test that the threat model names as a proof (part of make test)
	@$(BIN)/python -m pytest -q $$($(BIN)/python -m tests.attacks)

test-browser: $(CHECK) ## tests of the page in a real browser (needs chromium)
	@$(UV) --group browser
	@$(BIN)/python -m pytest -q -m browser tests/browser

audit: $(STAMP) ## checkov over the packaged template; accepted findings and their reasons are in .checkov.yaml
	@test -x build/audit/bin/python || $(BIN)/python -m venv build/audit
	@build/audit/bin/pip install --quiet -r requirements-audit.txt
	@$(BIN)/stepguard package build/package
	@BC_SKIP_MAPPING=TRUE build/audit/bin/checkov --config-file .checkov.yaml -f build/package/sam.yaml

test-clients: $(TEST) ## LiteLLM, langchain-aws, Strands, Pydantic AI, Anthropic's and AWS's JavaScript clients against the embedded AWS (installs about 1 GB)
	@test -x build/clients/bin/python || $(BIN)/python -m venv build/clients
	@build/clients/bin/pip install --quiet -r requirements-clients.txt
	@test -x build/agents/bin/python || $(BIN)/python -m venv build/agents
	@build/agents/bin/pip install --quiet -r requirements-agents.txt
	@if command -v npm > /dev/null; then cp tests/clients/javascript/package.json build/clients && npm install --prefix build/clients --silent --no-audit --no-fund --ignore-scripts; fi
	@STEPGUARD_CLIENTS=build/clients/bin/python STEPGUARD_AGENTS=build/agents/bin/python STEPGUARD_CLIENTS_JS=build/clients $(BIN)/python -m pytest -q tests/clients

conformance: $(TEST) ## replay all executions recorded on AWS, from the folder next to the repository (CONFORMANCE=folder)
	@test -f $(CONFORMANCE)/score.py || { echo "no recorded executions in $(CONFORMANCE): make conformance CONFORMANCE=FOLDER"; exit 1; }
	@$(BIN)/python $(CONFORMANCE)/score.py --adapter bench/conformance_adapter.py --python $(BIN)/python $(CONFORMANCE)/public/*.jsonl
	@STEPGUARD_CONFORMANCE=$(CONFORMANCE) $(BIN)/python -m pytest -q tests/recorded tests/recorded/whole_corpus.py tests/unit/trace/test_trace_recorded.py

check: lint test package ## everything CI runs

lint: $(CHECK) ## formatting, style, types, import contracts, state machines
	@echo "ruff";         $(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .
	@echo "mypy";         $(BIN)/mypy --no-error-summary
	@echo "import-linter"; report=$$($(BIN)/lint-imports --no-logo) || { echo "$$report"; exit 1; }
	@echo "definitions";  $(BIN)/python -m stepguard.project.definitions --check statemachine
	@echo "statelint";    $(BIN)/statelint --ignore=URI $(filter-out statemachine/evaluate%.asl.json statemachine/gather.asl.json,$(wildcard statemachine/*.asl.json))

docs: setup ## generate docs/reference: settings.md, cli.md, openapi.yaml
	@$(BIN)/python -m docs.generate

definitions: setup ## compose assistant.asl.json and both evaluations from chat.asl.json and gather.asl.json
	@$(BIN)/python -m stepguard.project.definitions statemachine

train: setup ## retrain the detectors' weights from the public data sets (DATA=folder)
	@$(UV) --group train
	@$(BIN)/python -m training.pii_gazetteer
	@$(BIN)/python -m training.pii_profanity $(DATA)
	@$(BIN)/python -m training.pii_tagger $(DATA) --words-only
	@$(BIN)/python -m training.pii_tagger $(DATA) --epochs 6
	@$(BIN)/python -m training.pii_tagger $(DATA) --languages --words-only
	@$(BIN)/python -m training.pii_tagger $(DATA) --languages --epochs 5
	@$(BIN)/python -m training

package: $(TEST) ## build the Lambda zip and the CloudFormation template in build/package
	@$(BIN)/python -m stepguard package
	@$(BIN)/cfn-lint build/package/sam.yaml && ls -l build/package

release: $(TEST) ## build the release of this commit in build/release: wheel, zip, template, list of components, hashes (ACCEPT="ADVISORY…")
	@test -x build/release-tools/bin/python || { $(BIN)/python -m venv build/release-tools && build/uv/bin/uv pip install --quiet --python build/release-tools/bin/python -r deploy/release-requirements.txt; }
	@$(BIN)/python -m deploy.release $(foreach advisory,$(ACCEPT),--accept $(advisory))

deploy: setup ## deploy to your AWS account: make deploy STAGE=dev (prints the changes and requests confirmation)
	@$(BIN)/stepguard deploy $(or $(STAGE),dev) $(DEPLOY_FLAGS)

destroy: setup ## remove a stage: make destroy STAGE=dev (STAGE=local is the local staging area)
	@$(if $(filter local,$(STAGE)),$(BIN)/python -m deploy.staging destroy,$(BIN)/stepguard destroy $(or $(STAGE),dev) $(DEPLOY_FLAGS))

deploy-local: setup ministack ## deploy to a third-party AWS emulator on this machine (MiniStack)
	@$(BIN)/python -m deploy.staging deploy

smoke: setup ## send the demo's questions to the deployed API: make smoke STAGE=local
	@$(if $(filter local,$(or $(STAGE),local)),$(BIN)/python -m deploy.staging smoke,$(BIN)/stepguard smoke $(STAGE))

verify-aws: setup ## prove a deployment on your AWS account step by step, and remove it: make verify-aws STAGE=verify (STAGE=local: on MiniStack)
	@$(if $(filter local,$(STAGE)),$(MAKE) --silent ministack && $(BIN)/python -m deploy.staging verify,$(BIN)/stepguard verify-aws $(or $(STAGE),verify) $(VERIFY_FLAGS))

e2e: $(TEST) ministack ## deploy the package (of PROJECT=FOLDER) to MiniStack; test chats, attacks, update, rollback and removal
	@STEPGUARD_E2E=1 PROJECT=$(PROJECT) $(BIN)/python -m pytest -q tests/e2e_ministack

sfn-local: $(TEST) ## run the mocked cases on AWS Step Functions Local (needs docker)
	@docker compose up --detach --wait || { echo "Step Functions Local needs docker: the same cases run on the engine in make test"; exit 1; }
	@SFN_LOCAL_URL=http://127.0.0.1:8083 $(BIN)/python -m pytest -q tests/sfn_local; code=$$?; docker compose down; exit $$code

ministack: setup ## install MiniStack into build/ministack (about 90 MB; a test target, not a dependency)
	@test -x build/ministack/bin/python || { $(BIN)/python -m venv build/ministack && build/ministack/bin/pip install --quiet -r deploy/staging-requirements.txt; }

clean: ## remove build results, the environment and the embedded AWS's state
	@rm -rf $(VENV) .stepguard build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage .chalice/deployments
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

test-install: $(TEST) ## install the wheel in empty environments and run a new project there (PYTHONS="python3.11 python3.13")
	@STEPGUARD_INSTALL=1 $(BIN)/python -m pytest -q -rs tests/install

.PHONY: help audit setup lock release test-install test-attacks demo chat serve doctor test test-fast test-browser test-clients conformance check lint docs definitions train package deploy destroy deploy-local smoke verify-aws e2e sfn-local ministack clean
