# One way to build the programs, their tests on real hosts and the demo, so that they share what is built: static, for this
# machine's architecture, in the release profile. Static programs run on any Linux. `make check` alone uses the dev profile.

SHELL := /bin/bash
START := $(shell date +%s)
TRIPLE := $(shell rustc -vV | sed -n 's/^host: //p')
BUILT := target/$(TRIPLE)/release
# Manual pages and completions of the programs, as in any prefix: the bundler packs them from there.
SHARE := target/$(TRIPLE)/share
CARGO_FLAGS := --release --locked --workspace --target $(TRIPLE)
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
# What a distribution is called.
DIST := landfall-$(VERSION)-linux-$(patsubst aarch64%,arm64,$(patsubst x86_64%,amd64,$(TRIPLE)))
PROGRAMS := landfall landfall-bundler landfall-installer
# The minisign key that signs a distribution.
SIGN_KEY :=
# How long each target is fuzzed, how many of them at a time, and which: all, if none is named.
FUZZ_SECONDS := 60
FUZZ_JOBS := 1
FUZZ_TARGETS :=
# No path of the machine that builds is in a program: the same commit gives the same bytes in any folder.
CARGO_HOME ?= $(HOME)/.cargo
export RUSTFLAGS := -C target-feature=+crt-static --remap-path-prefix=$(CARGO_HOME)=cargo --remap-path-prefix=$(CURDIR)=landfall
# Errors that tests return tell their story themselves.
export RUST_LIB_BACKTRACE := 0

# $(call stage,what it does,commands): runs the commands up to the first that fails, and says how long they took.
define stage
@echo "== $(1)"; SECONDS=0; ( set -e; $(2) ); status=$$?; if [ $$status = 0 ]; then echo "   took $$SECONDS s"; \
else echo "$@: FAILED after $$(( $$(date +%s) - $(START) )) s, at: $(1)"; exit $$status; fi
endef
passed = @echo "$@: passed in $$(( $$(date +%s) - $(START) )) s"

.PHONY: help toolchain tools build pages check doc demo test bench crash powercut tamper fuzz deny dist
.DEFAULT_GOAL := help

help: ## say what there is to make
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

toolchain: # one line instead of a page of errors, where the compiler is too old (Debian's own is)
	@needed=$$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml); found=$$(rustc --version 2>/dev/null | cut -d' ' -f2); \
	printf '%s\n' "$$needed" "$${found:-0}" | sort -CV || { echo "Landfall needs Rust $$needed or later, and finds $${found:-none}:" \
	"install it with rustup (https://rustup.rs), or take the programs from a release's tarball"; exit 1; }

tools: toolchain ## install the C compiler that some crates need (Debian's packages; as root)
	@command -v cc >/dev/null || { apt-get update -q && apt-get install -qy --no-install-recommends gcc libc6-dev; }

build: tools ## build the programs, static, into target/<triple>/release
	$(call stage,build the programs,cargo build $(CARGO_FLAGS) --bins)
	$(call stage,manual pages and completions,$(MAKE) --silent pages)
	@ls -lh $(BUILT)/landfall $(BUILT)/landfall-bundler $(BUILT)/landfall-installer | awk '{ print "   " $$NF ": " $$5 }'

pages: $(SHARE).stamp # of the programs that are built, from their own command lines

# Made anew only after the programs: tests build them again while others pack.
$(SHARE).stamp: $(addprefix $(BUILT)/,$(PROGRAMS))
	@rm -rf $(SHARE) $(SHARE).new && mkdir -p $(SHARE).new/{man/man1,bash-completion/completions,zsh/site-functions,fish/vendor_completions.d}
	@set -e; cd $(SHARE).new; for program in $(PROGRAMS); do run=$(CURDIR)/$(BUILT)/$$program; $$run man --out man/man1; \
	$$run completions bash > bash-completion/completions/$$program; \
	$$run completions zsh > zsh/site-functions/_$$program; \
	$$run completions fish > fish/vendor_completions.d/$$program.fish; done
	@mv $(SHARE).new $(SHARE) && touch $@

check: export RUSTFLAGS :=
# Some tests wait for a time limit of the program.
check: export RUST_TEST_THREADS := 4
check: tools ## format, lints and every test that needs neither root nor network, in the dev profile
	$(call stage,formatting,cargo fmt --all --check)
	$(call stage,lints,cargo clippy --locked --workspace --all-targets -- -D warnings)
	$(call stage,tests,cargo test --locked --workspace --exclude landfall-tests --quiet -- --skip needs_root:: --skip needs_tools::)
	$(call stage,the tree and its documents,cargo test --locked --package landfall-tests --test tree --quiet)
	$(passed)

doc: export RUSTFLAGS :=
doc: tools ## build the documentation of all crates; warnings are errors
	$(call stage,documentation,RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items)
	$(passed)

demo: build ## pack two tenants' images, land them on an isolated host, provision, talk to them (as root)
	@$(BUILT)/demo

# Tests on hosts wait more than they compute.
test: export RUST_TEST_THREADS := 4
test: build ## run all tests: unit tests, and those on isolated hosts (as root)
	$(call stage,build the tests; beside it install what they use and build their images,$(BUILT)/tools & \
	cargo test $(CARGO_FLAGS) --no-run --quiet || { wait; exit 1; }; wait $$!)
	$(call stage,run the tests on hosts; beside them those of the crates (printed after them), \
	cargo test $(CARGO_FLAGS) --no-fail-fast --exclude landfall-tests >target/crates.log 2>&1 & failed=0; \
	cargo test $(CARGO_FLAGS:--workspace=--package landfall-tests) --no-fail-fast || failed=1; \
	wait $$! || failed=1; cat target/crates.log; exit $$failed)
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

deny: tools ## check licences, bans and sources of all dependencies; with ADVISORIES=1 known holes too, from a database in the network
	@command -v cargo-deny >/dev/null || RUSTFLAGS= cargo install --locked cargo-deny
	$(call stage,dependencies,cargo deny --locked --log-level error check --hide-inclusion-graph licenses bans sources)
	$(if $(ADVISORIES),$(call stage,advisories,cargo deny check advisories))
	$(passed)

# Everything in it bears the time of the commit, in seconds since 1970.
dist: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
dist: build ## make what users download: one tarball and its checksums in target/dist, signed by minisign with SIGN_KEY=FILE
	@command -v cargo-cyclonedx >/dev/null || RUSTFLAGS= cargo install --locked cargo-cyclonedx
	@rm -rf target/dist && mkdir -p target/dist/$(DIST)/{bin,sbom}
	$(call stage,programs and documents,cd target/dist/$(DIST); cp $(addprefix $(CURDIR)/$(BUILT)/,$(PROGRAMS)) bin/; \
	cp $(addprefix $(CURDIR)/,LICENSE README.md CHANGELOG.md) .; cp -r $(CURDIR)/manifests/examples $(CURDIR)/docs $(CURDIR)/$(SHARE) .)
	$(call stage,bills of materials,cargo cyclonedx --quiet --format json --spec-version 1.5 --describe binaries --no-build-deps --target $(TRIPLE); \
	for program in $(PROGRAMS); do sed 's|file://$(CURDIR)|file:///landfall|' */$${program}_bin.cdx.json > target/dist/$(DIST)/sbom/$$program.cdx.json; done; \
	find . -path ./target -prune -o -name '*_bin.cdx.json' -exec rm {} +)
	$(call stage,tarball,cd target/dist; chmod -R a+rX $(DIST); chmod -R go-w $(DIST); \
	tar --create --format=ustar --sort=name --mtime=@$$SOURCE_DATE_EPOCH --owner=0 --group=0 --numeric-owner $(DIST) | gzip -9n > $(DIST).tar.gz; \
	sha256sum $(DIST).tar.gz > SHA256SUMS; (cd $(DIST)/bin && sha256sum *) >> SHA256SUMS; rm -r $(DIST))
	$(if $(SIGN_KEY),$(call stage,signature,minisign -S -s $(SIGN_KEY) -t "landfall $(VERSION)" -m target/dist/SHA256SUMS))
	@cat target/dist/SHA256SUMS
	$(passed)
