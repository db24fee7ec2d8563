# The commands everybody learns. Each makes the virtual environment first when it is not there.

PY := .venv/bin/python
INSTALLED := .venv/installed
# Files of tests at once: one more than there are cores, for tests wait much. SIDE_BY_SIDE=0: one after the other.
SIDE_BY_SIDE ?= $(shell cores=$$(nproc); [ $$cores -lt 8 ] && echo $$((cores + 1)) || echo 8)

.PHONY: help man demo test test-backends test-cluster check bench soak screenshots rpm clean

help:
	@echo "make demo   from nothing to a finished job in a minute (KEEP=1 leaves the grid running)"
	@echo "make test   everything the tests need, then all tests"
	@echo "make test-backends  SGE, docker and podman for real; as root"
	@echo "make test-cluster  a Galera cluster of three nodes"
	@echo "make check  lint, types, import contracts"
	@echo "make bench  the benchmarks, as ratios within one run"
	@echo "make screenshots  pictures of the web interface, in docs/screenshots"
	@echo "make soak   the load test of LGI's document: 100,000 jobs, 110 daemons (MINUTES=10)"
	@echo "make man    a manual page of every command, in build/man"
	@echo "make rpm    RPM packages of what is committed, in build/rpm"
	@echo "make clean  remove what the other commands made"

$(INSTALLED): setup.cfg constraints.txt make/venv.sh
	@sh make/venv.sh

demo: $(INSTALLED)
	@KEEP=$(KEEP) $(PY) demo/story.py

test: $(INSTALLED)
	@sh make/needs.sh
	@sh make/browser.sh
	@$(PY) -m pytest -n $(SIDE_BY_SIDE) --dist loadfile --no-loadscope-reorder

test-backends: $(INSTALLED)
	@sh make/needs.sh backends
	@$(PY) -m pytest tests/backends

test-cluster: $(INSTALLED)
	@sh make/needs.sh cluster
	@$(PY) -m pytest tests/cluster

check: $(INSTALLED)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

bench: $(INSTALLED)
	@sh make/needs.sh cluster
	@$(PY) -m benchmarks.run
	@$(PY) -m benchmarks.bulk
	@$(PY) -m benchmarks.cluster
	@$(PY) -m benchmarks.daemon

screenshots: $(INSTALLED)
	@sh make/needs.sh
	@sh make/browser.sh
	@$(PY) -m tests.browser.screenshots docs/screenshots

# SOAK: more options, as in benchmarks/README.md.
MINUTES ?= 10
soak: .venv/plots
	@sh make/needs.sh
	@$(PY) -m benchmarks.soak --minutes $(MINUTES) $(SOAK)

# What users do not need: the extra "bench".
.venv/plots: $(INSTALLED)
	@$(PY) -m pip --disable-pip-version-check -q install -c constraints.txt -e '.[bench]'
	@touch $@

man: $(INSTALLED)
	@$(PY) -W ignore make/man.py build/man

rpm:
	@sh specs/build.sh

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .import_linter_cache .hypothesis .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
