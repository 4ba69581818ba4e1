#!/usr/bin/env bash
# Make everything ready that `make demo` and `make test` need: Python's virtual environment with
# the locked dependencies, and Kafka's jars. Does nothing where all is there already.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'lali setup: %s\n' "$*" >&2; }
stop() { say "$*"; exit 1; }

# As root on Debian, install what is missing; elsewhere say in one line how to get it.
debian_packages() {
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing $*"
    if ! DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null 2>&1; then
      apt-get update -qq >/dev/null 2>&1 || stop "apt-get update failed"
      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null || stop "could not install $*"
    fi
  else
    stop "missing: $1. Install it (Debian: apt-get install $*) and try again"
  fi
}

python_ok() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
java_ok() {
  local found
  command -v java >/dev/null || return 1
  found=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -1) || true
  [ "${found:-0}" -ge 17 ]
}

find_python() {
  local name
  for name in ${LALI_PYTHON:-} python3.11 python3.12 python3.13 python3; do
    if command -v "$name" >/dev/null && python_ok "$name"; then echo "$name"; return; fi
  done
}

python=$(find_python)
if [ -z "$python" ]; then debian_packages python3 python3-venv; python=$(find_python); fi
[ -n "$python" ] || stop "Python 3.11 or newer is missing: install it and try again"

stamp=.venv/.lali-lock
wanted=$(cat requirements.lock pyproject.toml | sha256sum | cut -d' ' -f1)
if [ "$(cat "$stamp" 2>/dev/null || true)" != "$wanted" ]; then
  "$python" -c 'import venv, ensurepip' 2>/dev/null || debian_packages python3-venv
  say "installing locked dependencies into .venv"
  [ -x .venv/bin/python ] || "$python" -m venv .venv
  .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
  .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
  echo "$wanted" > "$stamp"
fi

java_ok || debian_packages openjdk-17-jre-headless
java_ok || stop "Java 17 or newer is missing: install it (Debian: apt-get install openjdk-17-jre-headless) and try again"
if ! .venv/bin/python -c 'import sys; from broker.cluster.jars import cache_folder; sys.exit(not cache_folder().is_dir())'; then
  command -v mvn >/dev/null || debian_packages maven
  say "resolving Kafka's jars through Maven, once"
  .venv/bin/python -m broker kafka jars >/dev/null
fi
