# Every target that needs it sets the project up first; a machine with Python 3.11 or newer is enough.
# Paths are relative, so that the project may stand in a folder whose name has spaces.

# Tried in this order until one is new enough; `make test PYTHON=/opt/python/bin/python3` tries only that one.
PYTHON ?= python3 python3.13 python3.12 python3.11
PROFILE ?= lab

is_suitable := import ensurepip, sys; sys.exit(sys.version_info < (3, 11))
python := .venv/bin/python
ready := .venv/ready

.DEFAULT_GOAL := help
.PHONY: help setup run reproduce prepare test test-fast check lab labs room site bench format clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile

setup: $(ready) ## Make .venv, or refresh it; the targets below do this themselves

run: $(ready) ## The main job: data, notebooks, results table (PROFILE=smoke is quick, SEEDS=1 runs one seed)
	$(python) -m contav_lib reproduce --profile "$(PROFILE)"$(if $(SEEDS), --seeds "$(SEEDS)")

reproduce: $(ready) ## The paper's tables with error bars, and which of its claims hold: `contav report` (SEEDS="6 7 8")
	$(python) -m contav_lib report --profile "$(PROFILE)"$(if $(SEEDS), --seeds $(SEEDS))

prepare: $(ready) ## Prepare videos of yours: DATA=<folder>, and DATASET=music21, ave, ... where it holds their lists
	$(python) -m contav_lib data --profile "$(PROFILE)"$(if $(DATA), --data "$(DATA)")$(if $(DATASET), --dataset "$(DATASET)")

test: $(ready) ## Run all tests
	$(python) -m pytest

test-fast: $(ready) ## Run the tests that need no browser, no notebook and little time
	$(python) -m pytest --ignore=tests/browser --ignore=tests/notebooks -m "not slow"

check: $(ready) ## Lint the code, check its format, its imports and its types
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	.venv/bin/lint-imports
	$(python) -m mypy

# --allow-root matters in containers only; nothing outside this machine can reach the server, and its token is needed.
lab: $(ready) ## Open JupyterLab on the notebooks, at the first ten minutes: 00_start
	$(python) -m jupyterlab --ip=127.0.0.1 --allow-root --ServerApp.root_dir=notebooks --LabApp.default_url=/lab/tree/00_start.ipynb

labs: $(ready) ## Make the course labs' copies in build/labs: release/ for students, solution/ for teachers
	$(python) -m contav_lib labs release

room: $(ready) ## Open the listening room, a web page for a class: listen, and vote (IP=0.0.0.0 lets other machines in)
	$(python) -m contav_lib room$(if $(IP), --ip "$(IP)")$(if $(PORT), --port "$(PORT)")

site: $(ready) ## Render README, guides, notebooks, API and data card as web pages that need no network; `make run` before it fills the notebooks
	$(python) -m sphinx -q -d build/doctrees docs build/site
	@echo "Open build/site/index.html"

bench: $(ready) ## Measure speed: every tests/benchmarks/bench_*.py
	@set -e; for benchmark in tests/benchmarks/bench_*.py; do echo "$$benchmark"; $(python) "$$benchmark"; done

format: $(ready) ## Correct and format the code and the notebooks
	$(python) -m ruff check --fix .
	$(python) -m ruff format .
	$(python) tests/notebooks/clear_outputs.py

clean: ## Remove .venv and what the tools left behind; data/ and runs/ stay
	rm -rf .venv build docs/api docs/notebooks dist contav_lib.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -type d '(' -name __pycache__ -o -name .ipynb_checkpoints ')' -prune -exec rm -rf {} +

# The file `ready` stands only while an installation is complete. A complete .venv is refreshed where it is;
# one that was interrupted, or whose Python has gone, is made from the beginning.
$(ready): pyproject.toml constraints.txt
	@set -e; \
	if [ ! -e $@ ] || ! $(python) -c '$(is_suitable)' 2>/dev/null; then \
		for candidate in $(PYTHON) none; do \
			if [ "$$candidate" = none ]; then \
				echo "The kit needs Python 3.11 or newer with its venv module; none of these is: $(PYTHON)." >&2; \
				echo "Install one (on Debian or Ubuntu: apt install python3 python3-venv)," >&2; \
				echo "or name one: make test PYTHON=/path/to/python3" >&2; \
				exit 1; \
			fi; \
			if "$$candidate" -c '$(is_suitable)' 2>/dev/null; then break; fi; \
		done; \
		echo "Making .venv with $$("$$candidate" --version): once, some minutes"; \
		"$$candidate" -m venv --clear .venv; \
	fi
	@rm -f $@
	$(python) -m pip install --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
