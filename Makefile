# make demo runs the main job on a real Kafka; make test passes the tests. Both set everything up.
# Arguments go through ARGS:  make demo ARGS="--alerts 300 --seed 3"

ARGS ?=
BIN := .venv/bin

.PHONY: help setup demo up test check bench fuzz faults attack prove-cedar policy-million clean

help:            ## what can be made
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+): [^#]*##/  make \1\t/' | expand -t 16

setup:           ## virtual environment, locked dependencies, Kafka's jars
	@deploy/setup.sh

demo: setup      ## a Pacific region at work, live, and the balance of it all
	@$(BIN)/lali demo $(ARGS)

up: setup        ## the same roles, kept running, with data in ./.lali
	@$(BIN)/lali up $(ARGS)

test: setup      ## all tests, on a real Kafka
	@deploy/chromium.sh
	@$(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup     ## form, lint, types, import contracts, schemas, policy
	@deploy/check.sh

bench: setup     ## what an alert costs, in CPU µs
	@$(BIN)/python -m benchmarks $(ARGS)

fuzz: setup      ## hostile bytes for every reader; longer by ARGS="unseal 5000000"
	@if [ -n "$(ARGS)" ]; then PYTHONPATH=tests $(BIN)/python -m fuzz.run $(ARGS); \
	else LALI_FUZZ_EXECUTIONS=200000 $(BIN)/pytest -q tests/test_fuzz.py; fi

faults: setup    ## every fault on a real Kafka: what is lost, doubled, shown, and how soon it is well
	@LALI_FAULTS=whole LALI_FAULTS_PAGE=docs/faults.md \
	  $(BIN)/pytest -q tests/faults tests/test_late_end_txn.py tests/test_chaos_kills.py \
	  tests/test_gateway_chaos.py tests/test_gateway_openapi.py tests/test_journal_kills.py $(ARGS)

attack: setup    ## hostile clients against a site of their own, some six minutes: what held
	@PYTHONPATH=tests $(BIN)/python -m attack $(ARGS)

prove-cedar: setup ## the policy's properties once more, by Cedar's own analysis (needs Rust)
	@deploy/prove/cedar.sh $(ARGS)

policy-million: setup ## the engine asked a million times against an independent evaluator
	@$(BIN)/python -m benchmarks.million $(ARGS)

clean:           ## remove what was made here
	rm -rf .venv .lali .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist build
