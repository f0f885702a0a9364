# A bare machine needs Python 3.11 or 3.12 and PyPI: `make demo` runs the main job on two real clips, `make test` all tests.
# pip reads your own settings (pip.conf, PIP_*): mirrors, find-links and extra indexes are honoured.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
NODEPS := poseflow/requirements-nodeps.txt

# The Python of the environment that is there, or the first of these that runs, is of a supported version and can make
# virtual environments (a shim may do neither).
ifndef PYTHON
PYTHON := $(shell for python in $(BIN)/python python3.12 python3.11 python3 python3.13 python; do \
	"$$python" scripts/check_python.py >/dev/null 2>&1 && { echo "$$python"; exit; }; done; echo python3)
endif

.PHONY: help demo test lint lock env python clean

help:
	@echo "make demo   installs poseflow into .venv and matches two real clips of one movement seen by two cameras"
	@echo "make test   installs the same and runs the whole test suite"
	@echo "make lint   style, format and type checks"
	@echo "make lock   resolves requirements.lock anew (Python 3.11)"
	@echo "make clean  removes .venv, the sample clips and what the demo wrote"
	@echo "PYTHON=...  chooses the Python of .venv, e.g. make demo PYTHON=python3.12"

demo:
	@$(PYTHON) scripts/check_python.py --demo
	@$(MAKE) --no-print-directory env
	@$(BIN)/python scripts/demo.py

test: env
	$(BIN)/python -m pytest -rs

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy vvipe poseflow cli benchmarks scripts

lock: env
	$(BIN)/python scripts/lock.py

env: python $(STAMP)

python:
	@$(PYTHON) scripts/check_python.py --environment $(VENV)

$(STAMP): setup.py pyproject.toml requirements.lock $(NODEPS) | python
	$(BIN)/python -c "" 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install -c requirements.lock -e ".[dev]"
	$(BIN)/python -m pip install --no-deps -r $(NODEPS)
	@touch $@

clean:
	rm -rf $(VENV) .cache demo-out
