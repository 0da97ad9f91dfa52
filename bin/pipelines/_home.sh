# Sourced by the wrappers: sets TETRA_HOME and PATH, and defines `tetra`, which becomes the project's command.
# shellcheck shell=bash

fail() {
    printf 'tetra: %s\n  hint: %s\n' "$1" "$2" >&2
    exit 78
}

# Without a PATH, bash makes one up that it does not export and that holds `.` on macOS.
if [[ -z $PATH || $(declare -p PATH) != 'declare -x'* ]]; then
    export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
fi

checkout=$(CDPATH='' cd -P -- "${BASH_SOURCE[0]%/*}/../.." && pwd)

TETRA_HOME=${TETRA_HOME:-$checkout}
[[ $TETRA_HOME == /* ]] || TETRA_HOME=$PWD/$TETRA_HOME
export TETRA_HOME
[[ -d $TETRA_HOME ]] || fail "TETRA_HOME=$TETRA_HOME: no such folder" "set it to the project's folder, or unset it"
[[ -d $TETRA_HOME/config || -f $TETRA_HOME/orchestration.yaml || -n ${PIPELINE_CONFIG-} ]] ||
    fail "TETRA_HOME=$TETRA_HOME: holds no config/orchestration.yaml" "set it to the project's folder, or unset it"

# -P keeps modules in the caller's folder from standing in for ours.
tetra() {
    local venv
    for venv in "$TETRA_HOME/.venv" "$checkout/.venv" ${VIRTUAL_ENV:+"$VIRTUAL_ENV"}; do
        # The installed script says as much as an import would, without the start of an interpreter.
        if [[ -x $venv/bin/python && -x $venv/bin/tetra-orchestrator ]]; then
            exec "$venv/bin/python" -P -m tetra_orchestrator "$@"
        fi
    done
    if python3 -P -c 'import tetra_orchestrator' 2>/dev/null; then
        exec python3 -P -m tetra_orchestrator "$@"
    fi
    fail "tetra-orchestrator is not installed: neither $TETRA_HOME/.venv nor python3 has it" "make -C \"$checkout\" install"
}
