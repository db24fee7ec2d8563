# The commands for developers. Each creates the virtual environment first if it is missing.

PY := .venv/bin/python
INSTALLED := .venv/installed
# Number of test files that run in parallel: two a core, since tests wait half of their time. TEST_PROCESSES=0: no parallelism.
TEST_PROCESSES ?= $(shell cores=$$(nproc); [ $$cores -lt 4 ] && echo $$((cores * 2)) || echo 8)

.PHONY: help man demo test test-fast test-backends test-cluster test-s3 test-codes test-plugins test-clients test-firefox check bench bench-job bench-latency bench-commands bench-peers soak torture screenshots \
	lock sbom wheel rpm deb packages test-packages test-vm clean

help:
	@echo "make demo           set up a small grid and run jobs on it, in one minute (KEEP=1: leave it running)"
	@echo "make test           install what the tests need and run all of them"
	@echo "make test-fast      run the tests that need no browser, batch system or long wait"
	@echo "make test-backends  test SGE, docker and podman; run it as root"
	@echo "make test-cluster   test a Galera cluster of three nodes"
	@echo "make test-plugins   test the plugins for workflow engines, with the engines (PLUGINS=nextflow-lgi)"
	@echo "make test-clients   generate a client in TypeScript from the OpenAPI document, and use it"
	@echo "make test-s3        test repositories in an object store, OpenStack Swift"
	@echo "make test-codes     build container images of GROMACS and NWChem, and run a job in each; run it as root"
	@echo "make test-firefox   use the web interface with Debian's Firefox"
	@echo "make check          run the linters, the type checker and the import contracts; look for known vulnerabilities"
	@echo "make bench          run the benchmarks; results are ratios within one run"
	@echo "make bench-job      measure what one short job costs: processor, processes, fsyncs, requests"
	@echo "make bench-latency  measure how long a user waits for one job on an idle resource"
	@echo "make bench-commands measure what the commands of users cost"
	@echo "make bench-peers    run the same jobs through other systems (PEERS=slurm,lgi-sqlite JOBS=300 SLOTS=8)"
	@echo "make torture        break a grid at random and check each job (MINUTES=60, SEED=...)"
	@echo "make soak           run the load test: 100,000 jobs, 110 daemons (MINUTES=10)"
	@echo "make screenshots    write pictures of the web interface to docs/screenshots"
	@echo "make lock           write the digests of the packages that LGI needs to requirements.lock"
	@echo "make sbom           write the list of these packages (SBOM, CycloneDX) to build/sbom.json"
	@echo "make man            write a manual page for each command to build/man"
	@echo "make packages       build all packages: make wheel, make rpm, make deb; results are in build"
	@echo "make test-packages  install them in chroots of Debian and run jobs there; run it as root"
	@echo "make test-vm        run them in virtual machines, with systemd and a kernel of their own; as root"
	@echo "make clean          remove everything the other commands created"

$(INSTALLED): setup.cfg constraints.txt make/venv.sh
	@sh make/venv.sh

demo: $(INSTALLED)
	@KEEP=$(KEEP) $(PY) -m demo.run

test:
	@EXTRAS=audit,browser sh make/venv.sh
	@$(MAKE) -s .venv/audit || echo "The tests of the packages' list and audit will be skipped." >&2
	@sh make/needs.sh
	@sh make/browser.sh
	@$(PY) -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

# Tests marked "slow" are left out: browsers, batch systems, kills at every line, long waits.
test-fast: $(INSTALLED)
	@sh make/needs.sh
	@$(PY) -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder -m "not slow"

test-backends: $(INSTALLED)
	@sh make/needs.sh backends
	@$(PY) -m pytest tests/backends

test-cluster: $(INSTALLED)
	@sh make/needs.sh cluster
	@$(PY) -m pytest tests/cluster

# Engines are large, and not for the product: an environment of their own.
test-plugins: $(INSTALLED)
	@PLUGINS=$(PLUGINS) sh make/plugins.sh

test-clients: $(INSTALLED)
	@sh make/needs.sh clients
	@$(PY) -m pytest tests/clients

test-s3: $(INSTALLED)
	@sh make/needs.sh s3
	@$(PY) -m pytest tests/object_store

# Packages of Debian are fetched, some hundred MB.
test-codes: $(INSTALLED)
	@sh make/needs.sh codes
	@$(PY) -m pytest tests/codes

test-firefox: $(INSTALLED)
	@sh make/needs.sh firefox
	@$(PY) -m pytest tests/firefox

check: .venv/audit
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/mypy --platform win32 --cache-dir .mypy_cache/win32 LGI.py lgi_protocol lgi_tools
	.venv/bin/mypy --platform darwin --cache-dir .mypy_cache/darwin LGI.py lgi_protocol lgi_tools
	.venv/bin/lint-imports
	.venv/bin/bandit -q -c pyproject.toml -r LGI.py lgi_protocol lgi_server lgi_daemon lgi_tools demo make plugins -x '*/tests/*'
	@$(PY) make/audit.py requirements.lock

bench: $(INSTALLED)
	@sh make/needs.sh cluster
	@$(PY) -m benchmarks.run
	@$(PY) -m benchmarks.bulk
	@$(PY) -m benchmarks.cluster
	@$(PY) -m benchmarks.daemon
	@$(PY) -m benchmarks.memory

bench-job: $(INSTALLED)
	@$(PY) -m benchmarks.job_cost

bench-latency: $(INSTALLED)
	@$(PY) -m benchmarks.latency

bench-commands: $(INSTALLED)
	@$(PY) -m benchmarks.commands

# Packages of others are not for the product: an environment of their own. What is not installed is left out.
bench-peers: $(INSTALLED) .venv-peers/installed
	@$(PY) -m benchmarks.peers.run $(if $(PEERS),--peers $(PEERS)) $(if $(JOBS),--jobs $(JOBS)) \
		$(if $(SLOTS),--slots $(SLOTS))

.venv-peers/installed: $(INSTALLED) benchmarks/peers/requirements.txt
	@$(PY) -m venv .venv-peers
	@.venv-peers/bin/python -m pip --disable-pip-version-check -q install -r benchmarks/peers/requirements.txt || \
		echo "Parsl, Dask and Celery will be left out." >&2
	@touch $@

screenshots: $(INSTALLED)
	@sh make/needs.sh
	@sh make/browser.sh
	@$(PY) -m tests.browser.screenshots docs/screenshots

# SOAK: further options, see benchmarks/README.md.
soak: .venv/bench
	@sh make/needs.sh
	@$(PY) -m benchmarks.soak --minutes $(or $(MINUTES),10) $(SOAK)

# TORTURE: further options, see "python -m tests.torture --help".
torture: $(INSTALLED)
	@sh make/needs.sh
	@$(PY) -m tests.torture --minutes $(or $(MINUTES),60) $(if $(SEED),--seed $(SEED)) $(TORTURE)

# The extra "bench", which users do not need.
.venv/bench: $(INSTALLED)
	@sh make/venv.sh bench

# The extra "audit", which users do not need.
.venv/audit: $(INSTALLED)
	@sh make/venv.sh audit

lock: .venv/audit
	@sh make/lock.sh

sbom: .venv/audit
	@mkdir -p build
	@$(PY) make/sbom.py requirements.lock build/sbom.json

man: $(INSTALLED)
	@$(PY) -W ignore make/man.py build/man

wheel: $(INSTALLED)
	@rm -rf build/wheel
	@sh make/wheel.sh
	@find build/wheel -name '*.whl'

rpm:
	@sh specs/build.sh

deb:
	@sh specs/build_deb.sh

packages: wheel rpm deb

# In chroots of Debian, as root; ROOTS="bookworm trixie" names the releases.
test-packages: $(INSTALLED)
	@sh make/needs.sh packages
	@$(PY) -m pytest tests/packages

# In virtual machines, as root; slow where the processor does not help.
test-vm: $(INSTALLED)
	@sh make/needs.sh vm
	@$(PY) -m pytest tests/vm

clean:
	rm -rf .venv .venv.lock .venv-peers .venv-plugins build *.egg-info .mypy_cache .ruff_cache .import_linter_cache .hypothesis .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
