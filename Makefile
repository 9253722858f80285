# `make` alone lists the targets.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

GO        ?= go
GOARCH    ?= arm64
FUZZTIME  ?= 60s
PROVETIME ?= 2h
PYTHON    ?= python3
CHROMIUM  ?= /usr/bin/chromium
DEPLOY    ?= --guided
# A policy and its entities, to be packed beside each bootstrap.
POLICY    ?=
ENTITIES  ?=
# How many mutants make prove makes: more may find a test that is missing.
MUTANTS   ?= 8
# The parts of make prove; empty for all of them.
PART      ?=
MODULE      := github.com/interlock-functions/interlock
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
PLATFORMS   := linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64,windows/arm64
ACTIONLINT  := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
GORELEASER  := github.com/goreleaser/goreleaser/v2@v2.16.0

# The version that is stamped into every artefact. `sam build` may copy the
# tree without .git, so that it can be given from outside.
BUILD_VERSION ?= $(or $(shell git describe --tags --always --dirty 2>/dev/null),unknown)
export BUILD_VERSION

# Folders that start with a dot hold no code of ours.
GOFILES = $$(find . -name '*.go' -not -path './.*')

# Every folder with a file of its own name is a deployed function; nothing else
# lists them.
FUNCTIONS := $(foreach f,$(notdir $(patsubst %/,%,$(wildcard functions/*/))),$(if $(wildcard functions/$f/$f.go),$f))

# -trimpath, no build id of the machine and no cgo: the same tree gives the same bytes anywhere.
# The tags leave out what no function uses; see docs/benchmarks.md.
build-bootstrap = GOOS=linux GOARCH=$(2) CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -tags lambda.norpc,validator_novalidatefn \
	-ldflags='-s -w -X $(MODULE)/internal/$(4).version=$(BUILD_VERSION)' -o $(1)/bootstrap ./cmd/$(3)
build-lambda = $(call build-bootstrap,$(1),$(GOARCH),lambda,lambdahost)

# What INTERLOCK_POLICY=file:… names there.
pack = $(if $(POLICY)$(ENTITIES),install -m 644 $(POLICY) $(ENTITIES) $(1)/)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# `make PATH=…` would leave no command to be found: what was given is kept, and
# PATH is again what make itself was started with.
ifeq ($(origin PATH),command line)
URLPATH := $(PATH)
override PATH := $(shell while IFS= read -r -d '' v; do [[ $$v == PATH=* ]] && echo "$${v:5}"; done </proc/$$PPID/environ)
endif

.PHONY: run
run: ## Start everything locally, flip each switch once, then serve on 127.0.0.1:8080
	@tools/foreground $(GO) run ./cmd/interlock run

.PHONY: demo
demo: ## The same on a free port; ends by itself, exit 0 if every event came
	@$(GO) run ./cmd/interlock demo

.PHONY: test
test: ## Every test that needs Go alone, with vet and format
	@unformatted=$$(gofmt -l $(GOFILES)); \
	if [[ -n $$unformatted ]]; then echo "not formatted, run make fmt:" $$unformatted; exit 1; fi
	$(GO) vet ./...
	$(GO) test -race -vet=off -count=1 -shuffle=on -p 4 -parallel 8 -timeout 13m ./...
	$(GO) test -count=1 -run 'Crashes|MutantsFit' ./internal/proof
	for example in othervendor notices; do (cd examples/$$example && $(GO) vet ./... && $(GO) test -race -count=1 ./...); done

.PHONY: verify
verify: .venv/aws/.done .venv/checkov/.done .venv/sdks/.done tools/page/node_modules/.done ## Everything else: linters, template, built artefacts, the page in Chromium, emulators of AWS, Huawei's SDKs
	@# Two at a time, for the page above all only waits. No tool is installed meanwhile: some of them copy the tree.
	$(MAKE) --no-print-directory --output-sync=target -j2 verify-source verify-page verify-emulated verify-template verify-sdks

.PHONY: verify-source
verify-source: # Module files tidy, static analysis with every build tag, the workflows
	$(GO) mod verify
	$(GO) mod tidy -diff
	$(GO) vet -tags verify,prove,release ./...
	$(GO) run $(STATICCHECK) -tags verify,prove,release ./...
	GOOS=windows $(GO) vet ./cmd/interlock
	$(GO) run $(ACTIONLINT) -shellcheck= -pyflakes=

.PHONY: verify-emulated
verify-emulated: build .venv/aws/.done # Tests in files of the tag verify, which need built artefacts or an emulator; and all of them with a switch more
	files=$$(grep -l '^//go:build .*verify' $(GOFILES)); \
	names=$$(sed -n 's/^func \(Test[A-Za-z0-9_]*\)(.*/\1/p' $$files | sort -u | paste -sd'|'); \
	tools/emulators/run $(GO) test -tags verify -count=1 -p 4 -timeout 15m -run "^($$names|TestAnotherSwitch)$$" $$(dirname $$files | sort -u)

.PHONY: verify-template
verify-template: build .venv/aws/.done .venv/checkov/.done # What AWS's own tools say of template.yaml
	tools/lint-template

.PHONY: verify-sdks
verify-sdks: .venv/sdks/.done # Huawei's own Go and Python SDKs as clients of `interlock sim`
	cd tools/sdks && $(GO) mod verify && $(GO) mod tidy -diff && $(GO) vet . && PYTHON=$(CURDIR)/.venv/sdks/bin/python $(GO) test -count=1

.PHONY: verify-page
verify-page: tools/page/node_modules/.done # The page in Chromium
	$(GO) build -o build/interlock ./cmd/interlock
	cd tools/page && PROGRAM=$(CURDIR)/build/interlock CHROMIUM=$(CHROMIUM) SCREENSHOTS=$(SCREENSHOTS) node --test page.test.mjs

.PHONY: screenshots
screenshots: ## The pictures of the page that docs/ and README show, made by its tests
	$(MAKE) verify-page SCREENSHOTS=$(CURDIR)/docs

.PHONY: prove
prove: ## All long proofs within PROVETIME, each fuzz target for FUZZTIME; PART=proofs,emulated,sdks,model,mutants,fuzz for some
	@GO=$(GO) MUTANTS=$(MUTANTS) $(GO) run ./tools/prove -time $(PROVETIME) -fuzztime $(FUZZTIME) -part '$(PART)'

.PHONY: model
model: tools/model/node_modules/.done ## Check the model of the protocol, and each of its rules by taking it out (needs Node.js)
	$(GO) run ./tools/model -samples 2000 -shorten 200 -page docs/model.md
	$(GO) run ./tools/model -traces internal/proof/testdata/traces.json.gz

.PHONY: model-quick
model-quick: tools/model/node_modules/.done # The same without a page to write, for which counterexamples are shortened
	$(GO) run ./tools/model -samples 1000

tools/model/node_modules/.done: tools/model/package-lock.json
	npm ci --prefix $(@D)/.. --ignore-scripts --no-audit --no-fund
	touch $@

.PHONY: bench
bench: ## The benchmarks, with their comparison in one run
	$(GO) test -run '^$$' -bench . -benchmem ./...
	-$(MAKE) .venv/peers/.done bench/peers/node/dist/peer.mjs
	$(GO) run ./bench -page docs/benchmarks.md

.PHONY: bench-growth
bench-growth: ## What a ledger costs as it grows to a million decisions; takes 10 GB of disk
	$(GO) run ./bench/growth -page docs/capacity.md

bench/peers/node/dist/peer.mjs: bench/peers/node/package-lock.json $(wildcard bench/peers/node/*.mjs)
	cd bench/peers/node && npm ci --ignore-scripts --no-audit --no-fund && npm run build

.PHONY: build
build: $(FUNCTIONS:%=build/%/bootstrap) ## build/<name>/bootstrap for each function (linux/arm64; GOARCH=amd64 to change; POLICY=… ENTITIES=… beside it)

# All functions are one artefact, which their Handler tells apart.
$(FUNCTIONS:%=build/%/bootstrap): build/bootstrap
	@rm -rf $(@D) && mkdir -p $(@D)
	cp $< $@
	$(call pack,$(@D))

# Always run: Go's own cache knows better what is up to date.
.PHONY: build/bootstrap
build/bootstrap: check-policy
	$(call build-lambda,build)

# One for all of its functions, too; FunctionGraph runs amd64.
.PHONY: build-functiongraph
build-functiongraph: check-policy ## build/functiongraph/bootstrap, every function for Huawei Cloud's FunctionGraph
	@rm -rf build/functiongraph && mkdir -p build/functiongraph
	$(call build-bootstrap,build/functiongraph,amd64,functiongraph,functiongraph)
	$(call pack,build/functiongraph)

.PHONY: check-policy
check-policy: # What is packed would start
	$(if $(POLICY),$(GO) run ./cmd/interlock policy check $(POLICY) $(if $(ENTITIES),--entities $(ENTITIES)))

# What `sam build` calls, with the function's logical id in template.yaml.
build-%Function:
	$(call build-lambda,$(ARTIFACTS_DIR))
	$(call pack,$(ARTIFACTS_DIR))

.PHONY: deploy
deploy: .venv/aws/.done check-policy ## Build with SAM and deploy to AWS, asking for each parameter (DEPLOY="…" for other options)
	.venv/aws/bin/sam build
	tools/stamp-release .aws-sam/build/template.yaml
	.venv/aws/bin/sam deploy $(DEPLOY)

# The first time, the tools are compiled: give it half an hour.
.PHONY: release-check
release-check: release ## Make what a release consists of, publish nothing, and look at it; on a tree without changes
	cd tools/image && $(GO) mod verify && $(GO) mod tidy -diff && $(GO) vet .
	$(GO) test -tags release -count=1 -timeout 30m ./internal/release

# Everything is in build/release, the image as an OCI layout in build/release/image.
.PHONY: release
# What is there of modules is looked at first: `go run` of a version would ask the network which others there are.
release: export GOPROXY := file://$(shell $(GO) env GOMODCACHE)/cache/download,$(shell $(GO) env GOPROXY)
release:
	mkdir -p build
	$(GO) run ./tools/notices -platforms $(PLATFORMS) ./cmd/... >build/NOTICES.txt
	GOFLAGS= $(GO) run $(GORELEASER) check --quiet
	$(GO) run $(GORELEASER) release --snapshot --clean --skip=publish,announce
	$(GO) run -C tools/image . -out $(CURDIR)/build/release/image -version $(BUILD_VERSION) \
		-revision "$$(git rev-parse HEAD)" -created "$$(git log -1 --format=%ct)" \
		-doc $(CURDIR)/LICENSE,$(CURDIR)/build/NOTICES.txt \
		linux/amd64=$(CURDIR)/build/release/interlock_linux_amd64_v1/interlock \
		linux/arm64=$(CURDIR)/build/release/interlock_linux_arm64_v8.0/interlock >build/release/image.digest

.PHONY: new-switch
new-switch: ## Make the folder of a switch: NAME=… METHOD=… PATH=… and, once known, OPERATION=… MEMBER=… JOB=yes
	$(GO) run ./internal/generate/folders -name '$(or $(NAME),?)' -method '$(METHOD)' -path '$(URLPATH)' \
		-operation '$(OPERATION)' -member '$(MEMBER)' -job '$(JOB)' .
	$(GO) generate ./...

.PHONY: fmt
fmt: ## Format the Go files
	gofmt -w $(GOFILES)

.PHONY: clean
clean: ## Remove what was built, and the linters
	rm -rf build .aws-sam .venv tools/page/node_modules tools/model/node_modules bench/peers/node/node_modules bench/peers/node/dist

tools/page/node_modules/.done: tools/page/package-lock.json
	@command -v npm >/dev/null && test -x $(CHROMIUM) || \
		{ echo "npm and Chromium are needed (Debian: apt-get install npm chromium), or CHROMIUM=/path/to/one"; exit 1; }
	cd tools/page && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

# An environment is done when everything in its list is installed.
.venv/aws/.done: tools/requirements.txt
.venv/checkov/.done: tools/requirements-checkov.txt
.venv/sdks/.done: tools/requirements-sdks.txt
.venv/peers/.done: tools/requirements-peers.txt
.venv/%/.done:
	@$(PYTHON) -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later with venv is needed (Debian: apt-get install python3-venv), or PYTHON=/path/to/one"; exit 1; }
	rm -rf $(@D)
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $<
	$(@D)/bin/pip check
	touch $@
