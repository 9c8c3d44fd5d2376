# make env | demo | test | coverage | lint | docs | fuzz | audit | clean-env. Each may be repeated and does
# only what is left to do.
# Works from a path with spaces: every path here is relative to this file's folder.
# Any Python of tmx_plugin/supported.py does; that of the default stack goes first.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
# The default stack of tmx_plugin/supported.py. Set TORCH to choose another build.
TORCH ?= $(shell "$(PYTHON)" tmx_plugin/supported.py default torch)
BIN := .venv/bin
CONFIG := configs/temporalmaxer/synthetic.py
WORK := work_dirs/demo
SOURCES := $(shell find tmx_plugin configs tools -type f -not -path '*/__pycache__/*' \
	-not -path '*/.mim/*') setup.py tmx_start.py pyproject.toml MANIFEST.in model-index.yml dataset-index.yml

.PHONY: env demo test coverage lint docs fuzz audit clean-env
.DELETE_ON_ERROR:

env: .venv/.package

# Everything the tests and tools need. One pip call, so that openmim's wishes do not undo torch's.
.venv/.dependencies: setup.py tmx_plugin/supported.py
	test -x $(BIN)/python || "$(PYTHON)" -m venv .venv
	$(BIN)/python -m pip install --quiet "$(TORCH)" ".[dev]"
	touch $@

# Not editable: mim finds configs and tools by name only in an installed copy.
.venv/.package: .venv/.dependencies $(SOURCES)
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --force-reinstall .
	touch $@

test: env
	$(BIN)/python -m pytest

# Of the package alone; slow tests run tools in other processes, whose lines do not count.
coverage: env
	$(BIN)/python -m pytest --cov=tmx_plugin --cov-report=term:skip-covered --cov-fail-under=92

lint: env
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python -m mypy

# The site, in build/docs; a warning is an error.
docs: env
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/docs

# All points at which a training or a tool can be killed or its disk can fill, small and read-only
# disks, 20,000 changed checkpoints, 20 seconds of changed files for each reader, and 10 minutes of
# atheris where it can be installed.
fuzz: env
	TMX_ALL_POINTS=1 TMX_FUZZ_EXAMPLES=20000 TMX_FUZZ_SECONDS=20 $(BIN)/python -m pytest -q tests/reliability
	-$(BIN)/python -m pip install --quiet atheris
	$(BIN)/python tests/reliability/fuzz_atheris.py --seconds 600

# Known faults of the installed packages, and of this one's code (settings in pyproject.toml).
audit: env
	$(BIN)/python -m pip install --quiet pip-audit bandit
	$(BIN)/python -m bandit -q -ll -c pyproject.toml -r tmx_plugin tools
	$(BIN)/python tools/dev/audit.py

data/synthetic/annotations/synthetic.json: tools/data/make_synthetic.py | .venv/.package
	$(BIN)/python tools/data/make_synthetic.py data/synthetic --seed 0

# A file of its own: last_checkpoint is there from the first epoch on.
$(WORK)/trained: .venv/.package data/synthetic/annotations/synthetic.json
	rm -rf $(WORK)
	$(BIN)/mim train mmaction2 $(CONFIG) --gpus 0 --work-dir $(WORK) --seed 0
	touch $@

demo: $(WORK)/trained
	$(BIN)/mim test mmaction2 $(CONFIG) --checkpoint "$$(cat $(WORK)/last_checkpoint)" --gpus 0 \
		--work-dir $(WORK) --cfg-options test_evaluator.out_file=$(WORK)/predictions.json \
		test_evaluator.classwise=True
	@$(BIN)/python tools/analysis/plot_timeline.py $(WORK)/predictions.json \
		data/synthetic/annotations/synthetic.json --out $(WORK)/timelines --videos val_0000 \
		>/dev/null
	@echo "Predictions: $(WORK)/predictions.json"
	@echo "Timeline:    $(WORK)/timelines/val_0000.png"

clean-env:
	rm -rf .venv
