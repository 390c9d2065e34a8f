# make demo   installs what it needs and runs the main job
# make test   installs what it needs and runs linters, type checks and tests
# make site   builds the documentation as a site
# make wheel-check  the wheel alone, on Python 3.11, 3.12 and 3.13
# make faults  kills, full disks and other faults, tested for real
# make test-all  the same with every proxy, policy and method on every space

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

# Real data beside the checkout, where it is there; then no test that needs it may skip.
ifneq ($(wildcard ../shared/data),)
export OPSCORE_DATA ?= $(abspath ../shared/data)
endif

.PHONY: demo test test-all wheel-check faults lint unit docs docs-check site bench gpu figures figures-check notebooks clean

demo: $(VENV)/.base
	@echo "One supernet, two seeds: policies that score it, beside bars that look at no network (op-params counts"
	@echo "parameters). Do not be surprised by a policy below a bar: that is a finding (docs/measured.md)."
	@echo "Without data the images are digits, and the truth is of the same networks trained by others."
	$(BIN)/opscore initial \
	  --policies "zc-pt(nwot),zc-pt(synflow),disc-zc(nwot),random" \
	  --seeds 0-1 --batch-size 64 --out out/demo

test: lint unit

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

unit: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/pytest -n logical --maxprocesses 4 --dist worksteal

# Also every proxy, policy and method on every space: some minutes more.
test-all: lint
	OMP_NUM_THREADS=1 $(BIN)/pytest -n logical --maxprocesses 4 --dist worksteal -m ""

# The wheel in fresh environments of three Pythons, with a home that cannot be written to: minutes.
wheel-check:
	$(PYTHON) scripts/wheel_check.py

# Processes killed at random moments, full disks, two processes on one store: some minutes.
faults: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/pytest -m faults

# The numbers of README.md and docs/*.md, from the records and tables that they rest on.
docs: $(VENV)/.base
	$(BIN)/python docs/make.py

docs-check: $(VENV)/.base
	$(BIN)/python docs/make.py --check

# The documentation as a site in build/site, with its notebooks run at the smallest size that works:
# minutes. SITE_EXECUTE=0 leaves them as they are, OPSCORE_SMOKE=0 runs them at their own size.
site: export SITE_EXECUTE ?= 1
site: export OPSCORE_SMOKE ?= 1
site: $(VENV)/.site
	$(BIN)/sphinx-build -W --keep-going -c docs -d build/doctrees . build/site

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/scoring.py --out benchmarks/results

# Tests and timings on a GPU, ten minutes at a time: the same command goes on where it was stopped.
gpu: $(VENV)/.dev
	$(BIN)/python benchmarks/gpu.py

# Every committed picture and table of figures/ and docs/, from what ships: a few minutes.
figures: $(VENV)/.base
	$(BIN)/python scripts/figures.py
	$(BIN)/python docs/make.py

# Says which committed tables are not what the code makes of what ships.
figures-check: $(VENV)/.base
	$(BIN)/python scripts/figures.py --check

notebooks: $(VENV)/.base
	$(PIP) --editable ".[notebooks]"
	$(BIN)/jupyter lab --notebook-dir notebooks

SETUP := setup.cfg setup.py pyproject.toml constraints.txt opscore/_version.py

$(VENV)/.base: $(SETUP)
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

# What the tests need, the package's own needs among it: one installation for both.
$(VENV)/.dev: $(SETUP)
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable ".[dev]"
	touch $(VENV)/.base $@

$(VENV)/.site: $(SETUP)
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable ".[site]"
	touch $(VENV)/.base $@

clean:
	rm -rf $(VENV) build out
