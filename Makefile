# Everything from a fresh clone: Python ≥ 3.11 with venv, and make. `make help` lists it.
#
# One environment, $(VENV), is built from pyproject.toml and constraints.txt and built
# anew when either changes. Other Python: make test PYTHON=python3.13 VENV=.venv-newer

PYTHON ?= python3
VENV ?= .venv
SCALE ?= laptop
# Where figures go: figures/ at laptop scale, figures-SCALE/ at others, unless said.
OUT ?=
# Further arguments, as in: make test ARGS="-k geometry -x"
ARGS ?=

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
INSTALLED_BENCH := $(VENV)/.installed-bench
PIP_INSTALL := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check \
	--constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help setup figures explore lessons test test-slow lint format bench setup-bench docs \
	pictures clean

help:
	@echo "make figures    set up, then reproduce every figure (SCALE=$(SCALE))"
	@echo "make explore    set up, then open the explorer in the browser"
	@echo "make lessons    set up, then open the lessons in marimo"
	@echo "make test       set up, then run the fast tests"
	@echo "make test-slow  set up, then run the slow tests"
	@echo "make lint       Ruff (lint and format) and Pyright"
	@echo "make format     let Ruff format and repair what it can"
	@echo "make bench      measure speed: training, workers, compiling, contours, the explorer"
	@echo "make docs       build the documentation site into docs/_build/html"
	@echo "make pictures   take the pictures of the explorer in docs/ anew (needs Chromium)"
	@echo "make clean      remove $(VENV), caches and builds; figures and the store stay"

setup: $(INSTALLED)

figures: $(INSTALLED)
	$(BIN)/python experiments/reproduce.py --scale $(SCALE) $(if $(OUT),--out $(OUT)) $(ARGS)

explore: $(INSTALLED)
	$(BIN)/toymodels explore $(ARGS)

lessons: $(INSTALLED)
	$(BIN)/toymodels lessons --open $(ARGS)

test: $(INSTALLED)
	$(BIN)/python -m pytest --numprocesses auto $(ARGS)

test-slow: $(INSTALLED)
	$(BIN)/python -m pytest -m slow --numprocesses auto --dist loadfile $(ARGS)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED_BENCH)
	$(BIN)/python benchmarks/run.py $(ARGS)
	$(BIN)/python benchmarks/cluster.py
	$(BIN)/python benchmarks/compile_share.py
	$(BIN)/python benchmarks/contours.py
	$(BIN)/python benchmarks/explorer.py

# Warnings are errors, and all of them are shown. The build needs no network.
docs: $(INSTALLED)
	$(BIN)/python -m sphinx --builder html --fail-on-warning --keep-going --quiet \
	  docs docs/_build/html $(ARGS)
	@echo "The site is docs/_build/html/index.html"

pictures: $(INSTALLED)
	$(BIN)/python tests/pictures.py

setup-bench: $(INSTALLED_BENCH)

# The stamp is written last, so an interrupted installation starts over.
$(INSTALLED): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { \
	  echo "PYTHON: '$(PYTHON)' was not found; try make PYTHON=/path/to/python3" >&2; \
	  exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "PYTHON: $(PYTHON) is $$($(PYTHON) --version 2>&1), expected Python 3.11 or" \
	    "newer; try make PYTHON=python3.12" >&2; \
	  exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version) (about a minute)"
	@$(PYTHON) -m venv --clear $(VENV) || { \
	  echo "PYTHON: $(PYTHON) has no working venv; on Debian or Ubuntu try" \
	    "apt install python3-venv" >&2; \
	  exit 1; }
	@$(PIP_INSTALL) --editable '.[test]'
	@touch $@

$(INSTALLED_BENCH): $(INSTALLED)
	@$(PIP_INSTALL) --editable '.[bench]' || { \
	  echo "bench: no CPU build of PyTorch was found; benchmarks/README.md says how to" \
	    "point pip to one" >&2; \
	  exit 1; }
	@touch $@

clean:
	rm -rf $(VENV) .venv-* .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	rm -rf docs/_build docs/api docs/catalogue docs/lessons docs/project
	find toymodels experiments tests benchmarks docs -name __pycache__ -type d \
	  -prune -exec rm -rf {} +
