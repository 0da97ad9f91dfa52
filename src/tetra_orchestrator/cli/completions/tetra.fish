# Completes tetra and tetra-orchestrator in fish: tetra completion fish | source
function __tetra_orchestrator
    set -l words (commandline -opc) (commandline -ct)
    set -l found ($words[1] __complete $words[2..] 2>/dev/null)
    if contains -- :files $found
        __fish_complete_path (commandline -ct)
    else
        string join -- \n $found
    end
end
for name in tetra tetra-orchestrator
    complete -c $name -f -k -a '(__tetra_orchestrator)'
end
