#!/bin/bash
# Boots a real systemd as process 1 of its own namespaces, on a throw-away copy of this system's files. See machine.py.
#
#   RIG=FOLDER SHARED=PATH BINDS=PATHS unshare --fork --pid --mount --ipc --uts --net --propagation private boot.sh
#
# Root only. What it writes goes to FOLDER/disk, and is found there by its next boot. Of BINDS, one a line, it may write
# to SHARED alone. FOLDER/clock and FOLDER/clock.so, where they are, are the clock of all its programs (see clock.c).
# It leaves FOLDER/leader (the pid of its process 1) and FOLDER/groups (the control groups to be removed).
set -eu
root=$RIG/root
old=/sys/fs/cgroup

# A control group of its own in every hierarchy. They become the roots that systemd sees, so it manages nothing of ours.
enter_groups() {
    local line names path folder
    read -r pid _ </proc/self/stat
    mapfile -t lines </proc/self/cgroup    # as it was before we move
    for line in "${lines[@]}"; do
        IFS=: read -r _ names path <<<"$line"
        case $names in
            cpuset) continue ;;    # a new group of it has no CPU, so nothing could enter it
            '') folder=$(findmnt -rnt cgroup2 -o TARGET | head -n 1) ;;
            *) folder=$old/${names#name=} ;;
        esac
        [ -w "$folder$path" ] || continue
        folder=${folder}${path%/}/rig-$pid
        mkdir "$folder"
        echo 0 >"$folder/cgroup.procs"
        echo "${names:-unified} $folder" >>"$RIG/groups"
    done
    echo "$pid" >"$RIG/leader.new"
    exec unshare --cgroup "$0" inside
}

copy_of_the_files() {
    mkdir -p "$RIG/disk/upper" "$RIG/disk/work" "$root"
    mount -t overlay overlay -o "lowerdir=/,upperdir=$RIG/disk/upper,workdir=$RIG/disk/work" "$root"
    mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
    mount --bind "$root/proc/sys" "$root/proc/sys"    # the kernel's settings are everybody's
    mount -o remount,bind,ro "$root/proc/sys"
    mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
    mount -t tmpfs -o mode=755,nosuid run "$root/run"
    cat /proc/sys/kernel/random/uuid >"$root/run/boot_id"
    mount --bind "$root/run/boot_id" "$root/proc/sys/kernel/random/boot_id"
    mount -t tmpfs -o mode=755,nosuid devices "$root/dev"
    mkdir "$root/dev/shm" "$root/dev/pts"
    mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
    ln -s /proc/self/fd "$root/dev/fd"
    for name in null zero full random urandom tty; do
        touch "$root/dev/$name"
        mount --bind "/dev/$name" "$root/dev/$name"
    done
    touch "$root/dev/console"
    mount --bind /dev/null "$root/dev/console"
    mount -t tmpfs -o mode=1777 tmp "$root/tmp"
    while IFS= read -r path; do
        reachable "$path"
        mount --bind "$path" "$root$path"
        [ "$path" = "$SHARED" ] || mount -o remount,bind,ro "$root$path"
    done <<<"$BINDS"
}

# Every user may go to the project and the interpreter, though the folders above may be root's alone outside.
reachable() {
    local above=$root$1
    mkdir -p "$above"
    while above=${above%/*} && [ "$above" != "$root" ]; do
        [ "$(stat -c %A "$above" | cut -c 10)" = x ] || chmod a+x "$above"
    done
}

# With the controllers in cgroup v1, which systemd up to 255 can still be told to use; else all in v2.
mount_groups() {
    local names folder
    if ! grep -q '^memory ' "$RIG/groups"; then
        mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
        return
    fi
    mount -t tmpfs -o mode=755 cgroup "$root/sys/fs/cgroup"
    mkdir "$root/sys/fs/cgroup/unified" "$root/sys/fs/cgroup/systemd"
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup/unified"
    mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"
    while read -r names folder; do
        case $names in unified | name=*) continue ;; esac
        mkdir "$root/sys/fs/cgroup/$names"
        mount -t cgroup -o "$names" cgroup "$root/sys/fs/cgroup/$names"
    done <"$RIG/groups"
    arguments="systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=0"
}

# Only what a bus and logins need, and nothing that would touch the machine outside.
quiet_units() {
    local units=$root/etc/systemd/system
    rm -rf "$units" "$root/etc/systemd/user" "$root"/var/lib/systemd/{timers,linger} "$root/var/log/journal"
    mkdir -p "$units" "$root/etc/systemd/journald.conf.d" "$root/var/lib/systemd/linger"
    : >"$root/etc/fstab"
    for unit in systemd-journald-audit.socket systemd-sysctl.service systemd-modules-load.service \
        systemd-udevd.service systemd-udev-trigger.service systemd-hwdb-update.service systemd-update-utmp.service \
        systemd-timesyncd.service systemd-remount-fs.service systemd-random-seed.service systemd-sysusers.service \
        systemd-binfmt.service systemd-firstboot.service systemd-tmpfiles-setup.service systemd-tmpfiles-clean.timer \
        systemd-tmpfiles-setup-dev.service ldconfig.service tmp.mount \
        dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount \
        sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount modprobe@.service systemd-initctl.socket; do
        ln -s /dev/null "$units/$unit"
    done
    printf '%s\n' '[Unit]' Requires=basic.target 'Wants=dbus.service systemd-logind.service timers.target' \
        'After=basic.target dbus.service' >"$units/rig.target"
    printf '[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\nRateLimitIntervalSec=0\n' \
        >"$root/etc/systemd/journald.conf.d/rig.conf"
}

# A user with a manager of his own from the start on, as after `loginctl enable-linger`.
tester() {
    echo 'tester:x:7700:7700::/home/tester:/bin/bash' >>"$root/etc/passwd"
    echo 'tester:x:7700:' >>"$root/etc/group"
    echo 'tester:!:19000::::::' >>"$root/etc/shadow"
    mkdir -p "$root/home/tester"
    chown 7700:7700 "$root/home/tester"
    touch "$root/var/lib/systemd/linger/tester"
}

# Through a file rather than the environment, so that none is changed by it and no program can lose it.
set_clock() {
    cp "$RIG/clock.so" "$root/usr/lib/rig-clock.so"
    echo /usr/lib/rig-clock.so >"$root/etc/ld.so.preload"
    touch "$root/etc/rig-clock"
    mount --bind "$RIG/clock" "$root/etc/rig-clock"
}

if [ "${1:-}" != inside ]; then
    enter_groups
fi
arguments=
new=
mount --make-rprivate /
[ -e "$RIG/disk/upper" ] || new=1
copy_of_the_files
mount_groups
if [ -n "$new" ]; then
    quiet_units
    tester
    mkdir "$root/mnt/outside"
fi
mkdir -p "$root/run/systemd/system"
[ ! -e "$RIG/clock" ] || set_clock
mv "$RIG/leader.new" "$RIG/leader"
cd "$root"
pivot_root . mnt/outside
umount -l /mnt/outside
# The clock, kernel modules, the audit and kernel logs are the machine's.
# shellcheck disable=SC2086
exec setpriv --bounding-set=-sys_time,-sys_module,-sys_rawio,-audit_control,-audit_read,-syslog \
    env -i container=rig PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    /lib/systemd/systemd --system --unit=rig.target --log-target=journal --show-status=0 $arguments
