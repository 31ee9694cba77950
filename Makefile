# Headcount from its checkout: every target installs what it needs. `make help` lists the targets.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help run test test-fast test-all lint lint-page models bench soak mutations audit lock clean

# Paths are passed to the recipes through the environment, so that spaces, quotes and $ are kept.
override PHOTOS := $(value PHOTOS)
override PACK := $(value PACK)
export PHOTOS PACK

# Turn off the usage statistics of packages.
export ORT_DISABLE_TELEMETRY := 1
export RAY_USAGE_STATS_ENABLED := 0

# Keep compiled modules: without them, each of the many processes would compile them again.
export PYTHONDONTWRITEBYTECODE :=

# The lock of this machine: onnxruntime-gpu with an NVIDIA driver, otherwise onnxruntime.
ifndef LOCK
LOCK := $(shell if nvidia-smi -L >/dev/null 2>&1 || [ -e /proc/driver/nvidia/version ]; \
	then echo gpu; else echo cpu; fi)
endif

VENV := .venv
PYTHON := $(VENV)/bin/python
PYTHON_CANDIDATES := python3 python3.13 python3.12 python3.11 python3.14
# Tests are distributed by file, because the tests of a file share servers and data, and in the
# order of the folders, so that the small files come last. (pytest-xdist 3.8 does not find the
# groups of `loadgroup` in pytest 9.2.)
PYTEST = $(PYTHON) -m pytest -n $(or $(WORKERS),2) --dist loadfile --no-loadscope-reorder
INSTALL := $(PYTHON) -m jobs.install
DEMO := data/demo
AUDIT := $(VENV)/audit

help:
	@echo 'make run [PHOTOS=DIR or URL] [PACK=PACK] [KEEP=1]   index a library (or a demo library)'
	@echo 'make test [ARGS=...]      all tests except the long ones, in minutes; ARGS go to pytest'
	@echo 'make test-fast            the quick unit, house and postgres tests, in about a minute'
	@echo 'make test-all             all tests, also the long ones; WORKERS=2 in parallel'
	@echo 'make lint                 style, types, import directions, and the page if npm is installed'
	@echo 'make models PACK=buffalo_l   download a pack of face models (see README, Packs)'
	@echo 'make bench PACK=PACK [PHOTOS=DIR]   the measurements behind the numbers in README'
	@echo 'make soak [MINUTES=10] [SEED=1]   kill processes of real runs, change files between and during them'
	@echo 'make mutations [COUNT=10000] [SEED=1] [PHOTOS=DIR]   read damaged photos'
	@echo 'make audit                check the locked packages: vulnerabilities, licences, telemetry'
	@echo 'make lock                 resolve requirements/*.in again, and audit'
	@echo 'make clean                remove the environment, caches and the demo library'
	@echo 'LOCK=cpu or LOCK=gpu      overrides the choice of ONNX Runtime (here: $(LOCK))'

run: $(VENV)/.commands
	@set -e; root=$$PHOTOS; \
	if [ -z "$$root" ]; then root=$(DEMO); $(PYTHON) -m jobs.demo "$$root"; fi; \
	set -- --root "$$root"; \
	if [ -n "$$PACK" ]; then set -- "$$@" --pack "$$PACK"; fi; \
	if [ -n "$(filter-out 0 no false,$(KEEP))" ]; then set -- "$$@" --keep; fi; \
	exec $(PYTHON) -m jobs.train "$$@"

test: $(VENV)/.dev
	@$(PYTEST) $(ARGS)

test-fast: $(VENV)/.dev
	@$(PYTEST) -m 'not long and not slow' tests/unit tests/house tests/postgres $(ARGS)

test-all: $(VENV)/.dev
	@$(PYTEST) -m 'long or not long' $(ARGS)

lint: $(VENV)/.dev
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(VENV)/bin/lint-imports
	@$(MAKE) --no-print-directory lint-page

# The linters of the page come from npm. They are optional: Headcount needs neither npm nor Node.
NPM := $(shell command -v npm)

ifeq ($(NPM),)
lint-page:
	@echo 'The page (serve/web) is not linted, because npm is not installed. On Debian and Ubuntu:' \
		'apt-get install nodejs npm' >&2
else
lint-page: node_modules/.done
	node_modules/.bin/oxlint --deny-warnings serve/web tests
	node_modules/.bin/tsc

node_modules/.done: package-lock.json package.json .npmrc
	@echo 'Installing package-lock.json'
	@$(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel error || { \
		echo 'The linters of the page could not be installed: npm ci failed' >&2; exit 1; }
	@touch $@
endif

models: $(VENV)/.commands
	@if [ -z "$$PACK" ]; then echo 'Name the pack: make models PACK=buffalo_l' >&2; exit 2; fi
	@$(PYTHON) -m jobs.models "$$PACK"

bench: $(VENV)/.commands
	@set -e; root=$$PHOTOS; \
	if [ -z "$$PACK" ]; then \
		echo 'Name the InsightFace pack, or its folder: make bench PACK=buffalo_l' >&2; exit 2; \
	fi; \
	if [ -z "$$root" ]; then root=$(DEMO); $(PYTHON) -m jobs.demo "$$root"; fi; \
	for script in $$(grep -l __main__ $$(grep -l -e --photos bench/*.py)); do \
		echo "== $$script"; \
		$(PYTHON) -m bench.$$(basename "$$script" .py) --photos "$$root" --pack "$$PACK"; \
	done

soak: $(VENV)/.dev
	@half=$$($(PYTHON) -c "print($(or $(MINUTES),10) / 2)"); status=0; \
	for drills in drills file_drills; do \
		$(PYTHON) -m tests.$$drills --minutes $$half --seed $(or $(SEED),1) || status=1; \
	done; exit $$status

mutations: $(VENV)/.commands
	@set --; if [ -n "$$PHOTOS" ]; then set -- --photos "$$PHOTOS"; fi; \
	$(PYTHON) -m bench.mutations --count $(or $(COUNT),10000) --seed $(or $(SEED),1) "$$@"

audit: $(VENV)/.dev $(AUDIT)/.done
	@$(PYTHON) -m jobs.audit --pip-audit $(AUDIT)/bin/pip-audit

clean:
	rm -rf $(VENV) node_modules $(DEMO) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +


# The environment. An empty file inside it names the lock that was installed; a lock that has
# changed is newer than that file, and is installed again.

$(VENV)/bin/python:
	@found=; for candidate in $(PYTHON_CANDIDATES); do \
		if "$$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' \
			>/dev/null 2>&1; then found=$$candidate; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "Headcount needs Python 3.11 to 3.14; python3 here is: $$(python3 -V 2>&1)" >&2; exit 1; \
	fi; \
	if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "$$found cannot make virtual environments; on Debian and Ubuntu:" \
			"apt-get install python3-venv" >&2; exit 1; \
	fi; \
	echo "Making $(VENV) with $$("$$found" -V)"; \
	"$$found" -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# The two ONNX Runtimes overwrite each other, so an environment cannot change from one to the other.
$(VENV)/.cpu $(VENV)/.gpu: $(VENV)/.%: requirements/%.txt requirements/build.txt | $(VENV)/bin/python
	@if [ -e $(VENV)/.$(if $(filter cpu,$*),gpu,cpu) ]; then \
		echo "$(VENV) was made for another ONNX Runtime: run make clean first" >&2; exit 1; \
	fi
	@echo "Installing requirements/$*.txt (half a minute, or more if downloads are slow)"
	@$(INSTALL) --compile requirements/build.txt requirements/$*.txt
	@touch $@

# Ray's own commands find the token of the Ray that Headcount has started.
$(VENV)/.commands: jobs/ray_cli.py $(VENV)/.$(LOCK)
	@$(PYTHON) -m jobs.ray_cli --install
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.commands
	@echo "Installing requirements/dev.txt"
	@$(INSTALL) requirements/dev.txt
	@touch $@

# pip-audit has a separate environment, because it installs pip and many other packages. If it
# cannot be installed, for example without a network, the audit continues and reports this.
$(AUDIT)/.done: requirements/audit.txt | $(VENV)/bin/python
	@rm -rf $(AUDIT)
	@$(PYTHON) -m venv $(AUDIT) && $(AUDIT)/bin/python -m pip install --quiet \
		--disable-pip-version-check --no-deps --require-hashes -r requirements/audit.txt \
		&& touch $@ || { rm -rf $(AUDIT); echo 'pip-audit could not be installed'; }


# The locks: one resolution for every platform and Python version, by version and hash. Versions
# stay as they are unless UPGRADE=--upgrade, or UPGRADE='--upgrade-package NAME'.

UV_COMPILE = cd requirements && ../$(PYTHON) -m uv pip compile --quiet --universal \
	--python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate $(UPGRADE)

lock: $(VENV)/bin/python
	$(PYTHON) -m pip install --quiet --disable-pip-version-check \
		--no-deps --require-hashes -r requirements/uv.txt
	$(UV_COMPILE) --override overrides-cpu.txt --output-file cpu.txt runtime.in >/dev/null
	$(UV_COMPILE) --override overrides-gpu.txt --output-file gpu.txt gpu.in >/dev/null
	$(UV_COMPILE) --constraint cpu.txt --output-file dev.txt dev.in >/dev/null
	$(UV_COMPILE) --output-file build.txt build.in >/dev/null
	$(UV_COMPILE) --output-file audit.txt audit.in >/dev/null
	$(UV_COMPILE) --output-file uv.txt uv.in >/dev/null
	$(UV_COMPILE) --no-deps --output-file servers.txt servers.in >/dev/null
	@$(MAKE) --no-print-directory audit
