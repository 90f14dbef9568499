# Everything from a plain python3: `make bench` runs the main job, `make test` the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: bench test coverage lint types imports docs speed install clean
.DEFAULT_GOAL := bench

bench: install ## The main job on the synthetic street scenes
	$(BIN)/zoo bench --gen resnet9_cbam --disc patchgan_gn --recipe pix2pix

test: install ## Every test that this machine can run
	$(BIN)/python -m pytest -n auto --dist worksteal

coverage: install ## The tests again, and which lines of zoo and plugins they miss
	$(BIN)/python -m pytest -n auto --dist worksteal --cov --cov-report=term-missing:skip-covered

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

imports: install ## Who may import whom
	$(BIN)/lint-imports

speed: install ## Every speed benchmark that this machine can run, a few minutes; JSON in build/speed
	$(BIN)/python benchmarks/speed/steps.py cyclegan gn_cyclegan pix2pix cut --seconds 20 --json build/speed/steps.json
	$(BIN)/python benchmarks/speed/translate.py --size 128,256 --seconds 10 --json build/speed/translate.json
	$(BIN)/python benchmarks/speed/data.py --seconds 5 --json build/speed/data.json
	$(BIN)/python benchmarks/speed/fid.py --seconds 5 --json build/speed/fid.json
	$(BIN)/python benchmarks/speed/startup.py --seconds 10 --json build/speed/startup.json
	$(BIN)/python benchmarks/speed/grid.py --json build/speed/grid.json

install: $(VENV)/.installed

# An installation that breaks off leaves no mark, and is taken up again by the next call.
$(VENV)/.installed: pyproject.toml setup.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -e ".[dev]"
	$(BIN)/python -m compileall -q zoo plugins
	touch $@

docs: install ## The documentation site in build/site; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

clean:
	rm -rf $(VENV) build dist *.egg-info
