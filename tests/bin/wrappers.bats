# The wrappers of bin/, run in a project whose interpreter records how it was called instead of running anything.

bats_require_minimum_version 1.5.0

setup() {
    unset TETRA_HOME PIPELINE_CONFIG VIRTUAL_ENV
    base=$(cd -P "$BATS_TEST_TMPDIR" && pwd)
    project="$base/my project"
    mkdir -p "$project/config"
    touch "$project/config/orchestration.yaml"
    cp -R "$BATS_TEST_DIRNAME/../../bin" "$project/bin"
    install_recorder "$project/.venv"
    cd "$base"
}

# A virtual environment whose interpreter writes `record` beside itself; if there is a file `then`, it becomes that command.
install_recorder() {
    mkdir -p "$1/bin"
    cat >"$1/bin/python" <<'RECORDER'
#!/bin/bash
here=${0%/*}
{
    printf 'argv'; printf ' <%s>' "$@"; echo
    echo "cwd $PWD"
    echo "home $TETRA_HOME"
    echo "path $(declare -p PATH)"
    echo "pid $$"
} >"$here/record.new"
/bin/mv "$here/record.new" "$here/record"
[[ ! -e $here/then ]] || exec /bin/sh "$here/then"
RECORDER
    touch "$1/bin/tetra-orchestrator"
    chmod +x "$1/bin/python" "$1/bin/tetra-orchestrator"
}

recorded() {
    sed -n "s/^$1 //p" "$project/.venv/bin/record"
}

# calls ARGUMENTS...: the recorder was called with exactly these after `-P -m tetra_orchestrator`.
calls() {
    local expected
    expected=$(printf ' <%s>' -P -m tetra_orchestrator "$@")
    if [[ "$(recorded argv)" != "${expected# }" ]]; then
        printf 'expected: %s\nrecorded: %s\n' "${expected# }" "$(recorded argv)"
        return 1
    fi
}

orchestrator() { "$project/bin/pipelines/orchestrator.sh" "$@"; }

# Modes and arguments

@test "T-051 without an argument orchestrator.sh runs mode full" {
    orchestrator
    calls run --mode full --progress plain
}

@test "T-051 an empty argument is mode full too" {
    orchestrator "" --force
    calls run --mode full --progress plain --force
}

@test "T-051 options alone run mode full with these options" {
    orchestrator --dry-run --set "a=b c"
    calls run --mode full --progress plain --dry-run --set "a=b c"
}

@test "T-052 orchestrator.sh daily" {
    orchestrator daily
    calls run --mode daily --progress plain
}

@test "T-053 orchestrator.sh weekly" {
    orchestrator weekly
    calls run --mode weekly --progress plain
}

@test "T-054 orchestrator.sh full" {
    orchestrator full
    calls run --mode full --progress plain
}

@test "T-055 backfill without dates is from 2020-01-01 to today" {
    before=$(date +%Y-%m-%d)
    orchestrator backfill
    after=$(date +%Y-%m-%d)
    calls run --mode backfill --progress plain --start-date 2020-01-01 --end-date "$before" ||
        calls run --mode backfill --progress plain --start-date 2020-01-01 --end-date "$after"
}

@test "T-055 backfill with one date ends today" {
    before=$(date +%Y-%m-%d)
    orchestrator backfill 2021-01-01 --force
    after=$(date +%Y-%m-%d)
    calls run --mode backfill --progress plain --start-date 2021-01-01 --end-date "$before" --force ||
        calls run --mode backfill --progress plain --start-date 2021-01-01 --end-date "$after" --force
}

@test "T-055 backfill with two dates and options" {
    orchestrator backfill 2021-01-01 2021-12-31 --dry-run
    calls run --mode backfill --progress plain --start-date 2021-01-01 --end-date 2021-12-31 --dry-run
}

@test "T-055 empty dates are the defaults" {
    orchestrator backfill "" 2021-12-31
    calls run --mode backfill --progress plain --start-date 2020-01-01 --end-date 2021-12-31
}

@test "T-055 dates given as options come after the defaults, so that they win" {
    orchestrator backfill --start-date 2022-02-02 --end-date 2022-03-03
    [[ "$(recorded argv)" == *"<--start-date> <2020-01-01> "*" <--start-date> <2022-02-02> <--end-date> <2022-03-03>" ]]
}

@test "T-056 any other mode is left to the command, whose exit code is passed on" {
    echo 'echo "Unknown mode: foo"; exit 64' >"$project/.venv/bin/then"
    run -64 orchestrator foo
    [[ "$output" == "Unknown mode: foo" ]]
    calls run --mode foo --progress plain
}

@test "T-077 run_full_pipeline.sh runs the weekly chain once without retries" {
    "$project/bin/pipelines/run_full_pipeline.sh" --force
    calls run --mode weekly --progress steps --notify desktop --no-retry --force
}

@test "T-083 run_daily.sh is orchestrator.sh daily" {
    "$project/bin/pipelines/run_daily.sh" --force
    calls run --mode daily --progress plain --force
}

@test "T-084 run_weekly.sh is orchestrator.sh weekly" {
    "$project/bin/pipelines/run_weekly.sh" --param "a=b c"
    calls run --mode weekly --progress plain --param "a=b c"
}

@test "T-085 run_backfill.sh is the command backfill, for what orchestrator.sh backfill runs" {
    "$project/bin/pipelines/run_backfill.sh" 2021-01-01 2021-12-31 --newest-first
    calls backfill --mode backfill --only all --progress plain --from 2021-01-01 --to 2021-12-31 --newest-first
    before=$(date +%Y-%m-%d)
    "$project/bin/pipelines/run_backfill.sh"
    after=$(date +%Y-%m-%d)
    calls backfill --mode backfill --only all --progress plain --from 2020-01-01 --to "$before" ||
        calls backfill --mode backfill --only all --progress plain --from 2020-01-01 --to "$after"
}

@test "pipeline_monitor.py is the command monitor" {
    "$project/bin/scripts/pipeline_monitor.py" --json "a b"
    calls monitor --json "a b"
}

@test "bin/tetra passes every argument as it is" {
    "$project/bin/tetra" status '*' "a  b" '' '$HOME' --
    calls status '*' "a  b" '' '$HOME' --
}

@test "bin/tetra without an argument passes none" {
    "$project/bin/tetra"
    calls
}

# Finding the project

@test "T-071 the project is found from the wrapper's path, and the caller's folder is kept" {
    for wrapper in pipelines/orchestrator.sh pipelines/run_full_pipeline.sh pipelines/run_daily.sh \
        pipelines/run_weekly.sh pipelines/run_backfill.sh scripts/pipeline_monitor.py tetra; do
        rm -f "$project/.venv/bin/record"
        (cd / && "$project/bin/$wrapper")
        [[ "$(recorded home)" == "$project" ]]
        [[ "$(recorded cwd)" == / ]]
    done
}

@test "relative paths among the options keep their meaning" {
    mkdir elsewhere
    cd elsewhere
    ../my\ project/bin/pipelines/orchestrator.sh daily --config ./mine.yaml
    calls run --mode daily --progress plain --config ./mine.yaml
    [[ "$(recorded cwd)" == "$base/elsewhere" ]]
    [[ "$(recorded home)" == "$project" ]]
}

@test "from the wrapper's own folder, by bash and by name on PATH" {
    cd "$project/bin/pipelines"
    bash orchestrator.sh daily
    [[ "$(recorded home)" == "$project" ]]
    rm "$project/.venv/bin/record"
    cd /
    PATH="$project/bin/pipelines:$PATH" orchestrator.sh daily
    [[ "$(recorded home)" == "$project" ]]
}

@test "CDPATH changes nothing" {
    mkdir -p "$base/trap/bin/pipelines"
    cd "$project"
    CDPATH="$base/trap" bash bin/pipelines/orchestrator.sh daily
    [[ "$(recorded home)" == "$project" ]]
}

@test "through relative and absolute links, one after another" {
    mkdir -p links/deep "$base/with space"
    for wrapper in pipelines/orchestrator.sh pipelines/run_full_pipeline.sh pipelines/run_daily.sh \
        pipelines/run_weekly.sh pipelines/run_backfill.sh scripts/pipeline_monitor.py tetra; do
        rm -f "$project/.venv/bin/record"
        ln -sf "../my project/bin/$wrapper" "with space/relative link"
        ln -sf "$base/with space/relative link" links/absolute
        ln -sf ../absolute links/deep/again
        (cd / && "$base/links/deep/again")
        [[ "$(recorded home)" == "$project" ]]
        (cd links/deep && rm "$project/.venv/bin/record" && ./again)
        [[ "$(recorded home)" == "$project" ]]
    done
}

@test "through a link to the folder of the wrappers" {
    ln -s "$project/bin" here
    here/pipelines/run_daily.sh
    [[ "$(recorded home)" == "$project" ]]
}

@test "T-071 TETRA_HOME names another project; this one's environment serves it if it has none" {
    mkdir -p other/config
    touch other/config/orchestration.yaml
    TETRA_HOME="$base/other" orchestrator daily
    [[ "$(recorded home)" == "$base/other" ]]
    install_recorder other/.venv
    rm "$project/.venv/bin/record"
    TETRA_HOME="$base/other" orchestrator daily
    [[ -e other/.venv/bin/record && ! -e "$project/.venv/bin/record" ]]
}

@test "a relative TETRA_HOME starts at the caller's folder" {
    TETRA_HOME="my project" orchestrator daily
    [[ "$(recorded home)" == "$base/my project" ]]
}

@test "TETRA_HOME that is no folder ends with 78" {
    TETRA_HOME="$base/no where" run -78 --separate-stderr orchestrator daily
    [[ -z "$output" ]]
    [[ "$stderr" == "tetra: TETRA_HOME=$base/no where: no such folder
  hint: set it to the project's folder, or unset it" ]]
}

@test "TETRA_HOME without a configuration ends with 78, unless PIPELINE_CONFIG names one" {
    mkdir empty
    TETRA_HOME="$base/empty" run -78 --separate-stderr orchestrator daily
    [[ "$stderr" == "tetra: TETRA_HOME=$base/empty: holds no config/orchestration.yaml
  hint: set it to the project's folder, or unset it" ]]
    PIPELINE_CONFIG=mine.yaml TETRA_HOME="$base/empty" orchestrator daily
    calls run --mode daily --progress plain
}

# The environment

@test "under an empty environment the command gets a PATH and the project" {
    for wrapper in pipelines/orchestrator.sh pipelines/run_full_pipeline.sh pipelines/run_daily.sh \
        pipelines/run_weekly.sh pipelines/run_backfill.sh scripts/pipeline_monitor.py tetra; do
        rm -f "$project/.venv/bin/record"
        (cd / && env -i "$project/bin/$wrapper")
        [[ "$(recorded home)" == "$project" ]]
        [[ "$(recorded path)" == 'declare -x PATH="/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"' ]]
    done
}

@test "an empty PATH is filled, a given one kept" {
    PATH='' orchestrator backfill 2021-01-01
    [[ "$(recorded path)" == 'declare -x PATH="/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"' ]]
    PATH="$base/first:$PATH" orchestrator daily
    [[ "$(recorded path)" == "declare -x PATH=\"$base/first:$PATH\"" ]]
}

@test "the only tools needed are date and a readlink without options" {
    mkdir tools
    ln -s "$(type -P date)" tools
    printf '#!/bin/bash\n[[ $1 != -* ]] && exec %q "$@"\n' "$(type -P readlink)" >tools/readlink
    chmod +x tools/readlink
    ln -s "my project/bin/pipelines/run_backfill.sh" link
    PATH="$base/tools" ./link 2021-01-01 2021-12-31
    calls backfill --mode backfill --only all --progress plain --from 2021-01-01 --to 2021-12-31
}

# The interpreter

@test "T-072 without .venv the active virtual environment is used" {
    mv "$project/.venv" "$base/active env"
    VIRTUAL_ENV="$base/active env" orchestrator daily
    [[ -e "$base/active env/bin/record" ]]
}

@test "T-072 without any virtual environment python3 is used if it has the package" {
    mv "$project/.venv" system
    mv system/bin/python system/bin/python3
    rm system/bin/tetra-orchestrator
    PATH="$base/system/bin:$PATH" orchestrator daily
    mkdir -p "$project/.venv"
    mv system/bin "$project/.venv"
    calls run --mode daily --progress plain
}

@test "T-074 with no interpreter that has the package: what to do, and 78" {
    rm -r "$project/.venv"
    for wrapper in pipelines/run_daily.sh pipelines/run_full_pipeline.sh tetra; do
        run -78 --separate-stderr env PATH="$base" "$project/bin/$wrapper"
        [[ -z "$output" ]]
        [[ "$stderr" == "tetra: tetra-orchestrator is not installed: neither $project/.venv nor python3 has it
  hint: make -C \"$project\" install" ]]
    done
}

@test "T-074 a .venv in which the install did not finish counts as none" {
    rm "$project/.venv/bin/tetra-orchestrator"
    run -78 --separate-stderr env PATH="$base" "$project/bin/pipelines/orchestrator.sh"
    [[ "$stderr" == *'hint: make -C "'* ]]
    [[ ! -e "$project/.venv/bin/record" ]]
}

# What passes through

@test "exit codes pass through every wrapper" {
    for code in 0 1 2 64 75 130; do
        echo "exit $code" >"$project/.venv/bin/then"
        for wrapper in pipelines/orchestrator.sh pipelines/run_full_pipeline.sh pipelines/run_daily.sh \
            pipelines/run_weekly.sh pipelines/run_backfill.sh scripts/pipeline_monitor.py tetra; do
            run "-$code" "$project/bin/$wrapper"
        done
    done
}

@test "standard input, output and error pass through" {
    echo 'cat; echo error >&2' >"$project/.venv/bin/then"
    run --separate-stderr orchestrator daily <<<"input"
    [[ "$output" == input && "$stderr" == error ]]
}

@test "the command takes the wrapper's place, so that signals reach it" {
    echo 'exec sleep 30' >"$project/.venv/bin/then"
    for wrapper in pipelines/orchestrator.sh pipelines/run_full_pipeline.sh pipelines/run_daily.sh \
        pipelines/run_weekly.sh pipelines/run_backfill.sh scripts/pipeline_monitor.py tetra; do
        rm -f "$project/.venv/bin/record"
        "$project/bin/$wrapper" 3>&- &
        pid=$!
        for _ in {1..200}; do [[ -e "$project/.venv/bin/record" ]] && break || sleep 0.02; done
        [[ "$(recorded pid)" == "$pid" ]]
        kill -TERM "$pid"
        code=0
        wait "$pid" || code=$?
        [[ $code -eq 143 ]]
    done
}
