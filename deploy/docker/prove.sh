#!/usr/bin/env bash
# Prove both Compose files on a machine that can pull no image: build a base from Debian's own
# packages, Lali's image and a Kafka image from it, run what is committed, publish and subscribe,
# by Kafka and HTTP, once without and once with TLS, ask every right, and take everything away again.
#
#   sudo deploy/docker/prove.sh
#
# Needs root, docker, docker-compose (1.29 or newer), curl and debootstrap, and what deploy/setup.sh
# makes. Starts an engine of its own where none answers. Some eight minutes on two cores, and 3 GB
# in the temporary folder.
# LALI_PROOF_BASE names an image with Python and Java that is there already, and saves minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."

project=lali-proof suite=bookworm python=.venv/bin/python
feed=samoa-tcu-investigate
work=$(mktemp -d /tmp/lali-proof.XXXXXX)
given=${LALI_PROOF_BASE:-} base=${LALI_PROOF_BASE:-lali-proof-base}
lali=lali-proof:lali kafka=lali-proof:kafka
packages=python3,python3-venv,openjdk-17-jre-headless
engine='' files=() began=$SECONDS

say() { printf 'prove: %4ds  %s\n' "$((SECONDS - began))" "$*" >&2; }
stop() { say "FAILED: $*"; exit 1; }
quietly() { "$@" >"$work/last.log" 2>&1 || { tail -40 "$work/last.log" >&2; stop "$1 ${2:-}"; }; }

compose() { docker-compose --project-directory "$work/context" -p "$project" "${files[@]}" "$@"; }

tidy() {
  local code=$?
  trap - EXIT
  if [ "${#files[@]}" -gt 0 ]; then
    [ "$code" = 0 ] || compose logs --no-color --tail 40 >&2 || true
    compose down -v --remove-orphans >/dev/null 2>&1 || true
  fi
  docker rmi -f "$lali" "$kafka" >/dev/null 2>&1 || true
  [ -n "$given" ] || docker rmi -f "$base" >/dev/null 2>&1 || true
  if [ -n "$engine" ]; then
    kill "$engine" 2>/dev/null || true
    wait "$engine" 2>/dev/null || true
  fi
  rm -rf "$work"
  exit "$code"
}
trap tidy EXIT

need() {
  local each
  [ "$(id -u)" = 0 ] || stop "run as root: debootstrap and the engine need it"
  for each in docker docker-compose debootstrap git curl; do
    command -v "$each" >/dev/null || stop "missing: $each (Debian: apt-get install docker.io docker-compose debootstrap git curl)"
  done
  [ -x "$python" ] || stop "run deploy/setup.sh first"
}

start_engine() {
  docker info >/dev/null 2>&1 && return
  say "no engine answers: one of our own"
  export DOCKER_HOST="unix://$work/engine.sock"
  dockerd --host "$DOCKER_HOST" --data-root "$work/data" --exec-root "$work/exec" \
    --pidfile "$work/engine.pid" >"$work/engine.log" 2>&1 &
  engine=$!
  for _ in $(seq 60); do
    docker info >/dev/null 2>&1 && return
    sleep 1
  done
  tail -20 "$work/engine.log" >&2
  stop "the engine did not start"
}

build_images() {
  export DOCKER_BUILDKIT=0
  mkdir "$work/context" "$work/kafka"
  git archive HEAD | tar -x -C "$work/context"
  if [ -z "$given" ]; then
    say "a base of Debian $suite"
    quietly debootstrap --variant=minbase --include="$packages" "$suite" "$work/base"
    tar -C "$work/base" --exclude=./var/cache/apt --exclude=./proc --exclude=./sys -c . |
      docker import - "$base" >/dev/null
    rm -rf "$work/base"
  fi
  say "Lali's image, from the locked wheels"
  quietly "$python" -m pip download -q --disable-pip-version-check --require-hashes \
    -r deploy/docker/runtime.lock -d "$work/context/deploy/docker/wheelhouse"
  quietly docker build -t "$lali" -f "$work/context/deploy/Dockerfile" \
    --build-arg LALI_BASE_IMAGE="$base" --build-arg PIP_OPTIONS=--no-index "$work/context"
  say "a Kafka image, from the jars that Maven resolved"
  cp -rL "$("$python" -c 'from broker.cluster.jars import cache_folder; print(cache_folder())')" "$work/kafka/jars"
  cp deploy/docker/kafka/run deploy/docker/kafka/log4j2.properties "$work/kafka/"
  quietly docker build -t "$kafka" -f deploy/docker/kafka/Dockerfile --build-arg JAVA_IMAGE="$base" "$work/kafka"
}

# As whoever holds the credentials of all units: with TLS that is `operator`.
lali_as() {
  local service=$1
  shift
  compose run --rm -T "$service" "$@"
}

await() {
  local what=$1
  shift
  for _ in $(seq 90); do
    if "$@" >"$work/last.log" 2>&1; then return; fi
    sleep 2
  done
  tail -20 "$work/last.log" >&2
  stop "$what"
}

file_is_there() { compose exec -T deliver sh -c "ls /var/lib/lali/$feed | grep -q json"; }

prove() {
  local name=$1 who=$2 role seen
  say "$name: up"
  compose up -d --no-build >"$work/last.log" 2>&1 || { tail -40 "$work/last.log" >&2; stop "$name: up"; }
  for role in accept route deliver gateway; do
    await "$name: $role is not well" compose exec -T "$role" python /opt/lali/healthy.py "$role"
  done
  say "$name: every role is well; publishing"
  quietly lali_as "$who" simulate --alerts 20 --publish
  await "$name: nothing was delivered" file_is_there
  seen=$(lali_as "$who" subscribe "$feed" --from-start --once --json 2>"$work/last.log" | wc -l)
  [ "$seen" -gt 0 ] || stop "$name: nothing to subscribe to"
  say "$name: $seen releases on $feed, and files delivered"
  by_http "$name"
}

# As README says: a newcomer's keys are made in the gateway's container.
key_for() { compose exec -T gateway lali gateway key add --unit "$1" --rights "$2" --days 30 2>/dev/null; }

by_http() {
  local name=$1 scheme=http url publisher reader id
  local draft='{"label": {"tlp": "AMBER", "source_type": "AGENCY", "minor": "NO", "consent": "NOT_APPLICABLE", "countries_origin": ["VU"], "countries_destination": ["WS"]}, "compartments": {"summary": {"headline": "SYNTHETIC: by HTTP"}}}'
  [ "$name" = plain ] || scheme=https
  url=$scheme://localhost:$LALI_GATEWAY_PORT
  [ "$name" = plain ] || compose exec -T gateway cat /var/lib/lali-credentials/ca.pem >"$work/ca.pem"
  publisher=$(key_for fiji-immigration publish,preview,follow)
  reader=$(key_for samoa-tcu read,acknowledge)
  id=$(asked "$scheme" -H "Authorization: Bearer $publisher" -H 'Content-Type: application/json' -d "$draft" "$url/v1/alerts" |
    sed -n 's/.*"alert_id":"\([^"]*\)".*/\1/p')
  [ -n "$id" ] || stop "$name: nothing was published by HTTP"
  shown() { asked "$scheme" -H "Authorization: Bearer $reader" "$url/v1/feeds/$feed/alerts/$id" | grep -q 'SYNTHETIC: by HTTP'; }
  await "$name: no content by HTTP" shown
  say "$name: published and read by HTTP, with keys for newcomers"
}

asked() {
  local scheme=$1
  shift
  if [ "$scheme" = https ]; then curl -sf --cacert "$work/ca.pem" "$@"; else curl -sf "$@"; fi
}

main() {
  need
  start_engine
  build_images
  export LALI_IMAGE=$lali LALI_KAFKA_IMAGE=$kafka LALI_KAFKA_PORT=${LALI_KAFKA_PORT:-19392} LALI_GATEWAY_PORT=${LALI_GATEWAY_PORT:-18440}
  files=(-f "$work/context/docker-compose.yml")
  prove plain accept
  compose down -v >/dev/null 2>&1
  files+=(-f "$work/context/deploy/docker/secure.yml")
  prove secure operator
  say "secure: asking every right"
  lali_as operator secure check 2>/dev/null | tail -1 >&2
  say "both are as they should be"
}

main "$@"
