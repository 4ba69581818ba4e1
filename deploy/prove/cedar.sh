#!/usr/bin/env bash
# Cedar's own analysis of the bundle's properties. It needs Rust; the first build takes half an hour.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! command -v cargo >/dev/null; then
  echo "prove-cedar: not run: there is no Rust here (cargo). lali policy prove does not need it"
  exit 0
fi
home=${LALI_PROVE_HOME:-.lali/prove}
mkdir -p "$home"
home=$(cd "$home" && pwd)
[ -x "$home/bin/cedar" ] || cargo install cedar-policy-cli --version '~4.14' --features analyze --locked --root "$home"
if [ ! -x "$home/venv/bin/python" ]; then
  .venv/bin/python -m venv "$home/venv"
  "$home/venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps --require-hashes \
    -r deploy/prove/requirements.txt
fi
printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$home/venv/bin/python" "$PWD/deploy/prove/cvc5_stdin.py" > "$home/cvc5"
chmod 700 "$home/cvc5"
.venv/bin/python deploy/prove/cedar.py "$home/bin/cedar" "$home/cvc5" "$@"
