#!/usr/bin/env bash
# Every check that needs no Kafka; the first that fails stops it.
set -euo pipefail
cd "$(dirname "$0")/.."
run() { printf '\n== %s\n' "$*"; "$@"; }
run .venv/bin/ruff format --check broker connectors tests benchmarks
run .venv/bin/ruff check broker connectors tests benchmarks
run .venv/bin/mypy
run .venv/bin/lint-imports
run .venv/bin/lali schema check
run .venv/bin/lali schema asyncapi --check
run .venv/bin/lali policy check
run .venv/bin/lali policy test
run .venv/bin/lali policy prove
run .venv/bin/lali policy prove --bundle policies/three-agencies
