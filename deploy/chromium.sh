#!/usr/bin/env bash
# The browser with which `make test` looks at the form and the reference. As root on Debian it is
# installed; where it cannot be had, those tests say that they did not run, and why.
set -euo pipefail

say() { printf 'lali setup: %s\n' "$*" >&2; }

command -v chromium >/dev/null && exit 0
command -v chromium-browser >/dev/null && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  say "no Chromium: the tests in a browser will not run (Debian: apt-get install chromium)"
  exit 0
fi
say "installing chromium"
export DEBIAN_FRONTEND=noninteractive
install() { apt-get install -y -qq chromium >/dev/null 2>&1; }
if ! install; then
  apt-get update -qq >/dev/null 2>&1 || true
  install || say "could not install chromium: the tests in a browser will not run"
fi
