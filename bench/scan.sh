#!/usr/bin/env bash
# Measures `testudo scan` beside other tools on the same packages, round by round in turn: CPU seconds and peak memory.
#
#   bench/scan.sh [--rounds N] [--testudo FILE] [--androguard PYTHON] [--baksmali JAR] PACKAGE...
#
# --androguard names a Python that has androguard; --baksmali a baksmali jar (or one with its main class). A tool that is
# not named is left out. Needs GNU time (Debian: time).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rounds=5 testudo=target/release/testudo androguard='' baksmali='' packages=()
while [ $# -gt 0 ]; do
    case "$1" in
    --rounds | --testudo | --androguard | --baksmali)
        declare "${1#--}=${2:?$1 needs a value}"
        shift 2
        ;;
    -*)
        sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
        exit 2
        ;;
    *)
        packages+=("$1")
        shift
        ;;
    esac
done
[ "${#packages[@]}" -gt 0 ] || { echo "name at least one package" >&2; exit 2; }
[ -x /usr/bin/time ] || { echo "missing; install with: apt-get install --no-install-recommends time" >&2; exit 2; }
[ -x "$testudo" ] || cargo build --release --locked
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# measure TOOL PACKAGE COMMAND...: CPU seconds and KiB of one run go to a file of the tool and package.
measure() {
    local tool=$1 package=$2
    shift 2
    # Exit codes tell findings; only the measurement counts here.
    /usr/bin/time -f '%U %S %M' -o "$scratch/one" "$@" >/dev/null 2>&1 || true
    tail -n 1 "$scratch/one" | awk '{ print $1 + $2, $3 }' >>"$scratch/$tool:$(basename "$package")"
}

analyze='import sys; from androguard.misc import AnalyzeAPK; AnalyzeAPK(sys.argv[1])'
for ((round = 1; round <= rounds; round++)); do
    for package in "${packages[@]}"; do
        measure testudo "$package" "$testudo" scan "$package" --fail-on none --detail quiet
        [ -z "$androguard" ] || measure androguard "$package" "$androguard" -c "$analyze" "$package"
        [ -z "$baksmali" ] || {
            measure baksmali "$package" java -jar "$baksmali" d "$package" -o "$scratch/out"
            rm -rf "$scratch/out"
        }
    done
done
printf '%-12s %-36s %10s %10s %10s %10s\n' tool package 'CPU s' least most 'peak MiB'
for file in "$scratch"/*:*; do
    name=$(basename "$file")
    sort -n "$file" | awk -v tool="${name%%:*}" -v package="${name#*:}" '
        { cpu[NR] = $1; if ($2 > peak) peak = $2 }
        END { printf "%-12s %-36s %10.2f %10.2f %10.2f %10.0f\n", tool, package, cpu[int((NR + 1) / 2)], cpu[1], cpu[NR], peak / 1024 }'
done
