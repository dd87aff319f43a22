#!/bin/sh
# A demonstration without a cluster, in half a minute. It explains what happens.
#
# It runs the real enforcer against a simulated cluster. Variables:
#   SIMULATOR, ENFORCER  the programs; built if not set
#   PROFILE              Cargo's profile to build them with, `dev` or `test`; `dev` by default
#   SPEED                how many times faster the cluster's clock is than yours; 60 by default
set -eu
cd "$(dirname "$0")"
scenario=scenarios/demo.yaml
policy=docs/examples/enforce.yaml
speed="${SPEED:-60}"

stop() {
    echo "demo.sh: $1" >&2
    exit 1
}

case "$speed" in
    '' | 0* | *[!0-9]* | ??????*)
        stop "SPEED is \`$speed\`: it must be a whole number from 1 on, such as SPEED=10"
        ;;
esac

cat <<EOF
Pullstop in $((1800 / speed)) s: a simulated cluster with a typo and an outage, and the enforcer.

  Job typo      its image has a typo (train:v11 instead of v1), so its pod can never start
  Job next      has a good image, but waits in the same queue, which has room for one Job
  pod tool      has a good image too, but its registry is down from 1m to 16m
  the cluster   is simulated, and its clock is $speed times as fast as yours ($scenario)
  the enforcer  is the one that runs in real clusters, with the policy $policy

Watch for typo-0: it is set to Failed (ImagePullFailed) after about 2m, so its Job fails and next starts. The pulls
of tool fail just as often, but for a transient cause: it is not touched, and runs at about 18m. Ctrl-C stops everything.
kubectl works in another terminal, with the KUBECONFIG below.

EOF

if [ -z "${SIMULATOR:-}" ] || [ -z "${ENFORCER:-}" ]; then
    command -v cargo >/dev/null ||
        stop "cargo is missing: install Rust from https://rustup.rs, or name the programs: SIMULATOR=… ENFORCER=… ./demo.sh"
    echo "Building both programs: some minutes the first time, seconds after that."
    # With the features that the tests have: with their profile, nothing is compiled twice.
    cargo build --locked --workspace --bins --profile "${PROFILE:-dev}" ||
        stop "building the programs failed; see the error above"
    echo
    built="${CARGO_TARGET_DIR:-target}/debug"
    SIMULATOR="${SIMULATOR:-$built/simulator}"
    ENFORCER="${ENFORCER:-$built/enforcer}"
fi
for program in "$SIMULATOR" "$ENFORCER"; do
    command -v "$program" >/dev/null || stop "there is no program $program: see SIMULATOR and ENFORCER in demo.sh"
done

work=$(mktemp -d)
simulator='' enforcer=''
clean_up() {
    trap '' INT TERM
    for process in $enforcer $simulator; do
        kill "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap clean_up EXIT
trap 'echo; echo "Stopped."; exit 130' INT
trap 'exit 143' TERM

"$SIMULATOR" serve "$scenario" --speed "$speed" --write-kubeconfig "$work/kubeconfig" &
simulator=$!
while [ ! -s "$work/kubeconfig" ]; do
    kill -0 "$simulator" 2>/dev/null || stop "the simulated cluster did not start; see the error above"
    sleep 0.1
done

KUBECONFIG="$work/kubeconfig" "$ENFORCER" run --simulated --no-lease \
    --policy "$policy" --listen 127.0.0.1:0 2>"$work/enforcer.log" &
enforcer=$!

# It ends with the scenario, and its exit code says whether all expectations were met.
wait "$simulator" && came=0 || came=$?
if ! kill -0 "$enforcer" 2>/dev/null; then
    tail -n 5 "$work/enforcer.log" >&2
    stop "the enforcer ended early; see its last log lines above"
fi

verdict=$(grep -m 1 'verdict action="fail"' "$work/enforcer.log") || {
    tail -n 5 "$work/enforcer.log" >&2
    stop "the enforcer has failed no pod; see its last log lines above"
}
# The trail is the last field, and the only one with quotes and spaces in it.
trail=$(printf '%s\n' "$verdict" | sed "s/.* trail=\"//; s/\\\\\"/'/g; s/\".*//; s/; /\\
/g")
field() {
    printf '%s\n' "${verdict%% trail=*}" | sed "s/.* $1=\"\\{0,1\\}\\([^ \"]*\\).*/\\1/"
}

cat <<EOF

Why $(field namespace)/$(field pod) was failed, as the enforcer logged it:
  image     $(field image)
  cause     $(field cause)
  failures  $(field failures), within $(field since_first_failure)
  rule      $(field rule)
$(printf '%s\n' "$trail" | sed 's/^/  /')

What to try next:
  # The same run as a picture:
  $SIMULATOR timeline $scenario --out demo.html
  # Many other faults, and the expected outcome of each:
  $SIMULATOR run scenarios
  # Slower, with time for kubectl:
  SPEED=6 ./demo.sh
  # What would happen in the cluster of your kubeconfig (read-only):
  $ENFORCER scan
EOF
exit "$came"
