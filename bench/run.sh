#!/usr/bin/env bash
# Measures the release build against nginx and haproxy. Arguments go to measure.py; see README.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
missing=()
for tool in nginx:nginx-light haproxy:haproxy wrk:wrk h2load:nghttp2-client openssl:openssl python3:python3; do
    command -v "${tool%%:*}" >/dev/null || missing+=("${tool#*:}")
done
if [ "${#missing[@]}" -gt 0 ]; then
    printf 'missing; install with: apt-get install --no-install-recommends %s\n' "${missing[*]}" >&2
    exit 2
fi
case " $* " in
*' --testudo '*) ;;
*) cargo build --release --locked ;;
esac
exec python3 bench/measure.py "$@"
