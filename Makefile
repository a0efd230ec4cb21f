# Two commands: `make demo` and `make test`. Both set themselves up in .venv from the constraints files.
PYTHON ?= python3
BIN := .venv/bin
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export DO_NOT_TRACK := 1
# Where it is set, each of the hundreds of processes that the tests start would compile their modules again.
export PYTHONDONTWRITEBYTECODE :=
OLDEST := tests/flows/test_a_schedule_starts_watch.py

.PHONY: demo test test-slow soak test-oldest collect check setup dev lint audit pip-audit lock migration wheel clean
.DELETE_ON_ERROR:

demo: setup
	$(BIN)/vigil demo

# The tests that a newcomer runs. They use more processes than the machine has cores: tests of servers wait as often as they compute.
# With ALL=1 it runs the rest, too, as CI does.
PYTEST := $(BIN)/python -m pytest -n 4 --dist loadscope --no-loadscope-reorder
test: dev
	$(PYTEST) -m "not $(if $(ALL),soak,slow)"

# The rest: each flow in depth, workers that are killed, an installed wheel, PostgreSQL, a browser.
test-slow: dev
	$(PYTEST) -m "slow and not soak"

# More of what CI runs a sample of: random trials, servers and estates, each call that fails in each way, the whole first day, an installed
# worker; and six times as many cases of each property.
soak: dev
	$(PYTEST) -m soak
	HYPOTHESIS_PROFILE=long $(PYTEST) -m "not soak" tests/property

# Finds all tests and keeps their modules as pytest compiles them: the processes of a run would each compile them again.
collect: dev
	$(BIN)/python -m pytest --collect-only --quiet --quiet

# What an engineer runs while working: the linters, and the tests of the core, of the blocks and of the repository itself. A minute.
CORE := tests/compliance tests/blocks tests/test_*.py
check: lint
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow" $(CORE)

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What of the supply chain can be looked at without a network: calls that are dangerous, and what is in the wheel's environment.
# dist/bom.json is a bill of materials (CycloneDX): every distribution that constraints.txt pins, with its hashes.
AUDIT := .venv-audit/bin
audit: .venv-audit/tools.stamp
	$(AUDIT)/bandit --quiet --recursive vigil flows blocks deploy --severity-level medium
	mkdir -p dist
	$(AUDIT)/cyclonedx-py requirements constraints.txt --pyproject pyproject.toml --index-url '' --output-reproducible --of JSON -o dist/bom.json
	$(AUDIT)/cyclonedx-py requirements constraints-build.txt --index-url '' --output-reproducible --of JSON -o dist/bom-build.json

# Known holes of what is pinned. It asks a service on the internet, so CI does not wait for it.
pip-audit: .venv-audit/tools.stamp
	$(AUDIT)/pip-audit --require-hashes --disable-pip -r constraints.txt

.venv-audit/tools.stamp: .venv/uv.stamp constraints-audit.txt
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-audit
	$(BIN)/uv pip install --quiet --python $(AUDIT)/python --require-hashes -r constraints-audit.txt
	touch $@

setup: .venv/runtime.stamp
dev: .venv/dev.stamp

.venv/uv.stamp:
	$(PYTHON) -c 'import sys; sys.exit("Vigil needs Python 3.11 or newer, this is " + sys.version) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check 'uv==0.13.9'
	touch $@

.venv/runtime.stamp: .venv/uv.stamp constraints.txt pyproject.toml
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r constraints.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	$(BIN)/python -m compileall -q vigil flows blocks
	touch $@

.venv/dev.stamp: .venv/runtime.stamp constraints-dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r constraints-dev.txt
	touch $@

# The oldest set of versions that pyproject.toml allows, in an environment of its own; `make test-slow` runs the newest, which is locked.
test-oldest: .venv-oldest/test.stamp
	.venv-oldest/bin/python -m pytest $(OLDEST)

.venv-oldest/test.stamp: .venv/uv.stamp constraints-oldest.txt pyproject.toml
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-oldest
	$(BIN)/uv pip install --quiet --python .venv-oldest/bin/python --require-hashes -r constraints-oldest.txt
	$(BIN)/uv pip install --quiet --python .venv-oldest/bin/python --no-deps -e .
	touch $@

# Pins again from pyproject.toml: the newest versions that it allows, and the oldest. No file names a registry host.
COMPILED = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
COMPILE = $(COMPILED) pyproject.toml
lock: .venv/uv.stamp
	$(COMPILE) --upgrade -o constraints.txt
	$(COMPILE) --upgrade --extra dev -c constraints.txt -o constraints-dev.txt
	$(COMPILE) --upgrade --extra test --resolution lowest-direct -o constraints-oldest.txt
	$(COMPILED) --upgrade --group audit -o constraints-audit.txt
	$(BIN)/python deploy/build_requirements.py | $(COMPILED) --upgrade - -o constraints-build.txt

# Writes the ledger's next migration from what its tables say: make migration m="devices have a name".
migration: dev
	$(BIN)/python deploy/new_migration.py "$(m)"

# Builds dist/*.whl by way of the source distribution, so that both are whole.
wheel: .venv/uv.stamp
	$(BIN)/uv build --quiet --out-dir dist

clean:
	rm -rf .venv .venv-audit .venv-oldest build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
