# What is done to the template, by name. `make` alone lists it.
.DEFAULT_GOAL := help
.PHONY: help demo test check release format bench bench-quick

PORT ?= 8000
DEMO ?= build/demo
# What a person types reaches programs in the environment, as it was typed: neither make nor a shell may read
# functions, quotes or commands in it. A recipe has "$$ARG_PORT", never "$(PORT)".
TEXT := DEMO PORT VERSION
$(foreach name,$(TEXT),$(eval override $(name) := $$(value $(name)))$(eval export ARG_$(name) := $$(value $(name))))
# The generated app brings a uv that fetches itself where a machine has none; it serves here too.
UV := python3 template/uvw

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: ## generate an app into $DEMO (build/demo), check it, and serve it on http://127.0.0.1:$PORT (8000)
	@[ ! -e "$$ARG_DEMO" ] && [ ! -L "$$ARG_DEMO" ] || [ -f "$$ARG_DEMO/.copier-answers.yml" ] || { \
		echo "$$ARG_DEMO exists already, and may hold work of yours. Take another folder: make demo DEMO=build/demo2"; \
		exit 2; }
	@python3 -c 'import os, socket; socket.create_server(("127.0.0.1", int(os.environ["ARG_PORT"])))' 2>/dev/null || \
		{ echo "Port $$ARG_PORT is taken, or no port at all. Choose another: make demo PORT=8001"; exit 2; }
	@if [ -e "$$ARG_DEMO" ]; then \
		echo "Serving the app in $$ARG_DEMO as it is. For a new one: make demo DEMO=build/demo2"; \
	else \
		$(UV) run --quiet --no-dev copier copy --quiet --trust --defaults --no-cleanup --vcs-ref HEAD "$$PWD" "$$ARG_DEMO"; \
	fi
	@$(MAKE) --no-print-directory -C "$$ARG_DEMO" dev PORT="$$ARG_PORT"

test: ## run the template's tests
	@$(UV) run --quiet pytest --numprocesses auto --maxprocesses 4 --dist loadfile

check: ## format, lint and types
	@$(UV) run --quiet ruff format --check
	@$(UV) run --quiet ruff check
	@$(UV) run --quiet mypy

release: ## make a version of what is committed, once all that it must pass has passed: VERSION=1.2.0
	@$(UV) run --quiet python release.py "$$ARG_VERSION"

format: ## format the Python files and mend what the linter can
	@$(UV) run --quiet ruff format
	@$(UV) run --quiet ruff check --fix

bench: ## measure the generated app beside others, into docs/benchmark.md (15 minutes, Docker)
	@PYTHONPATH=tests $(UV) run --quiet --with copier-template-extensions python -m bench

bench-quick: ## a look at most of that, printed alone (2 minutes, Docker)
	@PYTHONPATH=tests $(UV) run --quiet --with copier-template-extensions python -m bench --quick
