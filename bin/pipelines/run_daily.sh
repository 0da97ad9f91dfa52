#!/bin/bash
# run_daily.sh [OPTIONS]: same as `orchestrator.sh daily [OPTIONS]`.
set -e

self=$0
[[ $self == */* ]] || self=./$self
while [[ -L $self ]]; do
    link=$(readlink "$self")
    [[ $link == /* ]] || link=${self%/*}/$link
    self=$link
done
exec "${self%/*}/orchestrator.sh" daily "$@"
