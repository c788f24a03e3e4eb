# `make` alone lists the targets. Everything runs in .venv, made from the locks by venv and pip alone.

PYTHON ?= python3
EVERY ?= 10
DATA ?=
export EVERY DATA

PY := .venv/bin/python
INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all:
COMPILE := $(PY) -m uv pip compile --quiet --no-config --universal --fork-strategy fewest --python-version 3.11 \
           --generate-hashes --no-header
PYTEST := $(PY) -m pytest -n 2 --dist worksteal
OUTPUTS := ingesteddata models practicemodels production_deployment

.DEFAULT_GOAL := help
.PHONY: help run try upgrade-check test test-fast test-extras check browser pictures serve simulate demo-database bench bench-decisions \
        bench-calling bench-lives bench-seasons bench-models bench-service bench-scale bench-erasing soak servers cron uncron xlsx spark java lock clean reset-demo broken

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile
	@echo "PYTHON=python3.12 names the Python that makes .venv."

run: .venv/.installed ## run the whole process on the shipped data
	@unset RISK_CONFIG; $(PY) fullprocess.py || { code=$$?; [ $$code -eq 4 ] || exit $$code; }
	@$(PY) -c 'import json; folder = json.load(open("config.json", "rb"))["output_model_path"].rstrip("/"); \
	    print(f"report:    {folder}/report.pdf\ncall list: {folder}/calllist.csv")'

try: .venv/.installed ## propose settings for your files, run and show the list, in a scratch folder (DATA=folder)
	@[ -e "$$DATA" ] || { echo "DATA is '$$DATA', expected a folder with your files: make try DATA=folder" >&2; exit 2; }; \
	scratch=$$(mktemp -d "$${TMPDIR:-/tmp}/risk-try.XXXXXX") && mkdir "$$scratch/sourcedata" "$$scratch/testdata" && \
	printf '%s\n' '{' '    "input_folder_path": "sourcedata", "output_folder_path": "ingesteddata",' \
	    '    "test_data_path": "testdata", "output_model_path": "models",' \
	    '    "prod_deployment_path": "production_deployment", "capacity": {"calls_per_week": 25}' '}' >"$$scratch/config.json" && \
	said=$$($(PY) ingestion.py --config "$$scratch/config.json" --propose "$$DATA" --write) || { code=$$?; \
	    printf '%s\n' "$$said"; exit $$code; }; \
	printf '%s\n\n' "$$said"; \
	printf '%s\n' "$$said" | sed '1,/^next:$$/d' | sh -e || { code=$$?; [ $$code -eq 4 ] || exit $$code; }; \
	echo "report:    $$scratch/models/report.pdf"; echo "call list: $$scratch/models/calllist.csv"; \
	echo "the page:  make serve ARGS='--config $$scratch/config.json'"; \
	[ -z "$$DISPLAY" ] || ! command -v xdg-open >/dev/null || xdg-open "$$scratch/models/report.pdf" >/dev/null 2>&1 || :

upgrade-check: .venv/.installed ## try this program on a copy of an installation (DATA=its folder or settings file)
	@unset RISK_CONFIG; scratch=$$(mktemp -d "$${TMPDIR:-/tmp}/risk-upgrade.XXXXXX") && \
	config=$$($(PY) -m risk.settings.scratch_copy "$${DATA:-.}" "$$scratch") || { code=$$?; rm -rf "$$scratch"; exit $$code; }; \
	fail() { echo "upgrade-check: $$1 failed with this program, as said above. Nothing was changed but the copy: $$scratch" >&2; exit 1; }; \
	echo "--- status"; $(PY) fullprocess.py --config "$$config" --status || echo "(the last run failed, or something is damaged: see above)"; \
	echo "--- verify"; $(PY) diagnostics.py --config "$$config" --verify || fail "diagnostics.py --verify"; \
	$(PY) ingestion.py --config "$$config" --verify || fail "ingestion.py --verify"; \
	echo "--- one run"; $(PY) fullprocess.py --config "$$config" || { [ $$? -eq 4 ] || fail "fullprocess.py"; }; \
	$(PY) diagnostics.py --config "$$config" --verify || fail "diagnostics.py --verify after the run"; \
	echo "--- upgrade-check: this program opens $${DATA:-.} and continues it; nothing of it was changed"; \
	rm -rf "$$scratch"

test: .venv/.installed-dev check ## check the code and run every test but the extras
	@[ -z "$$CI" ] || $(MAKE) --no-print-directory browser
	@$(PYTEST) -m "not extras"

test-fast: .venv/.installed-dev ## run the tests that are quick
	@$(PYTEST) -m "not slow and not extras"

test-extras: .venv/.installed-dev ## run the tests that need a server or other packages: PostgreSQL, nginx, Spark, the oldest versions
	@[ -z "$$CI" ] || $(MAKE) --no-print-directory servers java spark
	@$(PYTEST) -m extras

check: .venv/.installed-dev ## ruff and mypy, without the tests
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

browser: ## install Debian's chromium where it is missing, for the tests of the pages
	@command -v chromium >/dev/null || { as=; [ "$$(id -u)" = 0 ] || as=sudo; \
	    $$as apt-get update -qq && $$as apt-get install --yes -qq --no-install-recommends chromium >/dev/null; }

servers: ## install Debian's nginx, logrotate, systemd and prometheus where they are missing, for make test-extras
	@missing=; for pair in nginx:nginx-light logrotate:logrotate systemd-analyze:systemd promtool:prometheus; do \
	    PATH="$$PATH:/usr/sbin" command -v "$${pair%%:*}" >/dev/null || missing="$$missing $${pair#*:}"; done; \
	[ -z "$$missing" ] || { as=; [ "$$(id -u)" = 0 ] || as=sudo; \
	    $$as apt-get update -qq && $$as apt-get install --yes -qq --no-install-recommends $$missing >/dev/null; }

java: ## install Debian's Java where it is missing, for Spark
	@command -v java >/dev/null || { as=; [ "$$(id -u)" = 0 ] || as=sudo; \
	    $$as apt-get update -qq && $$as apt-get install --yes -qq --no-install-recommends openjdk-17-jre-headless >/dev/null; }

pictures: .venv/.installed-dev browser ## make the pictures of the README from the shipped data
	@$(PY) -m tests.pictures

serve: .venv/.installed ## start the API and the page (ARGS="--port 8001")
	@$(PY) app.py $(ARGS)

simulate: .venv/.installed ## drop the next month of simulated clients and of calls (ARGS="--help")
	@$(PY) -m risk.simulation.simulate $(ARGS)

demo-database: .venv/.installed-dev ## fill clients.db with the shipped files, to try a database as a source
	@$(PY) -m risk.simulation.demo_database --demo clients.db sourcedata/*.csv

bench: .venv/.installed-dev ## run the benchmarks
	@$(PY) -m tests.benchmarks $(ARGS)

bench-decisions: .venv/.installed-dev ## measure the decisions beside the familiar rules (hours; a run that was cut off goes on)
	@$(PY) -m tests.benchmarks decisions selection

bench-seasons: .venv/.installed-dev ## measure what a yearly cycle does to alerts and deployments (a quarter of an hour)
	@$(PY) -m tests.benchmarks seasons

bench-calling: .venv/.installed-dev ## measure what calling does to alerts and model (half an hour)
	@$(PY) -m tests.benchmarks calling

bench-lives: .venv/.installed-dev ## measure alerts and deployments over ten-year lives (ARGS="--lives 250": an hour and more)
	@$(PY) -m tests.benchmarks lives $(ARGS)

bench-service: .venv/.installed-dev ## measure the service beside a constant answer of its server, and under load (ten minutes)
	@$(PY) -m tests.benchmarks service load

bench-models: .venv/.installed-dev ## rate tables by our models and others (ARGS="--tables FOLDER")
	@$(PY) -m tests.benchmarks contenders $(ARGS)

soak: .venv/.installed-dev ## measure the service under load alone: 1,000 swaps, too much, a million predictions (seven minutes)
	@$(PY) -m tests.benchmarks load

bench-scale: .venv/.installed-dev java spark ## measure DuckDB beside Spark with one worker and two (ARGS="--rows 2000000")
	@$(PY) -m tests.benchmarks scale $(ARGS)

bench-erasing: .venv/.installed-dev ## measure an erasure beside rewriting the same parts (ARGS="--rows 1000000")
	@$(PY) -m tests.benchmarks erasing $(ARGS)

# --- cron -------------------------------------------------------------------------------------------------------------

# $kept holds the lines of the user's crontab that are not ours. A block whose end is lost would take the rest with it.
define READ_CRONTAB
	command -v crontab >/dev/null || { echo "crontab was not found; install cron, then run make $@ again" >&2; exit 1; }; \
	table=$$(crontab -l 2>/dev/null) || table=; \
	[ "$$(printf '%s\n' "$$table" | grep -c '^# >>> risk$$')" = "$$(printf '%s\n' "$$table" | grep -c '^# <<< risk$$')" ] || \
	    { echo "your crontab has '# >>> risk' or '# <<< risk' alone; mend it with crontab -e, then run make $@ again" >&2; exit 1; }; \
	kept=$$(printf '%s\n' "$$table" | sed '/^# >>> risk$$/,/^# <<< risk$$/d')
endef

cron: .venv/.installed ## run the whole process every 10 minutes by cron (EVERY=5)
	@case $$EVERY in [1-9]|[1-5][0-9]) ;; *) \
	    echo "EVERY is '$$EVERY', expected a whole number of minutes from 1 to 59: make cron EVERY=10" >&2; exit 2 ;; esac
	@$(READ_CRONTAB); \
	root=$$(pwd | sed "s/'/'\\\\''/g; s/%/\\\\%/g" | sed 's/[\\&|]/\\&/g'); \
	block=$$(sed "s|@ROOT@|$$root|g; s|@EVERY@|$$EVERY|g" cronjob.txt) && \
	printf '%s\n' $${kept:+"$$kept"} "$$block" | crontab - && \
	echo "cron: every $$EVERY minutes; log: production_deployment/fullprocess.log"

uncron: ## take the process out of cron
	@$(READ_CRONTAB); \
	{ [ -z "$$kept" ] || printf '%s\n' "$$kept"; } | crontab -

# --- .venv and the locks ----------------------------------------------------------------------------------------------

define MAKE_VENV
	@$(PY) -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	"$(PYTHON)" -c '' 2>/dev/null || \
	    { echo "$(PYTHON) was not found; install Python 3.11 or newer, or name one: make run PYTHON=python3.12" >&2; exit 1; }; \
	"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "$(PYTHON) is $$("$(PYTHON)" -V 2>&1), expected 3.11 or newer; name one: make run PYTHON=python3.12" >&2; exit 1; }; \
	"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || \
	    { echo "$(PYTHON) has no venv module; install it (Debian, Ubuntu: apt install python3-venv), then try again" >&2; exit 1; }; \
	"$(PYTHON)" -m venv --clear .venv; }
endef

# A .venv that lost its Python (an upgraded system, a half-made folder) is made anew, whatever its stamps say.
.venv/.installed: requirements.lock $(shell [ -x $(PY) ] || echo broken)
	$(MAKE_VENV)
	@echo "installing requirements.lock into .venv (about half a minute)"
	@$(INSTALL) -r requirements.lock
	@touch $@

.venv/.installed-dev: requirements-dev.lock .venv/.installed
	@echo "installing requirements-dev.lock into .venv"
	@$(INSTALL) -r requirements-dev.lock
	@touch $@

.venv/.installed-xlsx: requirements-xlsx.lock .venv/.installed
	@$(INSTALL) -r requirements-xlsx.lock
	@touch $@

xlsx: .venv/.installed-xlsx ## install what reads Excel workbooks (requirements-xlsx.lock)

.venv/.installed-spark: requirements-spark.lock .venv/.installed
	@echo "installing requirements-spark.lock into .venv (400 MB and more)"
	@$(INSTALL) --no-binary pyspark -r requirements-spark.lock
	@touch $@

spark: .venv/.installed-spark ## install what works on a Spark cluster (requirements-spark.lock; it needs Java too)

lock: ## for maintainers: write the locks anew (UPGRADE=1 takes the newest versions)
	$(MAKE_VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check 'uv>=0.9'
	@$(COMPILE) $(if $(UPGRADE),--upgrade) requirements.txt -o requirements.lock >/dev/null
	@$(COMPILE) $(if $(UPGRADE),--upgrade) requirements-xlsx.in -c requirements.lock -o requirements-xlsx.lock >/dev/null
	@$(COMPILE) $(if $(UPGRADE),--upgrade) --group dev -c requirements.lock -c requirements-xlsx.lock -o requirements-dev.lock >/dev/null
	@$(COMPILE) $(if $(UPGRADE),--upgrade) requirements-spark.in -c requirements.lock -c requirements-dev.lock -o requirements-spark.lock >/dev/null

# --- taking away ------------------------------------------------------------------------------------------------------

SHIPPED := sourcedata testdata practicedata outcomes

define ASK
	[ "$(YES)" = 1 ] || { [ -t 0 ] && printf 'Go on? [y/N] ' && read -r answer && \
	    case $$answer in [yY]|[yY][eE][sS]) ;; *) false ;; esac; } || \
	    { echo "nothing was removed. Answer y, or where there is no terminal: make $@ YES=1" >&2; exit 2; }
endef

clean: ## remove everything that runs wrote, releases and journal too; input data stays (asks; YES=1 answers)
	@found=; for folder in $(OUTPUTS); do \
	    n=$$(find $$folder -mindepth 1 ! -name .gitkeep ! -type d 2>/dev/null | wc -l); \
	    [ $$n -eq 0 ] || found="$$found$$(printf '\n  %s/: %d files and links, %s' $$folder $$n "$$(du -sh $$folder | cut -f1)")"; done; \
	if [ -z "$$found" ]; then echo "nothing to remove: no run has written anything"; exit 0; fi; \
	echo "This removes for good what runs wrote, with all releases and the journal of what was decided:$$found"; \
	$(ASK); \
	for folder in $(OUTPUTS); do [ ! -d $$folder ] || find $$folder -mindepth 1 ! -name .gitkeep -delete; done; \
	echo "removed; the next run begins from nothing"

reset-demo: ## bring the shipped data back as it was committed (asks; YES=1 answers)
	@[ -e .git ] && git rev-parse -q --verify HEAD >/dev/null || { \
	    echo "this folder is no git clone, so the shipped data cannot be brought back; clone the project again" >&2; exit 1; }; \
	changed=$$(git status --porcelain --ignored --untracked-files=all -- $(SHIPPED)) || exit 1; \
	if [ -z "$$changed" ]; then echo "nothing to do: $(SHIPPED) are as they were committed"; exit 0; fi; \
	echo "This removes, and brings back as it was committed:"; \
	printf '%s\n' "$$changed" | sed -E -e 's/^(\?\?|!!|A.|.A) /  removed:      /' -e 's/^( [MDT]|[MDRCT].) /  brought back: /'; \
	$(ASK); \
	git reset -q HEAD -- $(SHIPPED) && git checkout -q HEAD -- $(SHIPPED) && git clean -fdxq -- $(SHIPPED) && \
	echo "done. Runs still know what was there before; to begin anew: make clean, then make run"
