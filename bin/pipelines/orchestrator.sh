#!/bin/bash
# orchestrator.sh [MODE | backfill [START [END]]] [OPTIONS]: runs a mode (default: full) and logs in plain lines.
# OPTIONS are those of `tetra run`.
set -e

self=$0
[[ $self == */* ]] || self=./$self
while [[ -L $self ]]; do
    link=$(readlink "$self")
    [[ $link == /* ]] || link=${self%/*}/$link
    self=$link
done
# shellcheck source-path=SCRIPTDIR source=_home.sh
. "${self%/*}/_home.sh"

mode=full
case ${1-} in -*) ;; *) mode=${1:-$mode}; [[ $# -eq 0 ]] || shift ;; esac

if [[ $mode == backfill ]]; then
    start=2020-01-01
    case ${1-} in -*) ;; *) start=${1:-$start}; [[ $# -eq 0 ]] || shift ;; esac
    end=$(date +%Y-%m-%d)
    case ${1-} in -*) ;; *) end=${1:-$end}; [[ $# -eq 0 ]] || shift ;; esac
    set -- --start-date "$start" --end-date "$end" "$@"
fi

tetra run --mode "$mode" --progress plain "$@"
