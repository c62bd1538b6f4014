# Everything starts here: `make demo` and `make test` need nothing prepared but git, make and
# Python 3.11+ with venv. They make .venv and install the package into it.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null 2>&1 && \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
WORKERS ?= 3
BIG_REPEAT ?= 215
SEEDS ?= 100000
KIND ?= cluster
KILLS ?= 500
CHANGES ?= 50
JOBS ?= 4
RUNS ?= 5
MINUTES ?= 20
BENCH_OUTPUT ?= $(CURDIR)/bench.json
SYSTEM ?= redis
KAFKA := tests/servers/kafka
STORE := tests/servers/s3
MVN ?= mvn
BENCH = cd tests && ../$(BIN)/python -m bench
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: bench bench-changes bench-kafka bench-postgres bench-time bench-expiry bench-files bench-growth bench-peers bench-watching deb docs help demo chaos test test-all simulate changes kills kills-systems kills-postgres lint \
	format types big servers check-tools clean

help:
	@echo "make demo    count the words of a text on $(WORKERS) local workers (WORKERS=N, ARGS=...)"
	@echo "make chaos   the same, while workers are killed and started again"
	@echo "make test    run the tests, JOBS=$(JOBS) at a time"
	@echo "make test-all  the same, and more random kills and simulated lives"
	@echo "make servers  fetch the Kafka broker and the store of objects for tests/servers (Maven, a JRE)"
	@echo "make simulate  run SEEDS=$(SEEDS) simulated lives of a cluster, on all cores; KIND=$(KIND), sizes,"
	@echo "             founding, put-back, ending, missed, replicas, change, brief, slow, lost, replaced, mixed, healing,"
	@echo "             restored, time, or all of them, one after the other"
	@echo "make changes  let a cluster grow and shrink CHANGES=$(CHANGES) times under load and kills, and check its output"
	@echo "             (ARGS='--of files', tcp, http, or a system as for kills-systems; --seed 2, --minutes 30)"
	@echo "make kills   kill the workers of a cluster KILLS=$(KILLS) times, and check its output"
	@echo "make kills-postgres  the same from changes of a table of PostgreSQL into another"
	@echo "make kills-systems  the same through SYSTEM=$(SYSTEM) and its server (ARGS='--away 300 --elsewhere',"
	@echo "             --put-back, --grows 3, --disks 5, --minutes 30; it may be stopped: it is checked then)"
	@echo "make bench   measure ours beside a hand-written loop and Bytewax (RUNS=$(RUNS))"
	@echo "make bench-peers  measure ours beside Pathway and Quix Streams"
	@echo "make bench-files  measure files in, files out beside hand-written loops and Bytewax"
	@echo "make bench-time  measure windows, joins and expiry beside loops by hand, Bytewax, Pathway and Quix"
	@echo "make bench-expiry  let keys come and go for MINUTES=$(MINUTES), and tell memory and restarts"
	@echo "make bench-postgres  measure rows into PostgreSQL beside a bare COPY"
	@echo "make bench-kafka  measure Kafka in, Kafka out beside a loop by hand, Bytewax and Quix Streams"
	@echo "make bench-watching  measure what scrapers, the numbers and a page open for MINUTES cost"
	@echo "make bench-changes  measure how long the flow stands still while a worker joins, and leaves"
	@echo "make bench-growth  measure how cost grows with keys, sizes, stages, workers, partitions"
	@echo "make lint    check style and format"
	@echo "make types   check types"
	@echo "make big     the demo on 100 MB of text"
	@echo "make format  bring all files into the standard format"
	@echo "make deb     build the Debian package into dist/"
	@echo "make docs    build HTML of the man pages and the API into dist/docs/"
	@echo "make clean   remove .venv and caches"

demo: .venv/.installed
	@$(BIN)/wallarood demo word_count --workers $(WORKERS) -- $(ARGS)

chaos: .venv/.installed
	@$(BIN)/wallarood demo word_count --workers $(WORKERS) --chaos

# Each of the processes would compile a thousand files anew.
test test-all: export PYTHONDONTWRITEBYTECODE :=

test: .venv/.installed
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadscope

test-all: .venv/.installed
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadscope -m "long or not long"

servers: $(KAFKA)/lib/.installed $(STORE)/lib/.installed

$(KAFKA)/lib/.installed $(STORE)/lib/.installed: %/lib/.installed: %/pom.xml
	@$(MVN) --quiet --batch-mode --file $< dependency:copy-dependencies \
	    -DoutputDirectory=$(CURDIR)/$*/lib
	@touch $@

simulate: .venv/.installed
	@cd tests && ../$(BIN)/python -m world --of $(KIND) $(ARGS) $(SEEDS)

changes: .venv/.installed
	@cd tests && WALLAROOD_TEST_PATIENCE=$${WALLAROOD_TEST_PATIENCE:-3} ../$(BIN)/python -m support.walk $(CHANGES) $(ARGS)

kills: .venv/.installed
	@cd tests && ../$(BIN)/python -m support.killer $(KILLS)

kills-systems: .venv/.installed servers
	@cd tests && ../$(BIN)/python -m support.systems $(SYSTEM) --kills $(KILLS) $(ARGS)

kills-postgres: .venv/.installed
	@cd tests && ../$(BIN)/python -m servers.test_postgres_changes $(KILLS) $$(($(KILLS) / 4))

bench: .venv/.installed
	@$(BENCH) throughput --runs $(RUNS) --output $(BENCH_OUTPUT) $(ARGS)
	@$(BENCH) throughput --workers 2 --runs $(RUNS) --output $(BENCH_OUTPUT) $(ARGS)
	@$(BENCH) crossing --runs $(RUNS) --output $(BENCH_OUTPUT)
	@$(BENCH) latency --runs $$((3 * $(RUNS))) --output $(BENCH_OUTPUT)
	@$(BENCH) checkpoints --runs $(RUNS) --output $(BENCH_OUTPUT)
	@$(BENCH) idle --runs $(RUNS) --output $(BENCH_OUTPUT)

bench-peers: .venv/.installed
	@$(BENCH) throughput --runs $(RUNS) --output $(BENCH_OUTPUT) --contestants ours pathway quix
	@$(BENCH) throughput --runs $(RUNS) --output $(BENCH_OUTPUT) --contestants aggregated pathway \
	    --workloads W1 W2
	@$(BENCH) throughput --workers 2 --runs $(RUNS) --output $(BENCH_OUTPUT) --contestants ours pathway
	@$(BENCH) throughput --workers 2 --runs $(RUNS) --output $(BENCH_OUTPUT) \
	    --contestants aggregated pathway --workloads W1 W2

bench-files: .venv/.installed
	@$(BENCH) files --runs 7 --output $(BENCH_OUTPUT) $(ARGS)

bench-time: .venv/.installed
	@$(BENCH) windowing --runs $(RUNS) --output $(BENCH_OUTPUT) $(ARGS)
	@$(BENCH) joining --runs $(RUNS) --output $(BENCH_OUTPUT) $(ARGS)
	@$(BENCH) throughput --workers 1 --runs $(RUNS) --output $(BENCH_OUTPUT) \
	    --contestants ours bytewax pathway --workloads T1 T2
	@$(BENCH) throughput --workers 1 --runs $(RUNS) --output $(BENCH_OUTPUT) \
	    --contestants ours quix --workloads T1
	@$(BENCH) throughput --workers 1 --runs $(RUNS) --output $(BENCH_OUTPUT) \
	    --contestants ours pathway --workloads T3 T4
	@$(BENCH) throughput --workers 2 --runs $(RUNS) --output $(BENCH_OUTPUT) \
	    --contestants ours bytewax pathway --workloads T1 T2
	@$(BENCH) throughput --workers 2 --runs $(RUNS) --output $(BENCH_OUTPUT) \
	    --contestants ours pathway --workloads T3 T4
	@$(BENCH) throughput --runs $(RUNS) --output $(BENCH_OUTPUT) --contestants ours quix \
	    --workloads T1

bench-expiry: .venv/.installed
	@$(BIN)/python tests/bench/expiring.py --minutes $(MINUTES)

bench-kafka: .venv/.installed servers
	@$(BENCH) brokers --runs $(RUNS) --output $(BENCH_OUTPUT) $(ARGS)

bench-postgres: .venv/.installed
	@$(BENCH) tables --runs $(RUNS) --output $(BENCH_OUTPUT) $(ARGS)

bench-watching: .venv/.installed
	@$(BENCH) counting --runs $(RUNS) --output $(BENCH_OUTPUT) $(ARGS)
	@$(BENCH) watching --runs $(RUNS) --minutes $(MINUTES) --output $(BENCH_OUTPUT) $(ARGS)

bench-changes: .venv/.installed
	@$(BENCH) changes --runs 9 --output $(BENCH_OUTPUT) $(ARGS)

bench-growth: .venv/.installed
	@$(BENCH) growth --runs 3 --output $(BENCH_OUTPUT) $(ARGS)

lint: .venv/.installed
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

deb:
	@packaging/build-deb

docs: .venv/.installed
	@packaging/build-docs

format: .venv/.installed
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: .venv/.installed
	@$(BIN)/mypy

big: .venv/.installed
	@$(BIN)/wallarood demo word_count --workers $(WORKERS) -- --repeat $(BIG_REPEAT) $(ARGS)

.venv/.installed: pyproject.toml | check-tools
	@echo "making .venv with $$($(PYTHON) --version) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

check-tools:
	@command -v git >/dev/null 2>&1 || { \
	echo "make: git is missing: on Debian and Ubuntu, apt-get install git" >&2; exit 1; }
	@test -n "$(PYTHON)" || { \
	echo "make: Python 3.11 or newer is missing: on Debian 12 and Ubuntu, apt-get install python3 python3-venv;" \
	"or say where it is with PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	echo "make: the venv module of $(PYTHON) is missing: on Debian and Ubuntu, apt-get install python3-venv" >&2; \
	exit 1; }

clean:
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache
