"""Why sbatch does not take a job: for the moment, or for good and what is to be done about it."""

from __future__ import annotations

import re

from tetra_orchestrator.core.outcome import SpawnFailed

#: The controller is away or overloaded.
_FOR_THE_MOMENT = re.compile(
    r"unable to contact slurm controller|socket timed out|slurmctld.*not responding"
    r"|connection (refused|timed out|reset)|transport endpoint is not connected|zero bytes were transmitted"
    r"|send failure|receive failure|temporarily un(able|available)|standby mode|try again|in transition",
    re.IGNORECASE,
)
#: As many jobs are there as the user, the account or the quality of service may have.
_AT_LIMIT = re.compile(r"(max|grp)\w*(submit|jobs)\w*limit|job count limit", re.IGNORECASE)
#: What sbatch puts before its words, and words that say nothing.
_PREFIX = re.compile(r"^\S*(sbatch|sinfo|slurm_\w+):? (error: |fatal: )?")
_FAILED = "Batch job submission failed: "
_EMPTY = re.compile(
    r'^(Try "sbatch --help" for more information|.*retrying in 1sec up to 60sec|If munged is up.*'
    r"|slurm_send_node_msg.*)$"
)
_REMEDIES = (
    ("partition", "`sinfo` lists the partitions; the runner's `partition` names one"),
    ("account", "the runner's `account` names one; `sacctmgr show associations user=$USER` lists yours"),
    ("qos", "the runner's `qos` names one; `sacctmgr show qos` lists them"),
    ("gres", "`sinfo --format='%P %G'` lists what the nodes have; the task asks for `gpu` in its `resources`"),
    ("memory|node configuration", "`sinfo --format='%P %c %m'` lists processors and MB; the task asks in `resources`"),
    ("time limit", "`sinfo --format='%P %l'` lists the limits; the task asks for its `timeout`"),
    ("option|invalid --", "the runner's `options` are those of sbatch(1)"),
    ("authentication|munge", "munged has to run on this machine, with the key of the cluster"),
    ("configuration|ClusterName", "SLURM_CONF names the configuration of the cluster, if it is not in /etc/slurm"),
)


def passes(error: str) -> bool:
    """Whether what was said will have passed after a while."""
    return bool(_FOR_THE_MOMENT.search(error)) or at_limit(error)


def at_limit(error: str) -> bool:
    """Whether there is no room for so many jobs; there may be for fewer."""
    return bool(_AT_LIMIT.search(error))


def words_of(error: str) -> str:
    """Slurm's own words, each once and without their frame."""
    lines = [_PREFIX.sub("", line).removeprefix(_FAILED).strip(" .") for line in error.splitlines()]
    return "; ".join(dict.fromkeys(line for line in lines if line and not _EMPTY.match(line)))


def refusal(error: str) -> SpawnFailed:
    """What was said, with a remedy where we know one."""
    words = words_of(error)
    text = f"Slurm does not take the job: {words or 'sbatch gives no reason'}"
    for pattern, remedy in _REMEDIES:
        if re.search(pattern, words, re.IGNORECASE):
            return SpawnFailed("EINVAL", f"{text} ({remedy})")
    return SpawnFailed("EINVAL", text)


def missing(error: str) -> SpawnFailed:
    """A command that cannot be used."""
    return SpawnFailed("ENOENT", f"{error}; Slurm's commands have to be installed and configured on this machine")


def too_wide(cpus: int, most: int, partition: str | None) -> SpawnFailed:
    """More processors than any node has: sbatch takes such a job, and Slurm never starts it."""
    where = f"the partition {partition}" if partition else "the cluster"
    text = f"it wants {cpus} processors, and no node of {where} has more than {most}"
    return SpawnFailed("EINVAL", f"{text} (`sinfo --format='%P %c %m'` lists them; the task asks in `resources`)")
