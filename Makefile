# "make run" shows what Bongsu is, "make test" checks everything. "make help" lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

GO ?= go
NPM ?= npm
FUZZTIME ?= 1m
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)

# The linter is pinned in tools/go.mod and built once into Go's build cache.
LINT := $(GO) tool -modfile=tools/go.mod golangci-lint

# Every fuzz target as "package name", by their sources: go test -fuzz takes one at a time.
FUZZ_TARGETS = grep -rEo '^func Fuzz\w+' --include='*_test.go' --exclude-dir=node_modules . | sed -E 's|(.*)/[^/]*:func (.*)|\1 \2|' | sort

WEB_SOURCES := $(shell find web/src web/public web/*.html web/*.json web/*.ts -type f 2>/dev/null)
MODULES := web/node_modules/.package-lock.json
DIST := web/dist/index.html

# Clients that "make interop" tries, by their Debian packages.
CLIENTS := chromium firefox-esr python3-aiortc python3-gi python3-numpy gir1.2-gst-plugins-bad-1.0 gstreamer1.0-libav \
  gstreamer1.0-nice gstreamer1.0-plugins-bad gstreamer1.0-plugins-base gstreamer1.0-plugins-good

.PHONY: help run build web lint test test-go test-fuzz test-web test-e2e interop bench fuzz clean machine machine-interop

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16

run: build ## build everything and serve a demo (ARGS="--listen :80" for more options)
	@exec bin/bongsu serve --demo $(ARGS)

build: $(DIST) ## build bin/bongsu, one static binary with the pages in it
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/bongsu ./cmd/bongsu

web: $(DIST) ## build the pages and player.js into web/dist

$(DIST): $(MODULES) $(WEB_SOURCES)
	@cd web && $(NPM) run --silent build
	@touch web/dist/.gitkeep $@

$(MODULES): web/package.json web/package-lock.json
	@cd web && PUPPETEER_SKIP_DOWNLOAD=1 $(NPM) ci --no-progress
	@touch $@

lint: $(DIST) ## look for mistakes in the Go code and the front end
	@$(LINT) run ./...
	@cd web && $(NPM) run --silent lint && $(NPM) run --silent typecheck
	@cd web && node_modules/.bin/biome ci --error-on-warnings --config-path=. ../interop && node_modules/.bin/tsc -p ../interop

test: machine machine-interop lint test-go test-fuzz test-web test-e2e interop ## everything: lint, Go tests with the race detector, front end, real browsers, real clients
	@echo "All tests passed."

test-go: $(DIST) # the seeds of the fuzz targets are part of it
	@$(GO) test -race -parallel 8 -timeout 8m ./...

# Each target runs 3,000 inputs: a new parser is tried on more than its seeds. They are counted and not timed, since go test may
# take the end of the time for a failure.
test-fuzz: $(DIST)
	@$(MAKE) fuzz FUZZTIME=3000x | grep -v '^fuzz: elapsed'

test-web: $(MODULES)
	@cd web && $(NPM) run --silent test

test-e2e: build
	@cd web && $(NPM) run --silent e2e && E2E_TRANSPORT=pc $(NPM) run --silent e2e -- live files

interop: machine-interop build ## real clients, each publishing and playing: aiortc, GStreamer, Chromium, Firefox (CASES="firefox VP8" for some)
	@timeout 15m node interop/run.mjs $(CASES)

bench: build ## measure: time to the first frame, viewers per core
	@$(GO) test -run '^$$' -bench . -benchmem ./...
	@bin/bongsu bench self
	@cd web && $(NPM) run --silent bench

fuzz: ## run each fuzz target for FUZZTIME (1m)
	@$(FUZZ_TARGETS) | while read -r package target; do \
	  echo "$$target $$package"; \
	  $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x -vet=off $$package </dev/null; \
	done

clean: ## remove what was built
	@rm -rf bin web/node_modules web/e2e/out
	@find web/dist -mindepth 1 ! -name .gitkeep -delete

# What the tests need of the machine: a C compiler for the race detector, and for the pages a browser with Korean letters;
# "make interop" needs the clients.
machine machine-interop:
	@missing=(); \
	if [ $@ = machine-interop ]; then \
	  for package in $(CLIENTS); do \
	    [ "$$(dpkg-query -Wf "\$${db:Status-Status}" $$package 2>/dev/null)" = installed ] || missing+=($$package); \
	  done; \
	else \
	  command -v gcc >/dev/null || missing+=(gcc libc6-dev); \
	  command -v chromium >/dev/null || missing+=(chromium); \
	  [ -n "$$(fc-list :lang=ko 2>/dev/null)" ] || missing+=(fontconfig fonts-nanum); \
	fi; \
	[ $${#missing[@]} -gt 0 ] || exit 0; \
	sudo=(); \
	if [ "$$(id -u)" -ne 0 ]; then sudo=(sudo -n); fi; \
	if ! command -v apt-get >/dev/null || ! "$${sudo[@]}" true 2>/dev/null; then \
	  echo "The tests need what is not on this machine, and this account may not install it. Please run:"; \
	  echo "  sudo apt-get install $${missing[*]}"; \
	  exit 1; \
	fi; \
	"$${sudo[@]}" apt-get update -qq; \
	"$${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$${missing[@]}"
