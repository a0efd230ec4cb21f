# Two commands: `make demo` and `make test`. Both set themselves up in .venv from the constraints files.
PYTHON ?= python3
BIN := .venv/bin
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export DO_NOT_TRACK := 1

.PHONY: demo test setup dev lint lock clean
.DELETE_ON_ERROR:

demo: setup
	$(BIN)/vigil demo

test: dev
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

setup: .venv/runtime.stamp
dev: .venv/dev.stamp

.venv/uv.stamp:
	$(PYTHON) -c 'import sys; sys.exit("Vigil needs Python 3.11 or newer, this is " + sys.version) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check 'uv==0.13.9'
	touch $@

.venv/runtime.stamp: .venv/uv.stamp constraints.txt pyproject.toml
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r constraints.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	$(BIN)/python -m compileall -q vigil flows blocks
	touch $@

.venv/dev.stamp: .venv/runtime.stamp constraints-dev.txt
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r constraints-dev.txt
	touch $@

# Pins again from pyproject.toml. Neither file names a registry host.
lock: .venv/uv.stamp
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml -o constraints.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra dev -c constraints.txt pyproject.toml -o constraints-dev.txt

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache
