# make demo   sets up .venv and runs the main jobs: doctor here and on a faulty machine, its plan, a minute of training
# make test   sets up what the tests need and runs lint, types, import contracts and tests
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TORCH_VENV := .venv-torch
TF_VENV := .venv-tensorflow
TORCH := torch==2.13.0
TENSORFLOW := tensorflow-cpu==2.21.0
LIB_VENV := .venv-libraries
LIBRARIES := lightning==2.6.6 transformers==5.23.0 accelerate==1.15.0 ipykernel==7.4.0 nbclient==0.11.0
PURELIB := -c 'import sysconfig; print(sysconfig.get_path("purelib"))'
PIP_QUIET := --quiet --disable-pip-version-check
APT_PACKAGES := gcc libc6-dev git make python3-venv chromium docker.io iptables openssh-server openssl debootstrap
FAULTY := tests/snapshots/faulty-workstation.json

.DEFAULT_GOAL := help
.PHONY: help demo test check-all lint unit docs record-gpu bench-doctor bench-hangs system-deps tensorflow libraries update-compat check-compat bench-ssh bench-merge bench-rivals bench-fuzz bench-overhead bench-overhead-keras bench-gemm bench-aa bench-nan bench-slow bench-watch clean

help:  ## What there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(BIN)/envkit: pyproject.toml envkit/__init__.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(PIP_QUIET) --editable .
	@# Compiled here, since an environment may forbid Python to write bytecode later, and start-up is felt.
	$(BIN)/python -m compileall -q envkit
	@touch $@

$(VENV)/.dev: $(BIN)/envkit pyproject.toml
	$(BIN)/python -m pip install $(PIP_QUIET) --editable '.[dev]'
	@touch $@

# `+cpu` asks for the CPU build by name, so that no index can answer with gigabytes of CUDA.
$(TORCH_VENV)/.ready:
	$(PYTHON) -m venv $(TORCH_VENV)
	$(TORCH_VENV)/bin/python -m pip install $(PIP_QUIET) '$(TORCH)+cpu' numpy 2>/dev/null \
	  || $(TORCH_VENV)/bin/python -m pip install $(PIP_QUIET) '$(TORCH)+cpu' numpy \
	     --extra-index-url https://download.pytorch.org/whl/cpu
	@touch $@

$(TF_VENV)/.ready:
	$(PYTHON) -m venv $(TF_VENV)
	$(TF_VENV)/bin/python -m pip install $(PIP_QUIET) '$(TENSORFLOW)'
	@touch $@

# Sees the torch of the other environment, so that it is there once.
$(LIB_VENV)/.ready: $(TORCH_VENV)/.ready pyproject.toml
	$(PYTHON) -m venv $(LIB_VENV)
	$(TORCH_VENV)/bin/python $(PURELIB) > "$$($(LIB_VENV)/bin/python $(PURELIB))/torch-of-tests.pth"
	$(LIB_VENV)/bin/python -m pip install $(PIP_QUIET) $(LIBRARIES) --editable .
	@touch $@

demo: $(BIN)/envkit $(TORCH_VENV)/.ready  ## Doctor here and on a faulty machine, the plan that fits it, a minute of training
	@echo; echo '$$ envkit doctor'
	@$(BIN)/envkit doctor || test $$? -eq 1
	@echo; echo '$$ envkit doctor --from $(FAULTY)'
	@$(BIN)/envkit doctor --from $(FAULTY) || test $$? -eq 1
	@echo; echo '$$ envkit build --explain --from $(FAULTY)'
	@$(BIN)/envkit build --explain --from $(FAULTY) || test $$? -eq 1
	@echo; echo '$$ envkit bench --quick --python $(TORCH_VENV)'
	@$(BIN)/envkit bench --quick --python $(TORCH_VENV)
	@echo; echo 'That was this machine, a faulty one, and a minute of training. Try: $(BIN)/envkit doctor -v, $(BIN)/envkit bench --help'

lint: $(VENV)/.dev  ## Style, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(VENV)/.dev $(TORCH_VENV)/.ready  ## Tests only
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

test: lint unit  ## Lint and tests; lists what this machine could not cover

tensorflow: $(TF_VENV)/.ready  ## The TensorFlow environment of the tests (0.6 GB); used where it is

libraries: $(LIB_VENV)/.ready  ## Lightning, Transformers, Accelerate and Jupyter for the tests (0.3 GB); used where it is

check-all: tensorflow libraries lint  ## As `test`, with nothing allowed to be missing except a GPU
	$(MAKE) $(TORCH_VENV)/.ready
	ENVKIT_TEST_REQUIRE=all $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder --durations=60

docs: $(VENV)/.dev  ## Regenerate docs/formats.md and docs/causes.md
	$(BIN)/python tools/generate_docs.py --write

record-gpu: $(BIN)/envkit  ## On a machine with a GPU: record it as tests/snapshots/NAME.json (make record-gpu NAME=h100)
	$(BIN)/envkit doctor --deep --save tests/snapshots/$(NAME).json || test $$? -eq 1
	@echo "Now state what doctor must find there in tests/snapshots/expected.json"

update-compat: $(VENV)/.dev  ## What differs between the compatibility tables and today's package index
	$(BIN)/python tools/update_compat.py --deep

check-compat: $(VENV)/.dev  ## Is the newest release of every framework in the tables?
	$(BIN)/python tools/update_compat.py --check

bench-doctor: $(BIN)/envkit $(TORCH_VENV)/.ready  ## Doctor beside torch's collect_env, in interleaved pairs
	$(BIN)/python benchmarks/doctor_vs_collect_env.py --python $(TORCH_VENV)/bin/python

bench-hangs: $(BIN)/envkit  ## Doctor where nvidia-smi, Docker and a mount hang
	$(BIN)/python benchmarks/doctor_hangs.py

bench-ssh: $(BIN)/envkit  ## Doctor over ssh, with and without a round trip of 50 ms
	$(BIN)/python benchmarks/doctor_ssh.py

bench-merge: $(VENV)/.dev  ## 10,000 made nodes, three of them odd: found, time, memory
	PYTHONPATH=. $(BIN)/python benchmarks/doctor_merge.py

bench-rivals: $(VENV)/.dev  ## Doctor beside env-doctor on faked machines (as root)
	$(BIN)/python benchmarks/doctor_rivals.py

bench-overhead: $(VENV)/.dev $(TORCH_VENV)/.ready  ## The loops of the workloads beside loops written by hand
	$(BIN)/python benchmarks/bench_overhead.py --python $(TORCH_VENV)/bin/python

bench-overhead-keras: $(VENV)/.dev $(TF_VENV)/.ready  ## The same beside `fit` written by hand
	$(BIN)/python benchmarks/bench_overhead_keras.py --python $(TF_VENV)/bin/python --workload mlp --pairs 240 --seconds 0.25
	$(BIN)/python benchmarks/bench_overhead_keras.py --python $(TF_VENV)/bin/python --workload cnn --pairs 80 --seconds 0.5

bench-gemm: $(VENV)/.dev $(TORCH_VENV)/.ready  ## The measured GEMM ceiling beside torch.utils.benchmark
	$(BIN)/python benchmarks/bench_gemm.py --python $(TORCH_VENV)/bin/python

bench-aa: $(VENV)/.dev $(TORCH_VENV)/.ready  ## How often nothing is called something: 120 processes, resumable
	PYTHONPATH=. $(BIN)/python benchmarks/bench_aa.py --python $(TORCH_VENV)/bin/python

bench-nan: $(VENV)/.dev $(TORCH_VENV)/.ready $(TF_VENV)/.ready  ## How often diagnose names the fault of the corpus's programs
	mkdir -p .cache
	PYTHONPATH=. $(BIN)/python benchmarks/diagnose_nan.py --seeds 3,4 --sizes 600,900 --try 30 --results .cache/diagnose-nan.jsonl

bench-slow: $(VENV)/.dev $(TORCH_VENV)/.ready $(TF_VENV)/.ready  ## How often diagnose names what slows the corpus's programs
	mkdir -p .cache
	PYTHONPATH=. $(BIN)/python benchmarks/diagnose_slow.py --seeds 3,4 --sizes 0.8,1.3 --results .cache/diagnose-slow.jsonl

bench-watch: $(VENV)/.dev $(TORCH_VENV)/.ready $(TF_VENV)/.ready  ## What watching costs, beside anomaly mode and others
	PYTHONPATH=. $(BIN)/python benchmarks/diagnose_overhead_within.py --python $(TORCH_VENV)/bin/python
	PYTHONPATH=. $(BIN)/python benchmarks/diagnose_overhead.py --python $(TORCH_VENV)/bin/python --rounds 8
	PYTHONPATH=. $(BIN)/python benchmarks/diagnose_overhead_keras.py --python $(TF_VENV)/bin/python --runs 12

bench-fuzz: $(VENV)/.dev  ## 2,000 damaged inputs through the command line
	$(BIN)/python benchmarks/fuzz.py --count 2000

system-deps:  ## System packages that full coverage needs (Debian, Ubuntu; as root)
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(APT_PACKAGES)

clean:  ## Remove what make made
	rm -rf $(VENV) $(TORCH_VENV) $(TF_VENV) $(LIB_VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
