#!/bin/bash
# run_backfill.sh [START [END]] [OPTIONS]: the mode backfill from 2020-01-01 until today, kept until all of it is done.
# `tetra backfill continue` goes on with one that was cut short. OPTIONS are those of `backfill`.
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

start=2020-01-01
case ${1-} in -*) ;; *) start=${1:-$start}; [[ $# -eq 0 ]] || shift ;; esac
end=$(date +%Y-%m-%d)
case ${1-} in -*) ;; *) end=${1:-$end}; [[ $# -eq 0 ]] || shift ;; esac

tetra backfill --mode backfill --only all --progress plain --from "$start" --to "$end" "$@"
