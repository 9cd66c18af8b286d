#!/bin/sh
# Opens sample reports in a headless Chromium (Debian: apt-get install chromium) and asserts that each
# draws itself without an error. Usage: crates/report/tests/browser.sh [DIR for pages and screenshots]
set -eu
cd "$(dirname "$0")/../../.."
dir=${1:-$(mktemp -d)}
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
cargo run -q -p quorate-report --example samples -- "$dir"
dir=$(cd "$dir" && pwd)

browse() {
    timeout 180 chromium --headless --no-sandbox --disable-gpu --no-first-run \
        --disable-background-networking --disable-component-update --disable-sync \
        --user-data-dir="$profile" --enable-logging=stderr --virtual-time-budget=20000 "$@"
}

fail() {
    echo "FAILED $1: $2" >&2
    exit 1
}

# page NAME HASH ATTRIBUTE...: the page's root element must have these attributes, and no error.
page() {
    name=$1 hash=$2
    shift 2
    browse --window-size=1400,1200 --dump-dom "file://$dir/$name.html$hash" >"$dir/$name.dom" 2>"$dir/$name.log"
    root=$(grep -m1 -o '<html[^>]*>' "$dir/$name.dom")
    if grep -q 'CONSOLE' "$dir/$name.log"; then fail "$name" "$(grep CONSOLE "$dir/$name.log")"; fi
    case $root in *data-error*) fail "$name" "$root" ;; esac
    for attribute; do
        case $root in *"$attribute"*) ;; *) fail "$name" "no $attribute in $root" ;; esac
    done
    if [ -n "${SCREENSHOTS:-}" ]; then
        browse --window-size=1400,1900 --screenshot="$dir/$name.png" "file://$dir/$name.html$hash" 2>/dev/null
    fi
    echo "ok $name$hash $root"
}

says() {
    grep -q -- "$2" "$dir/$1.dom" || fail "$1" "does not say: $2"
}

page small '#e5' 'data-ready="run"' 'data-events="10"' 'data-undrawn="0"'
says small '<h3>e5: '
page middle '' 'data-ready="run"' 'data-events="5000"'
says middle 'arrows not drawn at this zoom'
page middle '#e60&t=0-120000000' 'data-ready="run"' 'data-undrawn="0"'
says middle '+log ends at 7'
page large '#e75000' 'data-ready="run"' 'data-events="100000"'
says large 'StateMachineSafety'
page driven '' 'data-ready="run"' 'data-driven="ok"'
page hostile '' 'data-ready="run"'
# A run that was simulated, with all that a world shows.
cargo run -q -p quorate -- simulate --replay 2 --html "$dir/simulated.html" >/dev/null
page simulated '' 'data-ready="run"'
says simulated 'every property held'
page simulated '#e900' 'data-ready="run"'
says simulated '<h3>e900: '
# What the lab measured and played: a table, one run of a cell, a story, the detectors' curves.
lab() {
    cargo run -q -p quorate -- "$@" >/dev/null 2>"$dir/lab.log" || fail "$*" "$(cat "$dir/lab.log")"
}
lab matrix --protocols raft,pbft --seeds 2 --html "$dir/measured.html"
page measured '#c1' 'data-ready="matrix"' 'data-cells="160"'
says measured '2 protocols under 20 failure models and 4 timing models'
says measured 'quorate matrix --replay'
lab scenario run dual-leader --html "$dir/story.html"
page story '' 'data-ready="run"'
says story 'wakes up as a leader'
lab detectors --hours 1 --html "$dir/curves.html"
page curves '' 'data-ready="detectors"'
says curves 'Hayashibara'
page matrix '#c22' 'data-ready="matrix"' 'data-cells="140"'
says matrix 'within the protocol.s contract'
page detectors '#p1.3' 'data-ready="detectors"' 'data-points="14"'
says detectors '<h3>phi accrual, 4 × RTT</h3>'
says detectors 'class="aside"'
# The suite itself must be able to fail: a page whose script has an error.
sed 's/^drawAll();$/drawNothing();/' "$dir/small.html" >"$dir/broken.html"
if (page broken '' 'data-ready="run"') >/dev/null 2>&1; then fail broken 'an error went unseen'; fi
echo "all pages ready; pages in $dir"
