# The front door: `make demo` and `make test` set up whatever is missing first.
PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
STACK ?=
# Of the docs' own environment, which .venv need not share.
DOCS_PYTHON ?= $(PYTHON)
PY := .venv/bin/python
ARGS ?=

.PHONY: demo test lint bench docs setup clean

demo: setup  ## train on the embedded demo: supervised against Pose-MUM
	@$(PY) dev/demo.py $(ARGS)

# A process per core with one thread each is faster than one process with all of them.
test: setup  ## run the tests (ARGS='-m slow' for the long ones, '-n 0' in one process)
	@OMP_NUM_THREADS=1 $(PY) -m pytest -n auto --maxprocesses 8 --dist loadfile $(ARGS)

bench: setup  ## measure time and memory (ARGS='--device cuda'): docs/performance.md
	@for part in ops step launches memory options loader validation; do $(PY) dev/benchmark.py $$part $(ARGS) || exit; done

lint: setup  ## style, types and spelling
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@.venv/bin/codespell

# .venv is for the notebooks, which train. -E: from scratch, or a page that has not changed since
# would keep its warnings to itself.
docs: .venv-docs/stamp setup  ## build the docs site into build/docs; a warning, as of a dead link, is an error
	@PATH="$(CURDIR)/.venv/bin:$$PATH" .venv-docs/bin/python -m sphinx -q -E -W --keep-going -c docs $(ARGS) . build/docs
	@echo "The docs site: build/docs/index.html"

.venv-docs/stamp: requirements-docs.txt
	@$(DOCS_PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo '`make docs` needs Python 3.11 or newer: name one, as in `make docs DOCS_PYTHON=python3.13`'; exit 1; }
	$(DOCS_PYTHON) -m venv --clear .venv-docs
	.venv-docs/bin/python -m pip install -q -r requirements-docs.txt
	@touch $@

# A PYTHON or STACK that is asked for replaces a .venv of another one; else .venv stays what it is.
setup:  ## make .venv, or see that it is up to date (PYTHON=python3.13 STACK=current|classic)
	@$(PYTHON) dev/setup_env.py $(if $(STACK),--stack $(STACK)) $(if $(filter file,$(origin PYTHON)),,--own-python)

clean:  ## remove the environment and everything that was built
	rm -rf .venv .venv.old .venv.trash .venv-docs build dist docs/api mmpose_mum/.mim mmpose_mum.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
