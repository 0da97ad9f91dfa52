#!/bin/bash
# run_full_pipeline.sh [OPTIONS]: the four stages once, without retries, told step by step.
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

tetra run --mode weekly --progress steps --notify desktop --no-retry "$@"
