#!/bin/sh
# One attempt in the crash sweep. The journal has a line when it begins, with whoever else is at the same task, and one at
# its end: the seconds since boot, what, task, run, attempt and exit code.
note() {
    read -r now rest </proc/uptime
    echo "$now $1 $TETRA_TASK $TETRA_RUN_ID $TETRA_ATTEMPT $2" >>journal
}
exec 9>"at.$TETRA_TASK"
flock -n 9 || note overlap 0
note start 0
code=0
case $1 in
rows) echo '{"rows": 3}' >>"$TETRA_OUTPUT" ;;
flaky) [ "$TETRA_ATTEMPT" -ge 2 ] || code=1 ;;
lasts) sleep 0.1 ;;
fails) [ -e mended ] || code=3 && : >mended ;;
waits) while [ ! -e go ]; do sleep 0.05; done ;;
esac
note end "$code"
exit "$code"
