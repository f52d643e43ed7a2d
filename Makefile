# Developer commands. `make` alone lists them.
#
# Each interpreter has an environment of its own under .venv/ and a build folder of its own under target/, so that
# going from one Python to another rebuilds nothing. Stamp files in the environment (.created, .requirements-*,
# .installed-*) say what is there already; a second run does only what the changed files ask for.

PYTHON ?= python3
# Cargo's profile for the extension: `release` (what is shipped) or `dev` (a short build).
PROFILE ?= release
# What `make test` runs. `make test SUITES="package stdlib"` runs less.
SUITES ?= rust lint package stdlib upstream interop
# Further arguments for benches/run.py: make bench BENCH_ARGS="--only lambda,strs --quick"
BENCH_ARGS ?=
# Further arguments for pytest: make test-package PYTEST_ARGS="-k enum -x"
PYTEST_ARGS ?=

# "3.11", "3.13t", "pypy3.11"; empty when PYTHON is missing or too old, which the rule for .created reports.
VERSION := $(shell $(PYTHON) -c 'import sys; \
    assert sys.version_info >= (3, 9); \
    print(("" if sys.implementation.name == "cpython" else sys.implementation.name) \
        + "%d.%d" % sys.version_info[:2] + sys.abiflags)' 2>/dev/null)
VENV := .venv/$(VERSION)
VENV_PYTHON := $(CURDIR)/$(VENV)/bin/python
PIP := $(VENV_PYTHON) -m pip --disable-pip-version-check
# Every suite leaves its outcome here; .ci/run adds them up.
RESULTS := .cache/results/$(VERSION)
PASSED = @mkdir -p $(RESULTS) && touch $(RESULTS)/$@.passed

# Folders are listed too: their time changes when a file is added or taken away.
SOURCES := $(shell find crates python \( -name __pycache__ -o -name '*.so' \) -prune -o -print) \
    $(wildcard Cargo.toml Cargo.lock pyproject.toml README.md LICENSE)

export CARGO_TARGET_DIR := $(CURDIR)/target/$(VERSION)
export PYO3_PYTHON := $(VENV_PYTHON)
# PyO3 supports free-threaded Python from 3.14 on and refuses 3.13t, whose C interface for this was not final. It builds
# and passes there all the same, which is how the suites run without the global lock where there is no later build.
ifeq ($(VERSION),3.13t)
export UNSAFE_PYO3_SKIP_VERSION_CHECK := 1
endif

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help demo test test-all test-python test-rust test-lint test-package test-stdlib test-upstream test-interop \
    test-leaks test-frameworks test-frameworks-heavy test-ray test-pyspark test-downstream \
    beyond-baseline upstream-baseline lint lint-rust lint-python lint-types lint-layers format install develop clean

##@ Everyday

help: ## List the commands.
	@awk -F ':.*## ' \
	    '/^##@ / { printf "\n%s\n", substr($$0, 5) } \
	     /^[a-z-]+:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' Makefile
	@printf '\nEach takes PYTHON=python3.x (default: %s) and sets up what it needs under .venv/.\n' '$(PYTHON)'

demo: $(VENV)/.installed-$(PROFILE) $(VENV)/.requirements-demo ## Ship code from a script to workers that cannot import it.
	@$(VENV_PYTHON) examples/demo/run.py

test: $(addprefix test-,$(SUITES)) ## Run Rust tests, lint, and the quick suites on one Python.

test-all: ## Run every suite on every Python, fetching what is missing, and print one table.
	$(PYTHON) scripts/interpreters.py fetch
	$(PYTHON) scripts/test_matrix.py all

test-python: test-package test-stdlib test-upstream test-interop ## Run the quick suites that depend on the interpreter.

develop: ## Build and install quickly, without optimisation.
	@$(MAKE) --no-print-directory install PROFILE=dev

lint: lint-rust lint-python lint-types lint-layers ## Check formatting, clippy, ruff, types, stubs and layers.

format: $(VENV)/.requirements-lint ## Rewrite Rust and Python files in the house format.
	cargo fmt --all
	$(VENV_PYTHON) -m ruff check --quiet --fix .
	$(VENV_PYTHON) -m ruff format --quiet .

##@ One suite at a time

test-rust: ## Run the Rust unit tests of the crate that needs no Python.
	@mkdir -p $(RESULTS)
	cargo test --quiet -p pickle-format > $(RESULTS)/rust.txt 2>&1; \
	    status=$$?; cat $(RESULTS)/rust.txt; exit $$status

test-lint: lint

test-package: $(VENV)/.installed-$(PROFILE) $(VENV)/.requirements-test ## Run the package's own tests (tests/).
	@mkdir -p $(RESULTS) && rm -f $(RESULTS)/package.xml
	$(VENV_PYTHON) -m pytest --quiet --junitxml=$(RESULTS)/package.xml $(PYTEST_ARGS)

test-stdlib: $(VENV)/.installed-$(PROFILE) $(VENV)/.requirements-test ## Run CPython's pickle tests with this pickler.
	@mkdir -p $(RESULTS)
	$(VENV_PYTHON) tests/stdlib/run.py --junit $(RESULTS)/stdlib.xml

test-upstream: $(VENV)/.installed-$(PROFILE) $(VENV)/.requirements-test ## Run upstream's own tests with this package.
	@mkdir -p $(RESULTS)
	$(VENV_PYTHON) tests/upstream/run.py --junit $(RESULTS)/upstream.xml

test-interop: $(VENV)/.installed-$(PROFILE) $(VENV)/.requirements-test ## Exchange pickles with upstream's releases, both ways.
	@mkdir -p $(RESULTS) && rm -f $(RESULTS)/interop.xml
	$(VENV_PYTHON) -m pytest --quiet --junitxml=$(RESULTS)/interop.xml tests/interop

test-leaks: $(VENV)/.installed-$(PROFILE) $(VENV)/.requirements-test ## Look for references and memory left behind (best: PYTHON=python3.14d).
	@mkdir -p $(RESULTS) && rm -f $(RESULTS)/leaks.xml
	$(VENV_PYTHON) -m pytest --quiet --junitxml=$(RESULTS)/leaks.xml tests/leaks

beyond-baseline: $(VENV)/.installed-$(PROFILE) $(VENV)/.requirements-test ## Show that upstream fails what tests/beyond has.
	$(VENV_PYTHON) tests/beyond/against_upstream.py

.PHONY: bench bench-memory bench-scaling
bench: $(VENV)/.installed-$(PROFILE) $(VENV)/.requirements-bench ## Time this package beside upstream's and C pickle (about 4 minutes).
	@$(VENV_PYTHON) benches/run.py $(BENCH_ARGS)

bench-memory: $(VENV)/.installed-$(PROFILE) $(VENV)/.requirements-bench ## Measure the peak memory of each workload (Linux).
	@$(VENV_PYTHON) benches/memory.py

bench-scaling: $(VENV)/.installed-$(PROFILE) ## Measure the time per object, up to ten million objects.
	@$(VENV_PYTHON) benches/scaling.py

.PHONY: test-notebooks test-packaging
test-notebooks: $(VENV)/.installed-$(PROFILE) $(VENV)/.requirements-test $(VENV)/.requirements-notebook ## Ship what the cells of a real Jupyter kernel define.
	@mkdir -p $(RESULTS) && rm -f $(RESULTS)/notebooks.xml
	$(VENV_PYTHON) -m pytest --quiet --junitxml=$(RESULTS)/notebooks.xml tests/notebooks

test-packaging: $(VENV)/.installed-$(PROFILE) $(VENV)/.requirements-test $(VENV)/.requirements-packaging ## Build distributions, install them in clean environments.
	@mkdir -p $(RESULTS) && rm -f $(RESULTS)/packaging.xml
	MATURIN_PEP517_ARGS="--profile $(PROFILE)" \
	    $(VENV_PYTHON) -m pytest --quiet --junitxml=$(RESULTS)/packaging.xml tests/packaging

test-frameworks: $(VENV)-frameworks/.ready ## Ship code to workers of multiprocessing, loky, joblib and dask.
	@mkdir -p $(RESULTS) && rm -f $(RESULTS)/frameworks.xml
	$(VENV)-frameworks/bin/python -m pytest --quiet --junitxml=$(RESULTS)/frameworks.xml tests/frameworks
	PYTHONPATH=tests $(VENV)-frameworks/bin/python -m pytest --quiet --noconftest tests/examples tests/models

test-frameworks-heavy: test-ray test-pyspark ## Ship code to workers of Ray and PySpark (1 GB of downloads).

test-ray test-pyspark: test-%: $(VENV)-%/.ready
	@mkdir -p $(RESULTS) && rm -f $(RESULTS)/$*.xml
	$(VENV)-$*/bin/python -m pytest --quiet --junitxml=$(RESULTS)/$*.xml --environment=$* tests/frameworks

test-downstream: $(VENV)-frameworks/.ready ## Run dask's, joblib's and loky's own tests of pickling with this package.
	@mkdir -p $(RESULTS)
	$(VENV)-frameworks/bin/python tests/downstream/run.py --junit $(RESULTS)/downstream.xml

upstream-baseline: $(VENV)/.created ## Run upstream's own tests with upstream itself, for comparison.
	$(VENV_PYTHON) tests/upstream/run.py --against upstream

lint-rust: $(VENV)/.created ## cargo fmt --check, and clippy with warnings as errors.
	cargo fmt --all --check
	cargo clippy --quiet --workspace --all-targets -- -D warnings
	$(PASSED)

lint-python: $(VENV)/.requirements-lint ## ruff check and ruff format --check.
	$(VENV_PYTHON) -m ruff check --quiet .
	$(VENV_PYTHON) -m ruff format --quiet --check .
	$(PASSED)

lint-types: $(VENV)/.installed-$(PROFILE) $(VENV)/.requirements-lint ## mypy --strict, and the stubs against the built module.
	$(VENV_PYTHON) -m mypy --no-error-summary
	$(VENV_PYTHON) -m mypy.stubtest cloudpickle._native
	$(PASSED)

lint-layers: $(VENV)/.installed-$(PROFILE) $(VENV)/.requirements-test ## What may stand in which crate (tests/architecture).
	$(VENV_PYTHON) -m pytest --quiet tests/architecture
	$(PASSED)

##@ Environment

install: $(VENV)/.installed-$(PROFILE) ## Build this package and install it in the environment.

clean: ## Remove environments, builds and caches.
	rm -rf .venv target .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.created:
	@test -n "$(VERSION)" || { echo "'$(PYTHON)' is not Python 3.9 or newer: say make PYTHON=..." >&2; exit 1; }
	@echo "creating $(VENV)"
	@rm -rf $(VENV)
	@# Some distributions ship venv without ensurepip: then the interpreter's own pip installs one.
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { \
	    rm -rf $(VENV) && $(PYTHON) -m venv --without-pip $(VENV) && \
	    $(PYTHON) -m pip --quiet --disable-pip-version-check --python $(VENV_PYTHON) install pip; }
	@touch $@

$(VENV)/.requirements-%: requirements/%.txt $(VENV)/.created
	@echo "installing $< in $(VENV)"
	@$(PIP) install --quiet --requirement $<
	@touch $@

# Each by itself: a Python for which one of them has no wheel yet gets the others.
$(VENV)/.requirements-bench: requirements/bench.txt $(VENV)/.created
	@echo "installing $< in $(VENV)"
	@sed 's/ *#.*//; /^$$/d' $< | while read -r requirement; do \
	    $(PIP) install --quiet --only-binary=:all: "$$requirement" || echo "bench: going on without $$requirement"; done
	@touch $@

# The stamp bears the time at which the build began: a source edited meanwhile counts as newer.
$(VENV)/.installed-$(PROFILE): $(SOURCES) $(VENV)/.created
	@echo "building the extension ($(PROFILE)) for $(VENV)"
	@rm -f $(VENV)/.installed-* && touch $(VENV)/.build-began
	@MATURIN_PEP517_ARGS="--profile $(PROFILE)" $(PIP) install --quiet --no-deps .
	@mv $(VENV)/.build-began $@

# The package as it is built for $(VENV), for other environments of the same Python.
WHEEL := target/$(VERSION)/wheel-$(PROFILE)
$(WHEEL)/.built: $(VENV)/.installed-$(PROFILE)
	@rm -rf $(@D)
	@MATURIN_PEP517_ARGS="--profile $(PROFILE)" $(PIP) wheel --quiet --no-deps --wheel-dir $(@D) .
	@touch $@

# An environment of its own, such as .venv/3.11-ray, for frameworks that contradict the requirements of other tests or
# whose files are changed by theirs. This package comes first, so that pip finds "cloudpickle" installed.
$(VENV)-%/.ready: requirements/%.txt $(WHEEL)/.built
	@$(MAKE) --no-print-directory VENV=$(VENV)-$* $(VENV)-$*/.created
	@$(VENV)-$*/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --force-reinstall $(WHEEL)/*.whl
	@echo "installing $< in $(VENV)-$*"
	@$(VENV)-$*/bin/python -m pip --disable-pip-version-check install --quiet --requirement $<
	@touch $@
