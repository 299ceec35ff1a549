# Print Fabric's everyday commands; `make help` lists them. Each sets up what it needs and skips what is current.
# ARGS goes to the program behind a target: make test ARGS="tests/unit -k port_state -x"

PYTHON ?=
ARGS ?=
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
CODE := services client simulators tests tools hatch_build.py

# Programs are started hundreds of times by the tests; compiled anew each time they would take three times as long.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup protos run test check lint lint-format lint-ruff lint-imports lint-buf lint-lock type format fabric faults fleet lab versus soak vectors fuzz bench profile guard-baseline golden docs wheel images breaking lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv from requirements.lock (needs Python >= 3.11 only; skipped when current)
	@PYTHON="$(PYTHON)" tools/setup.sh

protos: setup ## generate protos/gen/ from protos/ (skipped when current)
	@$(BIN)/python hatch_build.py

run: protos ## start the whole fabric on this machine, with a console and a fleet that prints: printfabric up --demo
	@$(BIN)/printfabric up --demo $(ARGS)

test: protos ## run every test, side by side; what ARGS names one after another
	@$(PYTEST) $(or $(ARGS),-n auto --dist loadfile --no-loadscope-reorder)

check: ## everything CI runs: lint, type, test
	@$(MAKE) --no-print-directory lint type
	@$(MAKE) --no-print-directory test

lint: lint-format lint-ruff lint-imports lint-buf lint-lock ## ruff, import contracts, buf, lock (`make -k lint` shows them all)

lint-format: protos
	@$(BIN)/ruff format --check --output-format concise $(CODE) || { echo "run: make format"; exit 1; }

lint-ruff: protos
	@$(BIN)/ruff check $(CODE)

lint-imports: protos
	@$(BIN)/lint-imports --no-logo

lint-buf: protos
	@$(BIN)/buf lint
	@$(BIN)/buf format --diff --exit-code

lint-lock: setup
	@$(BIN)/python -m tools.lock --check

type: protos ## mypy --strict
	@$(BIN)/mypy

format: protos ## let ruff and buf write the code as they want it
	@$(BIN)/ruff check --fix-only $(CODE)
	@$(BIN)/ruff format $(CODE)
	@$(BIN)/buf format --write

fabric: protos ## the tests that run real services against each other
	@$(PYTEST) tests/fabric $(ARGS)

faults: protos ## a seeded campaign of faults (SEED=1 SCHEDULES=1000); result in build/faults.json
	@$(BIN)/python -m tests.faults.campaign --seed $(or $(SEED),1) --schedules $(or $(SCHEDULES),1000) $(ARGS)

fleet: protos ## a day of 50 printers (JOBS=100000) with faults; result in build/fleet.json
	@$(BIN)/python -m tests.faults.campaign.fleet --seed $(or $(SEED),1) --jobs $(or $(JOBS),100000) $(ARGS)

lab: protos ## three spoolers, five hosts, one database in network namespaces; all goes wrong; result in build/lab.json
	@$(BIN)/python -m tests.lab --seed $(or $(SEED),1) $(ARGS)

versus: protos ## three cases in which CUPS loses, doubles and forgets, beside us, as a table (needs cupsd)
	@$(BIN)/python -m tests.faults.versus $(ARGS)

soak: protos ## a browser on the console while 200 ports change each second (SECONDS=3600): how late figures are, what the heap holds
	@$(BIN)/python -m tests.console.soak $(or $(SECONDS),3600)

vectors: protos ## replay conformance vectors (FILE=path, else the reference's); result in build/vectors.json
	@$(BIN)/python -m tests.contract.vectors $(if $(FILE),--file "$(FILE)") $(ARGS)

fuzz: protos ## hostile input for every decoder (SECONDS=10 for each); result in build/fuzz.json
	@$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),10) $(ARGS)

bench: protos ## measure beside CUPS, LPrint, LPRng and p910nd (RUNS=3: so often); result in build/bench.json, goals in build/bench.md
	@mkdir -p build
	@$(BIN)/python -m tests.bench --output build/bench.json --repeat $(or $(RUNS),1) $(ARGS)

profile: protos ## where the time goes, as text in docs/profiles (needs py-spy: pip install py-spy, or in PATH)
	@mkdir -p docs/profiles
	@$(BIN)/python -m tests.bench.profiles --output docs/profiles $(ARGS)

guard-baseline: protos ## write down what the hot paths cost now, in instructions and dear calls; the diff of tests/bench/*.json is for review
	@$(BIN)/python -m tests.bench.costs --write
	@$(BIN)/python -m tests.bench.dear_calls --write

golden: protos ## rewrite the golden files, pages drawn from the code included; the diff is for review
	@$(PYTEST) -q -m golden --golden-update $(ARGS)

docs: golden ## the same: docs/ has no page that is made in another way

wheel: protos ## build the wheel into dist/
	@$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

images: protos ## build and try the images without Docker (root, mmdebstrap, umoci, runc); sizes in build/images.json
	@$(BIN)/python -m tools.images $(ARGS)

breaking: protos ## compare the contracts with AGAINST (a branch, main by default): what would break a client
	@$(BIN)/buf breaking --against '.git#branch=$(or $(AGAINST),main)'

lock: ## renew requirements.lock after a change in pyproject.toml (UPGRADE=1: newest of everything)
	@[ -x $(BIN)/uv ] || PYTHON="$(PYTHON)" tools/setup.sh
	@$(BIN)/python -m tools.lock $(if $(UPGRADE),--upgrade)
	@PYTHON="$(PYTHON)" tools/setup.sh

clean: ## remove everything that was made here, .venv included
	rm -rf .venv build dist protos/gen protos/.gen-* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
