"""A real Slurm on this machine: munged, slurmctld and several slurmd, each node in namespaces of its own.

A node has its own host name and process table, so that killing it ends all that runs there at the same moment, as a
power cut would, and nothing of it is left. All nodes see the same files. Nothing outlives the test session.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from support.components import missing, require, require_root
from support.waiting import is_gone, until

# Without what asks for rights over cgroups. A node that is silent for 5 s is down.
CONFIG = """\
ClusterName=rig
SlurmctldHost=localhost
SlurmctldPort={port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CryptoType=crypto/munge
SlurmUser=root
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmdSpoolDir={folder}/spool/%n
StateSaveLocation={folder}/state
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=100
{scheduling}
SlurmdTimeout=5
MessageTimeout={patience_s}
KillWait=2
MinJobAge=300
ReturnToService=2
MpiDefault=none
SwitchType=switch/none
MaxArraySize=1001
MaxJobCount=20000
GresTypes=gpu
SlurmdParameters=config_overrides
"""
NODE = (
    "NodeName={name} NodeHostname=localhost Port={port} CPUs={cpus} Boards=1 SocketsPerBoard=1"
    " CoresPerSocket={cpus} ThreadsPerCore=1 RealMemory=4000 Gres=gpu:2 State=UNKNOWN\n"
)
#: Jobs are started as soon as there is room; Slurm by itself looks for batch jobs every three seconds.
AT_ONCE = "SchedulerParameters=sched_interval=1,batch_sched_delay=0"
#: Ends with us, whatever becomes of us.
TIED = ("setpriv", "--pdeathsig", "KILL", "--")
#: Of its own: process table, mounts and host name. Its first process is a shell that reaps what is orphaned.
ALONE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--uts", "--")
BOOT = 'hostname "$1"; slurmd -D -N "$1" -f "$2"; exit'


class Queued(NamedTuple):
    """A job as squeue has it: `id` is `N` or `N_I`, `node` is empty while it waits."""

    id: str
    name: str
    state: str
    node: str


class Cluster:
    """A controller and `nodes` called n1, n2 ..., with `cpus` each, in the partition `main`."""

    def __init__(self, folder: Path, nodes: int = 3, cpus: int = 4, scheduling: str = AT_ONCE) -> None:
        self.folder = folder
        self.conf = folder / "slurm.conf"
        # of users' commands, which try for less long when there is no controller
        self.users_conf = folder / "users.conf"
        self.nodes = [f"n{number}" for number in range(1, nodes + 1)]
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        port, *ports = _free_ports(nodes + 1)
        rows = [NODE.format(name=name, port=own, cpus=cpus) for name, own in zip(self.nodes, ports, strict=True)]
        partition = f"PartitionName=main Nodes=n[1-{nodes}] Default=YES MaxTime=INFINITE State=UP\n"
        (folder / "gres.conf").write_text("Name=gpu File=/dev/null\nName=gpu File=/dev/zero\n")
        for file, patience_s in ((self.conf, 10), (self.users_conf, 2)):
            common = CONFIG.format(folder=folder, port=port, scheduling=scheduling, patience_s=patience_s)
            file.write_text("".join([common, *rows, partition]))
        (folder / "munge").mkdir(mode=0o755)
        for name in ("state", *(f"spool/{name}" for name in self.nodes)):
            (folder / name).mkdir(parents=True)

    @property
    def environ(self) -> dict[str, str]:
        """What a user of the cluster has in the environment."""
        return {**os.environ, "SLURM_CONF": str(self.users_conf)}

    def start(self) -> None:
        """Bring all of it up."""
        self._start_munge()
        self.start_controller()
        for name in self.nodes:
            self.start_node(name)
        until(lambda: self.states() == dict.fromkeys(self.nodes, "idle"))

    def stop(self) -> None:
        """End all of it at once."""
        for name in list(self._running):
            self._kill(name)

    def start_controller(self) -> None:
        """Start it, with what it has kept, and wait until it answers."""
        self._spawn("slurmctld", "slurmctld", "-D", "-f", str(self.conf))
        until(lambda: "is UP" in self.ask("scontrol", "ping"))

    def stop_controller(self) -> None:
        """Have it end by itself, with all that it knows kept."""
        self.run("scontrol", "shutdown", "slurmctld")
        self._running.pop("slurmctld").wait(60)

    def kill_controller(self) -> None:
        """kill -9: what came in the last seconds is not kept."""
        self._kill("slurmctld")

    def start_node(self, name: str) -> None:
        """Switch the node on."""
        self._spawn(name, *ALONE, "sh", "-c", BOOT, "sh", name, str(self.conf))

    def kill_node(self, name: str) -> None:
        """kill -9 of slurmd and all that runs below it, at once."""
        self._kill(name)

    def mend(self) -> None:
        """Bring up again what was killed, and wait until jobs that are ending have ended: no other may be there."""
        if "slurmctld" not in self._running:
            self.start_controller()
        for name in self.nodes:
            if name not in self._running:
                self.start_node(name)
        until(lambda: not self.queue(), 60)
        for name, state in self.states().items():
            if "drain" in state:  # by Slurm, which could not start a job there
                self.ask("scontrol", "update", f"nodename={name}", "state=resume")
        until(lambda: set(self.states().values()) == {"idle"}, 60)

    def states(self) -> dict[str, str]:
        """What the controller says of each node: idle, mixed, allocated, down, ..."""
        lines = self.ask("sinfo", "--Node", "--noheader", "--format=%N %T").splitlines()
        return dict(tuple(line.rstrip("*").split()) for line in lines)  # type: ignore[misc]

    def queue(self) -> list[Queued]:
        """The jobs that wait or run."""
        lines = self.run("squeue", "--array", "--noheader", "--format=%i|%j|%T|%N").splitlines()
        return [Queued(*line.split("|")) for line in lines]

    def details(self, job: str) -> dict[str, str]:
        """What `scontrol show job` says of it."""
        words = self.run("scontrol", "--oneliner", "show", "job", job).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def run(self, *argv: str) -> str:
        """The output of a command that has to succeed."""
        return subprocess.run(argv, env=self.environ, check=True, text=True, stdout=subprocess.PIPE, timeout=60).stdout

    def ask(self, *argv: str) -> str:
        """The output of a command that may fail."""
        return subprocess.run(argv, env=self.environ, text=True, capture_output=True, timeout=60).stdout

    def processes(self, mark: str) -> list[str]:
        """The commands of all processes, those of the nodes too, in which the mark occurs."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                except OSError:
                    continue
                found += [command] if mark in command else []
        return found

    def _start_munge(self) -> None:
        own = self.folder / "munge"
        key = own / "key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(1024))
        files = [f"--{name}-file={own / name}" for name in ("key", "pid", "log", "seed")]
        self._spawn("munged", "munged", "--foreground", "--force", f"--socket={own / 'socket'}", *files)
        until((own / "socket").exists)

    def _spawn(self, name: str, *argv: str) -> None:
        with open(self.folder / f"{name}.out", "ab") as out:
            self._running[name] = subprocess.Popen(
                (*TIED, *argv), env=self.environ, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )

    def _kill(self, name: str) -> None:
        process = self._running.pop(name)
        # of a node, `unshare` has the first process of a namespace below it, which is gone after all others of that
        below = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.kill()
        process.wait()
        until(lambda: all(is_gone(int(pid)) for pid in below))


@contextmanager
def cluster(folder: Path, nodes: int = 3, cpus: int = 4, scheduling: str = AT_ONCE) -> Iterator[Cluster]:
    """A cluster for as long as the context lasts."""
    require_slurm()
    made = Cluster(folder, nodes, cpus, scheduling)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def require_slurm() -> None:
    """Go on only where all of it can be started."""
    require_root()
    for name in ("sbatch", "slurmctld", "slurmd", "munged", "setpriv"):
        require(name)
    if subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode:
        missing("needs namespaces of its own: unshare --pid --mount-proc --uts")


def _free_ports(count: int) -> list[int]:
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in taken]
    for each in taken:
        each.close()
    return ports
