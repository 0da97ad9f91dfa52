# GNU make 3.81 (macOS) is enough. Every path is relative, so that the project may live below a path with spaces.

PYTHON ?= python3
ARGS ?=
venv_python := .venv/bin/python

.DEFAULT_GOAL := help
.NOTPARALLEL:
# Or each of the thousands of processes that the tests start would compile what it imports.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help install run install-schedules uninstall-schedules test test-all lint type fmt cases faults proofs mutants schema reference docs tutorial golden verify bench soak dist release clean

# An environment whose interpreter has gone, or that was made in another folder, is not this project's: install anew.
$(shell [ -x $(venv_python) ] && [ "$$(cat .venv/.installed-run 2>/dev/null)" = "$$(pwd -P)" ] || rm -f .venv/.installed-*)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-19s %s\n", $$1, $$2}' Makefile

install: .venv/.installed-run ## set up .venv with tetra-orchestrator and the example pipelines

run: install ## run the weekly chain on the shipped data, with a live display
	@$(venv_python) -m tetra_orchestrator run --mode weekly $(ARGS)

install-schedules: install ## have systemd, launchd or cron start what is due; as root ARGS=--system for the system
	@$(venv_python) -m tetra_orchestrator schedule apply $(ARGS)

uninstall-schedules: install ## undo that
	@$(venv_python) -m tetra_orchestrator schedule prune --all $(ARGS)

test: lint type ## lint, types and all tests but the long ones; ends with what was skipped and why
	@$(venv_python) -m pytest -n auto -m "not long" $(ARGS)

test-all: lint type ## the same with the long tests, the proofs, and the command line again as where there is no pidfd
	@$(venv_python) -m pytest -n auto $(ARGS)
	@TETRA_WAITER=portable $(venv_python) -m pytest -n auto tests/cli $(ARGS)
	@$(MAKE) proofs

lint: .venv/.installed-test ## check style and formatting
	@$(venv_python) -m ruff check .
	@$(venv_python) -m ruff format --check .

type: .venv/.installed-test ## check types
	@$(venv_python) -m mypy

fmt: .venv/.installed-test ## format the code and mend what can be mended by itself
	@$(venv_python) -m ruff check --fix .
	@$(venv_python) -m ruff format .

cases: .venv/.installed-test ## run the files of other systems' users, and print what holds and what is to come
	@$(venv_python) -m pytest -n auto -q tests/cases --cases $(ARGS)

faults: .venv/.installed-test ## bring about the faults that we answer for, and print what was observed of each
	@$(venv_python) -m pytest -n auto -q tests/faults --faults $(ARGS)

proofs: .venv/.installed-test ## kill it, cut the power, start it fifty times at once: ARGS="sweep" for one of them
	@PYTHONPATH=tests $(venv_python) -m proofs $(ARGS)

mutants: .venv/.installed-test ## break the engine in twenty ways, and print which test notices each
	@$(venv_python) -m tests.mutants $(ARGS)

schema: .venv/.installed-test ## write the JSON Schema of configuration files anew, shipped and published
	@$(venv_python) -c 'from tetra_orchestrator.config.json_schema import json_schema; print(json_schema(), end="")' \
	    >docs/schema.json
	@cp docs/schema.json src/tetra_orchestrator/config/schema.json

reference: .venv/.installed-test ## write the pages of the reference and the manual page anew, from the code
	@$(venv_python) -m docs.generator

docs: .venv/.installed-test ## build this documentation: build/docs/index.html and build/man
	@$(venv_python) -m sphinx --fail-on-warning --quiet -b html -d build/doctrees docs build/docs
	@mkdir -p build/man && cp docs/man/*.1 build/man/
	@echo "build/docs/index.html, build/man/tetra-orchestrator.1"

tutorial: .venv/.installed-test ## as root, type all that the tutorial and the how-to guides show: ARGS="alerts" for one page
	@PYTHONPATH=tests $(venv_python) -m walk $(ARGS)

golden: install ## write the units in launchd/ and systemd/ anew
	@$(venv_python) -m tetra_orchestrator schedule verify --write

verify: install ## check that the units in launchd/ and systemd/ are those of the configuration
	@$(venv_python) -m tetra_orchestrator schedule verify

bench: install ## measure against the budgets, and beside other tools (ARGS=--quick: without the slow)
	@$(venv_python) -m benchmarks $(ARGS)

soak: .venv/.installed-test ## random runs and what must hold after each: ARGS="--seed 7 --minutes 10"
	@PYTHONPATH=tests $(venv_python) -m soak $(ARGS)

dist: .venv/.installed-test ## build the wheel and the source archive into dist/, twice over, and check them
	@$(venv_python) bin/scripts/dist.py

release: .venv/.installed-test ## check all that a release needs and build it; what publishes it is printed, not done
	@$(venv_python) bin/scripts/release.py

clean: ## remove .venv and caches; state/ and logs/ stay
	@rm -rf .venv .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	@find . \( -path ./state -o -path ./logs -o -path ./.git \) -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +

.venv/.installed-run: extras = example
.venv/.installed-test: extras = dagster,docs,example,test
.venv/.installed-run .venv/.installed-test: pyproject.toml
	@$(venv_python) -m pip --version >/dev/null 2>&1 || { \
	    for python in "$(PYTHON)" python3.14 python3.13 python3.12 python3.11 ''; do \
	        "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	    done; \
	    [ -n "$$python" ] || { \
	        echo "make: Python 3.11 or newer is needed, and $(PYTHON) is not" >&2; \
	        echo "  hint: install one; if it is not on PATH, name it: make install PYTHON=/path/to/python3" >&2; \
	        exit 1; \
	    }; \
	    "$$python" -c 'import ensurepip, venv' 2>/dev/null || { \
	        versioned=$$("$$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
	        echo "make: $$python has no venv, which Debian and Ubuntu package apart" >&2; \
	        echo "  hint: apt-get install python3-venv (or $$versioned), then make again" >&2; \
	        exit 1; \
	    }; \
	    "$$python" -m venv --clear .venv || { \
	        rm -rf .venv; \
	        echo "make: $$python could not make .venv; its reason is above" >&2; \
	        exit 1; \
	    }; \
	}
	@echo "Installing tetra-orchestrator[$(extras)] into .venv"
	@$(venv_python) -m pip install --quiet --disable-pip-version-check --editable ".[$(extras)]" || { \
	    echo "make: pip could not install tetra-orchestrator[$(extras)]; its reason is above" >&2; \
	    echo "  hint: the first install needs the package index; make again once it can be reached" >&2; \
	    exit 1; \
	}
	@for stamp in .venv/.installed-run $@; do pwd -P >"$$stamp"; done
