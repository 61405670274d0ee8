# Developer tasks; run `make` to list them.
.DEFAULT_GOAL := help
.PHONY: help new demo test test-lowest check check-images release format pin-uv bench bench-quick bench-burst bench-settings

PORT ?= 8000
DEMO ?= build/demo
# Command-line values reach programs through the environment, so that neither make nor a shell interprets functions,
# quotes or commands in them: write "$$ARG_PORT" in a recipe, never "$(PORT)".
TEXT := DATA DEMO DEST PORT VERSION
$(foreach name,$(TEXT),$(eval override $(name) := $$(value $(name)))$(eval export ARG_$(name) := $$(value $(name))))
# The generated app's script that runs uv, and downloads it where it is not installed.
UV := python3 template/uvw
# tests/conftest.py has the order in which the workers get the files.
WORKERS := --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

new: ## create your app: DEST=../photo-wall; DATA="iac=cdk" answers a question, DEFAULTS=1 answers the others
	@set -f; for answer in $$ARG_DATA; do set -- "$$@" "--data=$$answer"; done; \
		$(UV) run --quiet --no-dev python new.py $(if $(DEFAULTS),--defaults) "$$@" -- "$$ARG_DEST"

demo: ## generate an app into $DEMO (build/demo), check it, and serve it on http://127.0.0.1:$PORT (8000)
	@[ ! -e "$$ARG_DEMO" ] && [ ! -L "$$ARG_DEMO" ] || [ -f "$$ARG_DEMO/.copier-answers.yml" ] || { \
		echo "$$ARG_DEMO already exists and is not a generated app. Choose another folder: make demo DEMO=build/demo2"; \
		exit 2; }
	@python3 -c 'import os, socket, sys; port = os.environ["ARG_PORT"]; \
		sys.excepthook = lambda kind, error, trace: print(f"Port {port}: {error}. Choose another: make demo PORT=8001"); \
		socket.create_server(("127.0.0.1", int(port)))'
	@if [ -e "$$ARG_DEMO" ]; then \
		echo "Serving the existing app in $$ARG_DEMO. For a new one: make demo DEMO=build/demo2"; \
	else \
		$(UV) run --quiet --no-dev copier copy --quiet --trust --defaults --no-cleanup --vcs-ref HEAD \
			--data project_name=my-app "$$PWD" "$$ARG_DEMO"; \
	fi
	@$(MAKE) --no-print-directory -C "$$ARG_DEMO" dev PORT="$$ARG_PORT"

test: ## run the template's tests
	@$(UV) run --quiet pytest $(WORKERS)

# The usual test environment, with the kit's own dependencies replaced by the lowest versions that it allows. Without the
# tests of jobs and those that need a MySQL server, which take minutes and depend on few features of libraries.
test-lowest: ## run most of the kit's tests with the lowest versions of its dependencies
	@mkdir -p build
	@$(UV) pip compile --quiet --resolution lowest-direct --all-extras --output-file build/lowest.txt template/kit/pyproject.toml
	@$(UV) run --quiet --isolated --with-requirements build/lowest.txt python -m pytest -q tests/kit \
		--ignore tests/kit/jobs -k "not mysql" $(WORKERS)

check: ## check format, lint and types
	@$(UV) run --quiet ruff format --check
	@$(UV) run --quiet ruff check
	@$(UV) run --quiet mypy

check-images: ## ask the registries for each image that the template pins by digest
	@python3 check_images.py

release: ## run every check, then tag a release and push it to origin: VERSION=1.2.0
	@$(UV) run --quiet python release.py "$$ARG_VERSION"

format: ## format the Python files and apply the linter's fixes
	@$(UV) run --quiet ruff format
	@$(UV) run --quiet ruff check --fix

pin-uv: ## pin the newest uv in the template, or VERSION=0.14.0
	@python3 pin_uv.py $(if $(VERSION),"$$ARG_VERSION")

bench: ## benchmark the generated app against others, into docs/benchmark.md (15 minutes, Docker)
	@PYTHONPATH=tests $(UV) run --quiet --with copier-template-extensions python -m bench

bench-quick: ## run most of the benchmark once and print it (2 minutes, Docker)
	@PYTHONPATH=tests $(UV) run --quiet --with copier-template-extensions python -m bench --quick

bench-burst: ## start 150 environments at once, of the generated app and of FastAPI, into docs/benchmark.md (4 minutes, Docker)
	@PYTHONPATH=tests $(UV) run --quiet --with copier-template-extensions python -m bench.burst

bench-settings: ## measure what 20 settings and 5 secrets add to a cold start (4 minutes, Docker)
	@PYTHONPATH=tests $(UV) run --quiet --with copier-template-extensions python -m bench.settings
