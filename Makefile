# Everything a person runs here. Needs GNU make, git and Python 3.11 or newer with venv; the rest is installed into .venv.
# make run · make test · make test-client · make lint · make bench · make evidence · make fuzz · make faults · make soak · make client · make sbom · make audit · make clean

export PORT ?= 8000
export DATA_DIR ?= var

# The first interpreter that is new enough and can make a virtual environment; `make PYTHON=/path/to/python` overrules it.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
PY := .venv/bin/python

CLIENT_SOURCES := client/pyproject.toml $(shell find client/src -name '*.py' -o -type d ! -name '*.egg-info' ! -name __pycache__)
STATIC_SOURCES := $(shell find registry/static charts/static submissions/static 2>/dev/null)
# No secret is needed to collect static files or to lint; none of these values reaches a running registry.
LINT_ENVIRONMENT := SECRET_KEY=only-for-checks-that-serve-nothing-0123456789-abcdefghij \
	DATA_DIR=build/lint DATABASE_URL=sqlite://:memory: PUBLIC_URL=https://registry.example
# pip's own progress on a terminal, silence in a log.
PIP_INSTALL = $(PY) -m pip --disable-pip-version-check install $$([ -t 1 ] || echo --quiet)

.PHONY: setup run test test-client lint bench evidence fuzz faults soak client sbom audit requirements clean

setup: .venv/client-installed .venv/static-collected
	@:

.venv/packages-installed: requirements.txt
	@$(if $(PYTHON),,echo 'Needs Python 3.11 or newer with venv (Debian: apt-get install python3 python3-venv), or make PYTHON=...' >&2; exit 1;) \
	[ -x $(PY) ] || { echo "setup: virtual environment .venv with $$($(PYTHON) --version)"; $(PYTHON) -m venv .venv; }
	@echo 'setup: pinned packages (a minute or two the first time)'
	@$(PIP_INSTALL) --require-hashes -r requirements.txt
	@touch $@

# Hash mode refuses a local folder, so the client is a step of its own. A module that left its source would live on in build/.
# dist/ is what the registry hands out as /crr-submit.pyz.
.venv/client-installed: .venv/packages-installed $(CLIENT_SOURCES)
	@echo 'setup: client'
	@rm -rf client/build
	@$(PIP_INSTALL) --no-deps --no-build-isolation --force-reinstall ./client
	@$(PY) client/package.py dist > /dev/null
	@touch $@

.venv/static-collected: .venv/client-installed $(STATIC_SOURCES)
	@echo 'setup: static files'
	@$(LINT_ENVIRONMENT) $(PY) manage.py collectstatic --no-input --verbosity 0
	@touch $@

# The announcement waits beside the servers until the site answers. Each `supervised` ends when the process that started it does.
run: export PUBLIC_URL ?= http://127.0.0.1:$(PORT)
run: setup
	@$(PY) -c 'import socket, sys; socket.create_server(("127.0.0.1", int(sys.argv[1]) or 65536)).close()' "$(PORT)" 2>/dev/null || \
		{ echo 'run: port $(PORT) of 127.0.0.1 cannot be used; make run PORT=8001 takes another' >&2; exit 1; }
	@$(PY) manage.py prepare
	@$(PY) -m registry.supervised $(PY) manage.py announce & \
	PATH="$$PWD/.venv/bin:$$PATH" exec $(PY) -m registry.supervised --alone "$$DATA_DIR/running" $(PY) -m honcho start --no-colour

# The client, the rest of the suite on SQLite, then its tests that touch the database, without the browser, on a PostgreSQL of their own.
test: test-client
	@$(PY) -m pytest --ignore tests/client --numprocesses auto --dist loadfile --no-loadscope-reorder
	@$(PY) -m tests.servers postgresql $(PY) -m pytest --database-only --ignore tests/client --ignore tests/browser --numprocesses auto --dist loadfile --no-loadscope-reorder

# From the wheel alone, on every CPython of tests/client_alone.py that is here.
test-client: setup
	@$(PY) -m tests.client_alone dist

lint: setup
	@mkdir -p build/lint
	@$(PY) -m ruff format --check --quiet
	@$(PY) -m ruff check --quiet
	@$(LINT_ENVIRONMENT) $(PY) -m mypy
	@$(LINT_ENVIRONMENT) $(PY) manage.py check --deploy --fail-level WARNING
	@$(LINT_ENVIRONMENT) $(PY) manage.py makemigrations --check --dry-run
	@$(LINT_ENVIRONMENT) $(PY) manage.py spectacular --validate --fail-on-warn --file /dev/null

bench: setup
	@for script in bench/bench_*.py; do echo "== $$script"; $(PY) $$script || exit 1; done

# Whether the statistics keep their promises, in worlds made from a fresh seed. Exit code 1 when one is not kept.
evidence: setup
	@$(PY) bench/evidence.py

# Looks for input that breaks us: FUZZ_SECONDS=60 make fuzz is short, 10 minutes are the default. What it finds is in build/fuzz/findings.
fuzz: setup
	@$(LINT_ENVIRONMENT) DJANGO_SETTINGS_MODULE=registry.settings $(PY) -m tests.fuzz

# What the registry survives, each case whole, two hours or so: CASES='01 07' runs some. Writes the table of docs/reliability.md.
faults: export FAULTS := whole
faults: setup
	@REQUIRE_SERVICES=1 $(PY) -m tests.faults $(CASES)

# Half an hour at work: nothing lost, the queue short, memory flat.
soak: setup
	@$(PY) bench/soak.py

# Wheel, sdist and crr-submit.pyz, the same bytes from the same commit.
client: setup
	@$(PY) client/package.py dist

# Every pinned package with digests and licence, as CycloneDX, for any scanner of known faults.
sbom: setup
	@mkdir -p dist && $(PY) deploy/sbom.py > dist/sbom.cdx.json

# Every pinned package, asked for at the database of known faults. Exit code 3 of deploy/audit.py: it could not be asked.
audit: setup
	@$(PY) deploy/audit.py

# For maintainers: new pins from requirements.in. Needs uv on the PATH.
requirements:
	@uv pip compile --quiet --upgrade --universal --fork-strategy fewest --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links --no-config --output-file requirements.txt requirements.in

clean:
	@rm -rf .venv static build dist client/build client/src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
