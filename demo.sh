#!/bin/sh
# The whole story on a laptop, in half a minute and without a cluster; it says itself what there is to see.
#
# It runs the very enforcer that runs in a cluster against a simulated one. Variables:
#   SIMULATOR, ENFORCER  the programs; what is not named is built
#   SPEED                how many times as fast as yours the cluster's time passes: 60
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
        stop "SPEED is \`$speed\`, and has to be a whole number from 1 on, such as SPEED=10"
        ;;
esac

cat <<EOF
Pullstop in $((1800 / speed)) s: a cluster with a typo and an outage in it, and the enforcer.

  Job typo      its image has a typo (train:v11, it means v1): its pod can never start
  Job next      has a good image, but waits in the same queue, which has room for one Job
  pod tool      has a good image too, but its registry is down from 1m to 16m
  the cluster   is simulated, and its time passes $speed times as fast as yours ($scenario)
  the enforcer  is the one that runs in real clusters, with the policy $policy

Watch for typo-0: it is set to Failed (ImagePullFailed) after about 2m, so its Job ends and next starts. The pulls of
tool fail just as often, but for a cause that heals: it is left alone, and runs at about 18m. Ctrl-C stops it all.
Meanwhile kubectl works in another terminal, with the KUBECONFIG below; the enforcer is there already.

EOF

if [ -z "${SIMULATOR:-}" ] || [ -z "${ENFORCER:-}" ]; then
    command -v cargo >/dev/null ||
        stop "cargo is missing: install Rust from https://rustup.rs, or name the programs: SIMULATOR=… ENFORCER=… ./demo.sh"
    echo "Building both programs: some minutes the first time, seconds after that."
    # With the features that the tests have: nothing is compiled twice.
    cargo build --locked --workspace --bins ||
        stop "the programs could not be built; the error stands above"
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
    kill -0 "$simulator" 2>/dev/null || stop "the simulated cluster did not start; the error stands above"
    sleep 0.1
done

KUBECONFIG="$work/kubeconfig" "$ENFORCER" run --simulated --no-lease \
    --policy "$policy" --listen 127.0.0.1:0 2>"$work/enforcer.log" &
enforcer=$!

# It ends with the scenario, and says whether all came as expected.
wait "$simulator" && came=0 || came=$?
if ! kill -0 "$enforcer" 2>/dev/null; then
    tail -n 5 "$work/enforcer.log" >&2
    stop "the enforcer has ended before its time; its last words stand above"
fi

verdict=$(grep -m 1 'verdict action="fail"' "$work/enforcer.log") || {
    tail -n 5 "$work/enforcer.log" >&2
    stop "the enforcer has failed no pod; its last words stand above"
}
# The trail is the last of the fields, and the only one with quotes and spaces in it.
trail=$(printf '%s\n' "$verdict" | sed "s/.* trail=\"//; s/\\\\\"/'/g; s/\".*//; s/; /\\
/g")
field() {
    printf '%s\n' "${verdict%% trail=*}" | sed "s/.* $1=\"\\{0,1\\}\\([^ \"]*\\).*/\\1/"
}

cat <<EOF

Why $(field namespace)/$(field pod) was failed, in the enforcer's own words:
  image     $(field image)
  cause     $(field cause)
  failures  $(field failures), within $(field since_first_failure)
  rule      $(field rule)
$(printf '%s\n' "$trail" | sed 's/^/  /')

What to try next:
  # The same as a picture:
  $SIMULATOR timeline $scenario --out demo.html
  # Many other faults, and what is expected of the policy in each:
  $SIMULATOR run scenarios
  # More slowly, with time for kubectl:
  SPEED=6 ./demo.sh
  # What would happen in the cluster of your kubeconfig; it only reads:
  $ENFORCER scan
EOF
exit "$came"
