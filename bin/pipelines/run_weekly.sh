#!/bin/bash
# run_weekly.sh [OPTIONS]: same as `orchestrator.sh weekly [OPTIONS]`.
set -e

self=$0
[[ $self == */* ]] || self=./$self
while [[ -L $self ]]; do
    link=$(readlink "$self")
    [[ $link == /* ]] || link=${self%/*}/$link
    self=$link
done
exec "${self%/*}/orchestrator.sh" weekly "$@"
