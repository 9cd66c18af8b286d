#!/usr/bin/env bash
# Runs the same calls on two etcd v3 endpoints and compares the answers field by
# field: what the client prints, on both streams, and its exit status.
#
#   tests/etcd_compare.sh REFERENCE SUBJECT [-v]
#
# as in `tests/etcd_compare.sh 127.0.0.1:12379 127.0.0.1:2379`, the first being
# etcd. Needs etcdctl 3.4 and curl. Both endpoints are written to: every key
# from "compare/" on is deleted, and history is compacted.
#
# Normalised: ids and raft terms are masked; revisions are counted from where
# each endpoint stood at the start, so neither has to be fresh. Masked too where
# `endpoint status` and `member list` report them: version, sizes, indexes,
# names and addresses. In answers of the Cluster API (tests/etcd_compare_members.txt
# lists the calls) ids are masked in text, too, and lines are sorted, as members are
# listed by ids that are random; and what the gateway of etcd 3.4 answers with
# HTTP's 412 counts as the 400 that later ones answer. Nothing else. (Where several keys tie in a sort, etcd's order
# is arbitrary; no call here asks for that.)
set -u

REFERENCE=${1:?usage: tests/etcd_compare.sh REFERENCE SUBJECT [-v]}
SUBJECT=${2:?usage: tests/etcd_compare.sh REFERENCE SUBJECT [-v]}
VERBOSE=${3:-}
export ETCDCTL_API=3
unset ETCDCTL_ENDPOINTS
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

ctl() { # ENDPOINT ARGS...
    local endpoint=$1
    shift
    etcdctl --endpoints="$endpoint" --command-timeout=10s "$@"
}

revision() { # ENDPOINT
    ctl "$1" get compare -w json | sed -E 's/.*"revision":([0-9]+).*/\1/'
}

# One field a line, masked. $1: revision at the start.
normalise() {
    grep -v '^{"level"' | tr -d '\r' | awk -v base="$1" '
        {
            # Both spaces and the quotes around the gateway'"'"'s numbers are layout.
            gsub(/[{}\[\]]/, "\n&\n"); gsub(/,"/, "\n\"")
            n = split($0, lines, "\n")
            for (i = 1; i <= n; i++) {
                line = lines[i]
                if (line == "" || line == ",") continue
                sub(/,$/, "", line)
                if (match(line, /^"(revision|create_revision|mod_revision)":"?/)) {
                    head = substr(line, 1, RLENGTH); value = substr(line, RLENGTH + 1)
                    quote = sub(/"$/, "", value) ? "\"" : ""
                    line = head "@" (value - base) quote
                }
                sub(/^"(cluster_id|member_id|raft_term|raftTerm|leader|ID)":"?[0-9]+"?/, "&#", line)
                if (line ~ /#$/) sub(/[0-9]+"?#$/, "ID", line)
                if (line ~ /^"(version":"[0-9.]+"$|dbSize|dbSizeInUse|raftIndex|raftAppliedIndex|Endpoint|name)"?/)
                    sub(/:.*/, ":MASKED", line)
                gsub(/http:\/\/[a-z0-9.]+:[0-9]+/, "URL", line)
                if (match(line, /^compacted revision /))
                    line = substr(line, 1, RLENGTH) "@" (substr(line, RLENGTH + 1) - base)
                sub(/took = .*/, "took = TIME", line)
                sub(/^[a-z0-9.]+:[0-9]+ is healthy/, "ENDPOINT is healthy", line)
                print line
            }
        }'
}

# Compares two raw outputs, $work/a and $work/b.
judge() { # NAME
    normalise "$base_a" <"$work/a" >"$work/a.fields"
    normalise "$base_b" <"$work/b" >"$work/b.fields"
    if diff "$work/a.fields" "$work/b.fields" >"$work/diff"; then
        passed=$((passed + 1))
        [ -z "$VERBOSE" ] || { echo "same    $1"; sed 's/^/            /' "$work/a.fields"; }
    else
        failed=$((failed + 1))
        echo "DIFFERS $1   (< $REFERENCE, > $SUBJECT)"
        sed 's/^/            /' "$work/diff"
    fi
}

# `@N` in an argument or in the input is the Nth revision since the start.
at() { # BASE TEXT
    local text=$2
    while [[ $text =~ ^(.*)@([0-9]+)(.*)$ ]]; do
        text="${BASH_REMATCH[1]}$(($1 + BASH_REMATCH[2]))${BASH_REMATCH[3]}"
    done
    printf '%s' "$text"
}

run() { # OUT BASE ENDPOINT INPUT ARGS...
    local out=$1 base=$2 endpoint=$3 input=$4 args=() arg
    shift 4
    for arg in "$@"; do args+=("$(at "$base" "$arg")"); done
    at "$base" "$input" >"$work/input"
    ctl "$endpoint" "${args[@]}" <"$work/input" >"$work/$out" 2>&1
    echo "exit $?" >>"$work/$out"
}

# An etcdctl call.
same() { # ARGS...
    input=${input:-}
    run a "$base_a" "$REFERENCE" "$input" "$@"
    run b "$base_b" "$SUBJECT" "$input" "$@"
    judge "etcdctl $*${input:+ <<< ${input@Q}}"
    input=
}

both() { # a read, in both formats
    same "$@"
    same "$@" -w json
}

txn() { # INPUT [ARGS...]
    input=$1
    shift
    same txn "$@"
}

post() { # PATH BODY
    local side base
    for side in a b; do
        if [ $side = a ]; then base=$base_a endpoint=$REFERENCE; else base=$base_b endpoint=$SUBJECT; fi
        curl -s -m 10 -w '\nstatus %{http_code}\n' "http://$endpoint$1" \
            -d "$(at "$base" "$2")" >"$work/$side" 2>&1
    done
    judge "curl $1 -d $2"
}

b64() { printf '%s' "$1" | base64 -w0; }

for endpoint in "$REFERENCE" "$SUBJECT"; do
    ctl "$endpoint" del compare/ --from-key >/dev/null || { echo "cannot use $endpoint" >&2; exit 2; }
done
base_a=$(revision "$REFERENCE")
base_b=$(revision "$SUBJECT")

# --- put, get ---------------------------------------------------------------
same put compare/a 1                     # @1
same put compare/a 2 -w json             # @2
same put compare/a 3 --prev-kv           # @3
same put compare/a 4 --prev-kv -w json   # @4
same put compare/b "" --prev-kv -w json  # @5
same put compare/c 'spaced out "quoted"' # @6
both get compare/a
both get compare/b
both get compare/c
both get compare/missing
both get compare/a --print-value-only
both get compare/a --rev=@1
both get compare/a --rev=@2
both get compare/a --rev=@4
both get compare/a --rev=@999
both get compare/a --rev=-1
both get compare/a --consistency=s
same put "" x
both get ""
same put compare/a --ignore-value            # @7
same put compare/a --ignore-value -w json    # @8
same put compare/missing --ignore-value
same put compare/missing x --ignore-lease
same put compare/a x --ignore-lease -w json  # @9
same put compare/a x --lease=7b
same put compare/a x --lease=0 -w json       # @10

# --- ranges -----------------------------------------------------------------
for i in 1 2 3 4 5 6 7 8 9; do # @11 to @19
    same put "compare/r/$i" "$(((i * 7) % 10))" -w json
done
same put compare/r/3 x -w json # @20
same put compare/r/1 x -w json # @21
for format in simple json; do
    same get compare/r/ --prefix -w $format
    same get compare/r/ --prefix --keys-only -w $format
    same get compare/r/ --prefix --count-only -w $format
    same get compare/r/3 compare/r/6 -w $format
    same get compare/r/6 compare/r/3 -w $format
    same get compare/r/3 compare/r/3 -w $format
    same get compare/r/7 --from-key -w $format
    same get compare/r/ --prefix --limit=3 -w $format
    same get compare/r/ --prefix --limit=9 -w $format
    same get compare/r/ --prefix --limit=100 -w $format
    same get compare/r/ --prefix --limit=3 --count-only -w $format
    same get compare/r/ --prefix --limit=4 --rev=@15 -w $format
    for target in CREATE KEY MODIFY VALUE VERSION; do
        for order in ASCEND DESCEND; do
            same get compare/r/ --prefix --sort-by=$target --order=$order -w $format
            same get compare/r/ --prefix --sort-by=$target --order=$order --limit=4 -w $format
        done
        same get compare/r/ --prefix --sort-by=$target -w $format
        same get compare/r/ --prefix --sort-by=$target --limit=4 -w $format
    done
done
same get compare/r/ --prefix --sort-by=NOTHING
same get compare/r/ --prefix --order=NOTHING

# --- del --------------------------------------------------------------------
same del compare/missing
same del compare/missing -w json
same del compare/a --prev-kv                # @22
both get compare/a
same put compare/a again -w json            # @23
both get compare/a
same del compare/r/8 compare/s --prev-kv -w json # @24
same del compare/r/7 -w json                # @25
same del compare/r/3 compare/r/3 -w json
same del ""
both get compare/r/ --prefix --rev=@23
both get compare/r/ --prefix --rev=@24

# --- txn --------------------------------------------------------------------
txn $'value("compare/a") = "again"\n\nput compare/t 1\nget compare/t\nget compare/a\n\nput compare/t 2\n\n' # @26
txn $'value("compare/a") = "never"\n\nput compare/t 1\n\nput compare/t 2\nget compare/t\n\n' -w json # @27
txn $'version("compare/a") = "1"\nmod("compare/a") > "1"\ncreate("compare/a") < "99999999"\n\nget compare/a\n\nget compare/b\n\n' -w json
txn $'version("compare/none") = "0"\n\nput compare/u first\n\nget compare/u\n\n' -w json # @28
txn $'version("compare/none") != "0"\n\nget compare/u\n\nget compare/a\n\n' -w json
txn $'value("compare/none") = ""\n\nget compare/u\n\nget compare/a\n\n' -w json
txn $'value("compare/none") != "x"\n\nget compare/u\n\nget compare/a\n\n' -w json
txn $'mod("compare/a") = "@23"\n\nget compare/a\n\nget compare/none\n\n' -w json
txn $'\n\n\n' -w json
txn $'\nput compare/t 1\nput compare/t 2\n\n\n' -w json
txn $'\nput compare/t 1\ndel compare/t\n\n\n' -w json
txn $'\ndel compare/t\nput compare/t 1\n\n\n' -w json
txn $'\nput compare/v 1\ndel compare/t\nget compare/t\nget compare/v\nput compare/w 2\n\n\n' -w json # @29
txn $'\ndel compare/none\n\n\n' -w json
txn $'\nget compare/a --rev=@999\n\n\n' -w json
txn $'\nput compare/x 1\nget compare/a --rev=@999\n\n\n' -w json
both get compare/x
many=$(for i in $(seq 1 128); do echo "put compare/many/$i v"; done)
txn $'\n'"$many"$'\n\n\n' # @30
txn $'\n'"$many"$'\nput compare/many/129 v\n\n\n'
same get compare/many/ --prefix --count-only -w json

# --- compaction -------------------------------------------------------------
same compaction @999
same compaction @20
same get compare/a --rev=@19
same get compare/a --rev=@20 -w json
same get compare/r/ --prefix --rev=@20 -w json
same get compare/r/ --prefix --rev=@21 -w json
same compaction @20
same compaction @10
same compaction @25 --physical
same get compare/r/ --prefix --rev=@24
same get compare/r/ --prefix --rev=@25 -w json
txn $'\nget compare/a --rev=@3\n\n\n' -w json
same compaction 0
same compaction nonsense

# --- limits -----------------------------------------------------------------
head -c 1500000 /dev/zero | tr '\0' x >"$work/large"
head -c 1600000 /dev/zero | tr '\0' x >"$work/too-large"
head -c 2200000 /dev/zero | tr '\0' x >"$work/far-too-large"
for size in large too-large far-too-large; do
    for side in a b; do
        if [ $side = a ]; then endpoint=$REFERENCE; else endpoint=$SUBJECT; fi
        ctl "$endpoint" put compare/large <"$work/$size" -w json 2>&1 | sed 's/target":"[^"]*"//' >"$work/$side"
    done
    judge "etcdctl put compare/large < $size"
done
same get compare/large --count-only -w json
same del compare/large -w json

# --- the JSON gateway -------------------------------------------------------
a=$(b64 compare/a) n=$(b64 compare/nested) m=$(b64 compare/other)
post /v3/kv/put "{\"key\":\"$n\",\"value\":\"$(b64 v)\"}"
post /v3/kv/put "{\"key\":\"$n\",\"value\":\"$(b64 w)\",\"prev_kv\":true}"
post /v3/kv/range "{\"key\":\"$n\"}"
post /v3/kv/range "{\"key\":\"$n\",\"revision\":\"@999\"}"
post /v3/kv/range "{\"key\":\"$n\",\"revision\":\"@3\"}"
post /v3/kv/range "{\"key\":\"$(b64 compare/r/)\",\"range_end\":\"$(b64 compare/r0)\",\"limit\":\"2\",\"sort_order\":\"DESCEND\",\"sort_target\":\"MOD\"}"
post /v3/kv/range "{\"key\":\"$(b64 compare/)\",\"range_end\":\"AA==\",\"count_only\":true}"
post /v3/kv/range "{\"key\":\"$(b64 compare/)\",\"range_end\":\"AA==\",\"keys_only\":true,\"min_mod_revision\":\"@29\",\"max_create_revision\":\"@29\"}"
post /v3/kv/range '{"key":""}'
post /v3/kv/range '{}'
post /v3/kv/range "{\"key\":\"$a\",\"nobody_knows_this\":1}"
post /v3/kv/put "{\"key\":\"$a\",\"value\":\"$a\",\"ignore_value\":true}"
post /v3/kv/put "{\"key\":\"$a\",\"lease\":\"5\",\"ignore_lease\":true}"
post /v3/kv/txn "{\"compare\":[{\"result\":\"EQUAL\",\"target\":\"VERSION\",\"key\":\"$n\",\"version\":\"2\"}],\"success\":[{\"request_put\":{\"key\":\"$m\",\"value\":\"$a\"}},{\"request_range\":{\"key\":\"$m\"}}]}"
post /v3/kv/txn "{\"success\":[{\"request_txn\":{\"success\":[{\"request_put\":{\"key\":\"$m\",\"value\":\"$n\",\"prev_kv\":true}},{\"request_range\":{\"key\":\"$m\"}}]}},{\"request_delete_range\":{\"key\":\"$n\",\"prev_kv\":true}}]}"
post /v3/kv/txn "{\"success\":[{\"request_txn\":{\"success\":[{\"request_range\":{\"key\":\"$m\"}}]}}]}"
post /v3/kv/txn '{"success":[{}]}'
post /v3/kv/txn "{\"compare\":[{\"key\":\"\"}]}"
post /v3/kv/txn "{\"compare\":[{\"key\":\"$(b64 compare/r/)\",\"range_end\":\"$(b64 compare/r0)\",\"target\":\"MOD\",\"result\":\"GREATER\",\"mod_revision\":\"@10\"}]}"
post /v3/kv/deleterange "{\"key\":\"$m\",\"prev_kv\":true}"
post /v3/kv/deleterange "{\"key\":\"$m\"}"
post /v3/kv/compaction '{"revision":"@999"}'
post /v3/kv/compaction '{"revision":"@20"}'
post /v3/kv/nothing '{}'

# --- the cluster ------------------------------------------------------------
same endpoint health
same endpoint status -w json
# One member of each: how many there are is the clusters' own affair.
for side in a b; do
    if [ $side = a ]; then endpoint=$REFERENCE; else endpoint=$SUBJECT; fi
    ctl "$endpoint" member list -w json | sed -E 's/(\}),\{"ID".*/\1]}/' >"$work/$side"
done
judge "etcdctl member list -w json, the first member"

# Members are the same by their kinds, not by their order or their ids.
judge_members() { # NAME
    local side
    for side in a b; do
        sed -E -i -e 's/^status 412$/status 400/' \
            -e 's/^("(ClusterID|MemberID|RaftTerm|ID)" :) [0-9]+$/\1 ID/' \
            -e 's/ [0-9a-f]{14,16}\b/ HEXID/g' \
            -e 's/^("Name" :) "[^"]+"$/\1 "NAME"/' "$work/$side"
        # One item a line, sorted: what is told of each stays, in which order does not.
        grep -v '^{"level"' "$work/$side" | sed -E 's/[][{},]/\n/g' | sed '/^ *$/d' >"$work/items"
        normalise 0 <"$work/items" | sort >"$work/$side"
    done
    judge "$1"
}

member_id() { # ENDPOINT DECIMAL-OR-HEX FILTER
    local ids
    ids=$(curl -s -m 10 "http://$1/v3/cluster/member/list" -d '{}' | sed 's/},{/}\n{/g')
    case $3 in
    self) ids=$(curl -s -m 10 "http://$1/v3/cluster/member/list" -d '{}' | sed -E 's/.*"member_id":"([0-9]+)".*/\1/') ;;
    learner) ids=$(grep '"isLearner":true' <<<"$ids" | sed -E 's/.*"ID":"([0-9]+)".*/\1/') ;;
    esac
    if [ "$2" = hex ]; then printf '%x' "${ids:-0}"; else echo "${ids:-0}"; fi
}

self_url() { # ENDPOINT
    local id
    id=$(member_id "$1" decimal self)
    curl -s -m 10 "http://$1/v3/cluster/member/list" -d '{}' | sed 's/},{/}\n{/g' |
        grep "\"ID\":\"$id\"" | sed -E 's/.*"peerURLs":\["([^"]+)".*/\1/'
}

members() {
    local line kind call side endpoint ids learner
    declare -A learner=([a]=0 [b]=0)
    while read -r line; do
        case $line in '' | '#'*) continue ;; esac
        for side in a b; do
            if [ $side = a ]; then endpoint=$REFERENCE; else endpoint=$SUBJECT; fi
            ids=decimal
            case $line in ctl*) ids=hex ;; esac
            # The last one that was added, also when it is gone.
            local now
            now=$(member_id "$endpoint" decimal learner)
            [ "$now" = 0 ] || learner[$side]=$now
            call=${line//\{url\}/$(self_url "$endpoint")}
            call=${call//\{self\}/$(member_id "$endpoint" $ids self)}
            if [ $ids = hex ]; then
                call=${call//\{learner\}/$(printf '%x' "${learner[$side]}")}
            else
                call=${call//\{learner\}/${learner[$side]}}
            fi
            read -r kind call <<<"$call"
            if [ "$kind" = ctl ]; then
                # shellcheck disable=SC2086 # one word each
                ctl "$endpoint" $call >"$work/$side" 2>&1
                echo "exit $?" >>"$work/$side"
            else
                curl -s -m 10 -w '\nstatus %{http_code}\n' \
                    "http://$endpoint/v3/cluster/member/${call%% *}" -d "${call#* }" >"$work/$side" 2>&1
            fi
        done
        judge_members "$line"
    done <"$(dirname "$0")/etcd_compare_members.txt"
}

# A cluster whose members can't change says so of one that does not exist, too.
if curl -s -m 10 "http://$SUBJECT/v3/cluster/member/promote" -d '{"ID":"1"}' | grep -q '"code":12'; then
    echo "members not compared: those of $SUBJECT can't be changed"
else
    members
fi

echo "$passed calls answered alike, $failed differently"
[ "$failed" -eq 0 ]
