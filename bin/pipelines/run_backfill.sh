#!/bin/bash
# run_backfill.sh [START [END]] [OPTIONS]: same as `orchestrator.sh backfill [START [END]] [OPTIONS]`.
set -e

self=$0
[[ $self == */* ]] || self=./$self
while [[ -L $self ]]; do
    link=$(readlink "$self")
    [[ $link == /* ]] || link=${self%/*}/$link
    self=$link
done
exec "${self%/*}/orchestrator.sh" backfill "$@"
