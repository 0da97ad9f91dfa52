#!/bin/sh
# One attempt. Each argument is how one attempt behaves, the last one also how all later ones do:
# "TICKS exit|signal NUMBER obeys|late|never WORD...". The journal tells when it began, lived and was at its end.
note() { printf '%s %s %s\n' "$TETRA_TASK" "$TETRA_ATTEMPT" "$1" >>"$JOURNAL"; }
export JOURNAL
note start
n=$TETRA_ATTEMPT
[ "$n" -le $# ] || n=$#
eval "words=\${$n}"
set -- $words
ticks=$1 how=$2 value=$3 obeys=$4
shift 4
case $obeys in
late) trap 'sleep 0.1; note end; exit 0' TERM ;;
never) trap '' TERM ;;
esac
for word; do
    case $word in
    orphan)
        $(command -v setsid) sh -c 'while :; do printf "%s %s alive\n" "$TETRA_TASK" "$TETRA_ATTEMPT" >>"$JOURNAL"; sleep 0.05; done' &
        ;;
    print) head -c 200000 /dev/zero | tr '\0' x ;;
    outputs) printf '{"n": %s}\n' "$n" >>"$TETRA_OUTPUT" ;;
    torn) printf '{"n": ' >>"$TETRA_OUTPUT" ;;
    ready) echo '{"ready": true}' >>"$TETRA_OUTPUT" ;;
    esac
done
while [ "$ticks" -gt 0 ]; do
    sleep 0.05
    note alive
    ticks=$((ticks - 1))
done
note end
[ "$how" = exit ] && exit "$value"
kill "-$value" $$
sleep 5
