# Every command of the project; `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test fuzz fuzz-build fuzz-keep build bench promises kafka lint fmt doc model model-quick toolchain libraries setup

DEBUG := target/debug
EXAMPLE := examples/quickstart
# Cargo's lock file is part of the project: nothing here changes a version. All connectors are built.
LOCKED := --locked --features wasm-sink/full

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

# One selection of packages for demo, build and test: Cargo unifies features over what is selected,
# and every other selection would compile the dependencies once more. (The demo does without Kafka, which asks
# for headers of the system: for the tests, zstd and what stands on it are compiled again.)
demo: toolchain ## Real records into a local Delta table: build, run, show
	@echo "1/3  compiling: about 20 minutes on two cores the first time, seconds later"
	@started=$$SECONDS; cargo build --locked --workspace --exclude wasm-sink-kafka; \
	echo "     compiled in $$((SECONDS - started)) s"
	@echo "2/3  $(DEBUG)/wasm-sink run $(EXAMPLE)/pipeline.toml: a second or two"
	@$(DEBUG)/wasm-sink run $(EXAMPLE)/pipeline.toml
	@echo "3/3  reading the table back with delta-rs"
	@$(DEBUG)/quickstart $(EXAMPLE)
	@echo
	@echo "Your own file next:"
	@echo "  $(DEBUG)/wasm-sink init path/to/data.jsonl --output pipeline.toml"
	@echo "  $(DEBUG)/wasm-sink run pipeline.toml"

# The network gives tools and servers while the cores compile.
test: toolchain libraries ## Every test; installs what they need, once per machine
	@echo "tools and servers of the tests: about five minutes the first time, beside the build"
	@tests/setup.sh >/dev/null & installing=$$!; \
	cargo build $(LOCKED) --workspace; \
	cargo test $(LOCKED) --workspace --no-run; \
	wait $$installing
	cargo test $(LOCKED) --workspace
	FUZZ_SEED=$${FUZZ_SEED:-1} FUZZ_SECONDS=$${FUZZ_SECONDS:-6} $(MAKE) fuzz

# Our own crates are compiled once more, in a way of their own; the dependencies are those of `make test`. Built-in
# components are not run: empty files will do.
FUZZ := WASM_SINK_COMPONENTS=$(CURDIR)/target/fuzz/components RUSTC_WORKSPACE_WRAPPER=$(CURDIR)/tests/fuzz/rustc.sh \
	cargo test $(LOCKED),wasm-sink-tests/fuzz --workspace --test fuzz

fuzz: fuzz-build ## libFuzzer over all that takes bytes, each for FUZZ_SECONDS=60
	$(FUZZ)

fuzz-build: toolchain libraries
	@mkdir -p target/fuzz/components
	@for name in $$(ls components); do [ -e target/fuzz/components/$$name.wasm ] || : >target/fuzz/components/$$name.wasm; done
	$(FUZZ) --no-run

fuzz-keep: ## Keeps inputs that `make fuzz` found and that reach more, in tests/fuzz/corpus
	FUZZ_KEEP=yes $(MAKE) fuzz

build: toolchain libraries ## The release binary: target/release/wasm-sink, with libduckdb beside it
	cargo build $(LOCKED) --release -p wasm-sink
	cp target/libduckdb/libduckdb.* target/release/

bench: toolchain libraries setup ## Speed and memory of the release binary, as ratios: minutes, once it is compiled
	cargo build $(LOCKED),wasm-sink/unlimited,wasm-sink-bench/kafka --release -p wasm-sink -p wasm-sink-bench
	$$(tests/setup.sh python | cut -d= -f2) tests/bench/run.py

promises: libraries ## Writes the table of destinations in README.md, from the kit in tests/conformance
	WASM_SINK_UPDATE_README=1 cargo test $(LOCKED) --workspace --test conformance -- the_readme

kafka: ## A Kafka broker on localhost:9092 until Ctrl-C, with the topic of examples/kafka-to-delta
	@! (: <>/dev/tcp/127.0.0.1/9092) 2>/dev/null || { echo "port 9092 is taken, perhaps by another broker" >&2; exit 1; }
	@tests/setup.sh kafka >/dev/null
	@mkdir -p target/kafka; : >target/kafka/log
	@tests/harness/kafka_broker.sh target/kafka 9092 >target/kafka/log 2>&1 & broker=$$!; \
	trap 'kill $$broker 2>/dev/null; wait $$broker || true' EXIT; trap 'exit 0' INT TERM; \
	until grep -q 'Kafka Server started' target/kafka/log; do \
		kill -0 $$broker 2>/dev/null || { tail -n 20 target/kafka/log >&2; exit 1; }; sleep 0.2; \
	done; \
	examples/kafka-to-delta/fill.sh localhost:9092 0; \
	echo "Kafka listens on localhost:9092 and has the topic orders. It keeps all in target/kafka. Ctrl-C ends it."; \
	wait $$broker

lint: toolchain libraries ## Formatting and lints, as CI checks them
	cargo fmt --all --check
	cargo clippy $(LOCKED),wasm-sink-bench/kafka,wasm-sink-tests/fuzz --workspace --all-targets -- -D warnings
	for script in tests/setup.sh tests/servers/*.sh tests/harness/*.sh tests/bench/*.sh examples/*/*.sh tests/fuzz/*.sh .ci/run; do bash -n $$script; done

fmt: ## Formats the code
	cargo fmt --all

doc: toolchain libraries ## The documentation of the code, private parts included: target/doc
	RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" cargo doc $(LOCKED) --workspace --no-deps --document-private-items

model: ## Checks the TLA+ models of the commit protocol: about 25 minutes
	tests/model/run.py

model-quick: ## A few small ones: three minutes
	tests/model/run.py --quick

# What all connectors link: for Kafka headers of the system, for DuckDB the library itself, in the folder that
# .cargo/config.toml names; DUCKDB_LIB_DIR in the environment is another.
libraries:
	@tests/setup.sh librdkafka >/dev/null
	@[ -n "$${DUCKDB_LIB_DIR:-}" ] || { mkdir -p target; \
	library=$$(tests/setup.sh libduckdb | cut -d= -f2); ln -sfn "$$library" target/libduckdb; }

setup: ## Installs what the tests need beside Rust
	@echo "tools and servers of the tests: about five minutes the first time, nothing later"
	@tests/setup.sh >/dev/null

# rustup does not always install what rust-toolchain.toml asks for (RUSTUP_AUTO_INSTALL=0), and a
# Rust that is not rustup's is left alone.
toolchain:
	@command -v cargo >/dev/null || { echo "Rust is missing: https://rustup.rs" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "A C compiler is missing. On Debian or Ubuntu: sudo apt-get install build-essential" >&2; exit 1; }
	@if command -v rustup >/dev/null && ! rustup target list --installed 2>/dev/null | grep -qx wasm32-wasip2; then \
		channel=$$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml); \
		echo "installing Rust $$channel with the target wasm32-wasip2"; \
		rustup toolchain install "$$channel" --no-self-update --profile minimal --component clippy,rustfmt --target wasm32-wasip2; \
	fi
