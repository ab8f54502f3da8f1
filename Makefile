# Every target sets up what it needs: python3 (3.11 or newer), make and git are all that must be there.
.PHONY: demo test lint bench docs coverage lock
.DEFAULT_GOAL := demo

READY := .venv/complete
PYTHON := .venv/bin/python

$(READY): requirements.lock pyproject.toml tools/set-up
	@tools/set-up

# Rotate the password of a real, throwaway PostgreSQL and prove it.
demo: $(READY)
	@$(PYTHON) -m detent.cli demo

test: $(READY)
	$(PYTHON) -m pytest -n 2 --dist loadfile

lint: $(READY)
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy
	$(PYTHON) tools/check_addresses.py

# Ratios of one run; never asserted.
bench: $(READY)
	$(PYTHON) -m bench

# What is generated of docs/reference; tests hold it to what it is made of.
docs: $(READY)
	$(PYTHON) tools/engine_pages.py
	$(PYTHON) -m typer detent.cli.commands utils docs --name detent --output docs/reference/cli.md

coverage: $(READY)
	$(PYTHON) -m coverage erase
	$(PYTHON) -m coverage run -m pytest -n 2 --dist loadfile
	$(PYTHON) -m coverage combine --quiet
	$(PYTHON) -m coverage report

# Pin the newest versions that pyproject.toml allows, with hashes and without addresses.
lock: $(READY)
	tools/make-lock
