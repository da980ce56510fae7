# What people type. `make` alone lists it.

# Where scripts/prepare puts Rust, if it was not there.
export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)

# How long each fuzz target runs, in seconds.
FUZZ_SECONDS ?= 60

# `make fleet FLEET=--exit` ends when everything was shown.
FLEET ?=

.PHONY: help demo fleet test sdks console lint docs reference bench fuzz ci

help: ## Show this list
	@sed -n 's/^\([a-z]*\): .*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

demo: ## Send real deliveries through a gate, and show the answer to each
	@scripts/prepare
	@cargo run --locked --quiet -- demo --exit

fleet: ## Start three gates with PostgreSQL, Redis and a KMS emulator, and show them at work
	@scripts/fleet $(FLEET)

test: ## Run every test
	@scripts/prepare test
	@cargo test --locked --quiet --doc; doc=$$?; \
	cargo nextest run --locked; status=$$?; \
	[ $$doc = 0 ] || echo 'the documentation tests failed, see above' >&2; \
	[ $$doc = 0 ] && exit $$status || exit $$doc

sdks: ## Send deliveries that the providers' own SDKs signed, and show the answers
	@scripts/prepare test
	@cargo nextest run --locked --test integration senders:: --no-capture \
		>target/sdk/shown 2>target/sdk/said; \
	status=$$?; \
	printf '%-25s %-8s %-7s %-17s %-18s %s\n' SDK VERSION IN SENDER DELIVERY ANSWER; \
	sed -n 's/^| //p' target/sdk/shown; tail -n 3 target/sdk/said; \
	exit $$status

console: ## Drive the page of the console in a real browser
	@scripts/prepare console
	@cargo build --locked --quiet
	@npm --prefix tests/console ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@npm --prefix tests/console run --silent check
	@node tests/console/run.js

lint: ## Look at formatting, lints and documentation
	@scripts/prepare
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS=-Dwarnings cargo doc --locked --no-deps

docs: ## Build the book into target/book
	@scripts/prepare docs
	@scripts/book

reference: ## Write the generated parts of docs/reference
	@scripts/prepare
	@UPDATE_REFERENCE=1 cargo test --locked --quiet --test reference

bench: ## Measure: hashing, look-up, the gate alone, the proxy beside a bare Pingora
	@scripts/prepare
	cargo bench --locked

fuzz: ## Run every fuzz target for FUZZ_SECONDS (60) each
	@scripts/prepare fuzz
	@scripts/fuzz $(FUZZ_SECONDS)

ci: ## Run everything that has to hold before a merge
	@.ci/run
