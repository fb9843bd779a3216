# Two commands matter: `make demo` and `make test`. Each makes its own virtual environment from pinned packages.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
GPU_VENV := .venv-gpu
TENSORRT := tensorrt-cu13-libs==10.16.1.11
READY := $(VENV)/ready

.DEFAULT_GOAL := help
.PHONY: help demo test test-system test-unsteady test-images check format lock sbom bench panels chaos chaos-short soak gpu-check clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed (PYTHON=… names one)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "$(PYTHON) makes no virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY) ## cameras, detections and a live view in this terminal; Ctrl-C ends it
	@$(BIN)/vedette up configs/demo.yaml

test: $(READY) ## all tests that need nothing but pip
	$(BIN)/pytest -m "not system and not unsteady" -n 4 --dist loadfile
	@$(BIN)/pytest -m system --collect-only -q 2>/dev/null | tail -n 1 | sed -E 's/^([0-9]+).*/Not run: \1 tests that need system packages; make test-system runs them./'
	@echo "Nor the tests marked unsteady, which fail now and then for a cause that is not known: make test-unsteady."

.venv-kserve/ready: tests/system/kserve.lock
	@$(PYTHON) -m venv .venv-kserve
	.venv-kserve/bin/pip install --quiet --disable-pip-version-check -r tests/system/kserve.lock
	@touch $@

.venv-chart/ready: tests/system/chart.lock
	@$(PYTHON) -m venv .venv-chart
	.venv-chart/bin/pip install --quiet --disable-pip-version-check -r tests/system/chart.lock
	@touch $@

test-system: $(READY) .venv-kserve/ready .venv-chart/ready ## tests with GStreamer, Chromium, ffmpeg, kserve and buildah, then chaos-short; installs Debian's packages where it may
	tests/system/install-packages
	$(BIN)/pytest -m system
	$(BIN)/python -m chaos --short

test-unsteady: $(READY) ## tests that fail now and then; why is not known yet
	$(BIN)/pytest -m unsteady

test-images: $(READY) ## of these, only: the images built, and a detection awaited from them (5 minutes, 4 GB of disk; root, Linux)
	tests/system/install-packages
	$(BIN)/pytest -m images

check: $(READY) ## lint, formatting, types, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m vedette.schema_files --check
	$(BIN)/python -m vedette.asyncapi --check
	$(BIN)/python -m vedette.roles --check
	$(BIN)/python -m inference.serving.v2.protobuf.generate --check
	$(BIN)/python -m inference.serving.openapi --check
	$(BIN)/python -m monitoring --check
	$(BIN)/python models/build/coco_detector.py --check
	$(BIN)/python models/build/faces.py --check

.venv-sbom/ready: sbom/cyclonedx.lock
	@$(PYTHON) -m venv .venv-sbom
	.venv-sbom/bin/pip install --quiet --disable-pip-version-check -r sbom/cyclonedx.lock
	@touch $@

sbom: $(READY) .venv-sbom/ready ## docs/sbom.json anew: what it is made of, with versions and licences
	.venv-sbom/bin/cyclonedx-py environment --output-format JSON $(BIN)/python | $(BIN)/python -m sbom

format: $(READY) ## rewrite what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(READY) ## pin the dependencies of pyproject.toml anew
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade --extra cpu --extra s3 --extra dev \
		--no-annotate --no-header pyproject.toml -o requirements.lock

.venv-panels/ready: monitoring/pictures.lock
	@$(PYTHON) -m venv .venv-panels
	.venv-panels/bin/pip install --quiet --disable-pip-version-check -r monitoring/pictures.lock
	@touch $@

panels: $(READY) .venv-panels/ready ## docs/panels: a real system for 5 minutes, and what each dashboard shows of it (Debian's Prometheus)
	$(BIN)/python -m tests.system.panel_data .venv-panels/data.json
	.venv-panels/bin/python monitoring/pictures.py .venv-panels/data.json docs/panels

bench: $(READY) ## every benchmark, three and a half hours on an idle machine; results in benchmarks/results (QUICK=1: a look, 10 minutes)
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick)

chaos: $(READY) ## what can fail is made to fail, and nothing may be lost of it: 10 minutes (MINUTES= SEED= ONLY=kill-*,…)
	$(BIN)/python -m chaos --minutes $(or $(MINUTES),10) --seed $(or $(SEED),1) $(if $(ONLY),--only '$(ONLY)')

chaos-short: $(READY) ## nine faults of them, the same each time, with much patience, whatever time it takes
	$(BIN)/python -m chaos --short

soak: $(READY) ## does anything grow, with everything on? An hour (MINUTES= HOURS=); results in benchmarks/results
	$(BIN)/python -m chaos soak --minutes $(or $(MINUTES),$(if $(HOURS),$$(($(HOURS) * 60)),60)) --seed $(or $(SEED),1)

gpu-check: ## with an NVIDIA GPU: is it used, does it agree with the CPU, what does it gain; a report to send back
	@PYTHONPATH=. $(PYTHON) -m inference.gpu_check.driver
	@$(PYTHON) -m venv $(GPU_VENV)
	grep -v '^onnxruntime==' requirements.lock > $(GPU_VENV)/requirements.txt
	$(GPU_VENV)/bin/pip install --quiet --disable-pip-version-check -r $(GPU_VENV)/requirements.txt -r requirements-gpu.lock
	$(GPU_VENV)/bin/pip install --quiet --disable-pip-version-check $(TENSORRT) || echo "No TensorRT: on without it" >&2
	PYTHONPATH=. $(GPU_VENV)/bin/python -m inference.gpu_check --to gpu-check

clean: ## remove what make made
	rm -rf $(VENV) $(GPU_VENV) gpu-check .venv-kserve .venv-chart .venv-panels .venv-sbom .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
