#compdef tetra tetra-orchestrator
# Completes tetra and tetra-orchestrator in zsh: source <(tetra completion zsh)
_tetra_orchestrator() {
    local line
    local -a found
    for line in "${(@f)$("${words[1]/#\~/$HOME}" __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
        if [[ $line == :files ]]; then
            _files
            return
        elif [[ $line == *$'\t'* ]]; then
            found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
        elif [[ -n $line ]]; then
            found+=("${line//:/\\:}")
        fi
    done
    _describe -V 'tetra' found
}
if [[ ${funcstack[1]-} == _tetra_orchestrator ]]; then
    _tetra_orchestrator "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
    compdef _tetra_orchestrator tetra tetra-orchestrator
fi
