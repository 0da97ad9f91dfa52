"""Network file systems. SQLite's locks and its shared memory do not hold there: sqlite.org/wal.html, "Overview"."""

from __future__ import annotations

import os

_MOUNTS = "/proc/self/mountinfo"
_KINDS = {"9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4"}
_KINDS |= {"orangefs", "smb2", "smb3", "smbfs"}
#: What follows `fuse.` in the type of one that is served by a program (mount.fuse3(8)).
_FUSE = {"ceph", "curlftpfs", "davfs2", "gcsfuse", "glusterfs", "goofys", "juicefs", "mfs", "mount-s3", "rclone"}
_FUSE |= {"s3fs", "seaweedfs", "smbnetfs", "sshfs"}


def network_mount(path: str) -> tuple[str, str] | None:
    """Mount point and type of the network file system that the folder `path` is on, by mountinfo of proc(5).

    None for any other file system, and where it cannot be told.
    """
    place, device = os.path.realpath(path), os.stat(path).st_dev
    try:
        with open(_MOUNTS, encoding="utf-8", errors="surrogateescape") as file:
            found = [_parsed(line) for line in file]
    except OSError:
        return None
    number = f"{os.major(device)}:{os.minor(device)}"
    around = [(point, kind) for own, point, kind in found if own == number and _is_in(place, point)]
    point, kind = max(around, default=("", ""))
    return (point, kind) if kind in _KINDS or kind.removeprefix("fuse.") in _FUSE else None


def _parsed(line: str) -> tuple[str, str, str]:
    """Device, mount point and type. Between the two last there are any number of fields, and a dash."""
    _, _, device, _, point, *rest = line.split(" ")
    return device, _unescaped(point), rest[rest.index("-") + 1]


def _unescaped(point: str) -> str:
    first, *rest = point.split("\\")
    return first + "".join(chr(int(part[:3], 8)) + part[3:] for part in rest)


def _is_in(place: str, point: str) -> bool:
    return f"{place}/".startswith(f"{point.rstrip('/')}/")
