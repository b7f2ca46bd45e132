# One way to build for everything, so that the programs, their tests and the demo share what is built: static, for this
# machine's architecture, in the release profile. Static programs run on any Linux.

SHELL := /bin/bash
START := $(shell date +%s)
TRIPLE := $(shell rustc -vV | sed -n 's/^host: //p')
BUILT := target/$(TRIPLE)/release
CARGO_FLAGS := --release --locked --workspace --target $(TRIPLE)
# How long each target is fuzzed, how many of them at a time, and which: all, if none is named.
FUZZ_SECONDS := 60
FUZZ_JOBS := 1
FUZZ_TARGETS :=
export RUSTFLAGS := -C target-feature=+crt-static
# Errors that tests return tell their story themselves.
export RUST_LIB_BACKTRACE := 0

# $(call stage,what it does,commands): runs the commands and says how long they took.
define stage
@echo "== $(1)"; SECONDS=0; if ( set -e; $(2) ); then echo "   took $$SECONDS s"; \
else echo "$@: FAILED after $$(( $$(date +%s) - $(START) )) s, at: $(1)"; exit 1; fi
endef
passed = @echo "$@: passed in $$(( $$(date +%s) - $(START) )) s"

.PHONY: help tools build demo test lint bench crash powercut tamper fuzz deny
.DEFAULT_GOAL := help

help: ## say what there is to make
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

tools: ## install the C compiler that some crates need (Debian's packages; as root)
	@command -v cc >/dev/null || { apt-get update -q && apt-get install -qy --no-install-recommends gcc libc6-dev; }

build: tools ## build the programs, static, into target/<triple>/release
	$(call stage,build the programs,cargo build $(CARGO_FLAGS) --bins)
	@ls -lh $(BUILT)/landfall $(BUILT)/landfall-bundler $(BUILT)/landfall-installer | awk '{ print "   " $$NF ": " $$5 }'

demo: build ## pack two tenants' images, land them on an isolated host, provision, talk to them (as root)
	@$(BUILT)/demo

test: build ## run all tests: unit tests, and those on isolated hosts (as root)
	$(call stage,install what the tests use,$(BUILT)/tools)
	$(call stage,build the tests,cargo test $(CARGO_FLAGS) --no-run --quiet)
	$(call stage,run the tests,cargo test $(CARGO_FLAGS) --no-fail-fast)
	$(passed)

lint: tools ## check formatting and lints; warnings are errors
	$(call stage,formatting,cargo fmt --all --check)
	$(call stage,lints,cargo clippy --release --locked --workspace --all-targets --target $(TRIPLE) -- -D warnings)
	$(passed)

bench: build ## measure speed and memory against the alternatives, with limits (as root)
	@$(BUILT)/bench

crash: build ## kill and fail every operation at every system call that changes the file system (as root)
	$(call stage,kill and fail everywhere,LANDFALL_CRASH_POINTS=all cargo test $(CARGO_FLAGS) --test crash -- --nocapture)
	$(passed)

powercut: build ## cut an emulated machine's power at random moments of update and rollback (as root)
	@$(BUILT)/powercut

tamper: build ## change a small bundle in every way there is, and have each refused (about twenty minutes)
	$(call stage,change everything,LANDFALL_TAMPER=all cargo test $(CARGO_FLAGS) --test tamper -- --nocapture)
	$(passed)

fuzz: tools ## fuzz every reader of outside input for a minute each (needs a nightly toolchain)
	@command -v cargo-fuzz >/dev/null || RUSTFLAGS= cargo install --locked cargo-fuzz
	$(call stage,fuzz every reader,cargo run --release --locked --target $(TRIPLE) -p landfall-readers --bin fuzz -- \
	$(FUZZ_SECONDS) $(FUZZ_JOBS) $(FUZZ_TARGETS))
	$(passed)

deny: tools ## check licences, advisories and sources of all dependencies (needs the network)
	@command -v cargo-deny >/dev/null || RUSTFLAGS= cargo install --locked cargo-deny
	$(call stage,dependencies,cargo deny check)
	$(passed)
