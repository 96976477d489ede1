# Every target sets up what it needs; the second time nothing is installed again.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
BENCH := .venv/.bench
# What callers have compiled: later protos may only add to it.
RELEASED := protos/gongji-0.1.0.binpb
PROJECTS := pyproject.toml requirements.txt $(wildcard plugins/*/pyproject.toml) tests/conformance/pyproject.toml

.PHONY: run demo sandbox test test-everything test-days prove verify doors tls watched gm examples dist hostile national wallet chaos bench check protos format clean

run: $(STAMP)
	@$(BIN)/gongji serve --sample

demo: $(STAMP)
	@$(BIN)/gongji demo

sandbox: $(STAMP)
	@$(BIN)/gongji sandbox

# A test that hangs is one that fails: it is named, with what each thread does.
HANG := -o faulthandler_timeout=300 -o faulthandler_exit_on_timeout=true

test: $(STAMP)
	$(BIN)/pytest -q -n auto --dist worksteal $(HANG)

# What `make test` leaves out of its quarter of an hour, too: long tests, and every case of
# the tables of which it tries a sample.
test-everything: $(STAMP)
	GONGJI_EVERYTHING=1 $(BIN)/pytest -q -n auto --dist worksteal $(HANG) $(ARGS)

# On other days, in other surroundings, under load: all of tests/days.py, or
# CASES="year-end busy"; ARGS are pytest's.
test-days: $(STAMP)
	$(BIN)/python -m tests.days $(addprefix --case=,$(CASES)) $(ARGS)

prove: $(STAMP)
	GONGJI_PROVE=1 GONGJI_EVERYTHING=1 $(BIN)/pytest -q -n auto tests/prove

# A thousand single-byte changes of a file instead of sixty.
verify: $(STAMP)
	GONGJI_VERIFY=1 $(BIN)/pytest -q tests/verify

# Every cell of the table of rights over the wire; `make test` tries a covering sample.
doors: $(STAMP)
	GONGJI_DOORS=1 GONGJI_EVERYTHING=1 $(BIN)/pytest -q -n auto tests/doors tests/rpc/services/test_parties.py

# What testssl.sh finds about the port and the front before it.
tls: $(STAMP)
	GONGJI_TLS=1 $(BIN)/pytest -q tests/tls

# What promtool and a real Prometheus make of the metrics, the alerts and the dashboard.
watched: $(STAMP)
	GONGJI_PROMETHEUS=1 $(BIN)/pytest -q tests/watched

# Each wheel is built from its sdist.
dist: $(STAMP)
	rm -rf dist
	set -e; for project in $(dir $(filter %pyproject.toml,$(PROJECTS))); do \
		$(BIN)/python -m build --no-isolation --outdir dist $$project; done
	GONGJI_DIST=dist $(BIN)/pytest -q tests/release

# The whole suite over databases of SM4, SM3 and SM2, AES and SHA-2 raising where we call them.
gm: $(STAMP)
	$(BIN)/python -m tests.gm -q -n auto $(ARGS)

# GONGJI_PAGES=1 looks at the guides of all cities, not of one.
examples: $(STAMP)
	GONGJI_EXAMPLES=1 $(BIN)/pytest -q tests/examples $(ARGS)

# Each line of hostile load at length, and 200,000 hostile requests.
hostile: $(STAMP)
	GONGJI_HOSTILE=1 GONGJI_EVERYTHING=1 $(BIN)/pytest -q tests/hostile

# A thousand schedules of lost and late messages at the national interface.
national: $(STAMP)
	GONGJI_NATIONAL=1 $(BIN)/pytest -q tests/serve/national/test_schedules.py

# Ten thousand schedules of transfers, crashes and time.
wallet: $(STAMP)
	GONGJI_WALLET=1 $(BIN)/pytest -q tests/wallet/test_schedules.py

chaos: $(STAMP)
	GONGJI_CHAOS=1 GONGJI_EVERYTHING=1 $(BIN)/pytest -q tests/chaos tests/cli/test_rekey.py tests/wallet/test_killed.py

bench: $(BENCH)
	$(BIN)/python -m tests.bench.run $(ARGS)

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.budget
	$(BIN)/buf lint protos
	$(BIN)/buf breaking protos --against $(RELEASED)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python protos/generate.py --check

protos: $(STAMP)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python protos/generate.py

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv var

$(STAMP): $(PROJECTS)
	@$(PYTHON) -c 'import sys; sys.exit("需要 Python 3.11 或更新版本; 可用 make PYTHON=python3.12 …" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "安装依赖到 .venv (仅首次) …"
	@# lunar-python comes as sources only, and setuptools builds wheels by itself since 70.1.
	@$(BIN)/python -m pip install -q --disable-pip-version-check hatchling==1.33.0 editables 'setuptools>=70.1'
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-build-isolation -r requirements.txt
	@touch $@

# What stands beside our own service in `make bench`.
$(BENCH): $(STAMP)
	@echo "安装测速的对照 (仅首次) …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-build-isolation -e '.[bench]'
	@touch $@
