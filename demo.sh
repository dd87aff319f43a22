#!/bin/sh
# The whole story on a laptop, in half a minute and without a cluster: a Job whose image has a typo holds the quota of its
# queue while a registry is down. The enforcer fails the first pod, so that the next Job starts, and leaves the pod alone
# that waits for the registry.
#
# It runs the very enforcer that runs in a cluster against a simulated one whose time passes 60 times as fast.
# SIMULATOR and ENFORCER name the programs; they are built if they are not set.
set -eu
cd "$(dirname "$0")"
if [ -z "${SIMULATOR:-}" ] || [ -z "${ENFORCER:-}" ]; then
    cargo build --quiet --locked --package pullstop-simulator --package pullstop-enforcer
    built="${CARGO_TARGET_DIR:-target}/debug"
    SIMULATOR="$built/simulator"
    ENFORCER="$built/enforcer"
fi

work=$(mktemp -d)
trap 'kill "${enforcer:-}" "${simulator:-}" 2>/dev/null || true; rm -rf "$work"' EXIT INT TERM

"$SIMULATOR" serve scenarios/demo.yaml --speed "${SPEED:-60}" --write-kubeconfig "$work/kubeconfig" &
simulator=$!
while [ ! -s "$work/kubeconfig" ]; do
    kill -0 "$simulator"
    sleep 0.1
done

KUBECONFIG="$work/kubeconfig" "$ENFORCER" run --simulated --no-lease \
    --policy docs/examples/enforce.yaml --listen 127.0.0.1:0 2>"$work/enforcer.log" &
enforcer=$!

# It ends with the scenario, and says whether all came as expected.
wait "$simulator" && came=0 || came=$?
kill "$enforcer"
echo
echo "What the enforcer said of its verdict:"
grep 'verdict deed=' "$work/enforcer.log" | sed 's/^/  /'
exit "$came"
