"""A SLURM of one node on loopback, from Debian's package `slurm-wlm`, with its state in a folder.

Jobs are signed by nobody (`auth/none`), so that no further daemon is needed, and their processes
are found by their parents, without cgroups.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

CONFIG = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
StateSaveLocation={place}
SlurmdSpoolDir={place}/spool
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd.pid
SlurmctldLogFile={place}/slurmctld.log
SlurmdLogFile={place}/slurmd.log
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=1000
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""
DAEMONS = ("slurmctld", "slurmd")
START_TIME = 60.0  # seconds


def missing() -> str:
    """Why it cannot be started here; "" if it can."""
    absent = [name for name in (*DAEMONS, "sbatch") if not shutil.which(name)]
    if absent:
        return f"needs {', '.join(absent)}"
    return "" if os.getuid() == 0 else "needs root"


@contextmanager
def cluster(place: Path) -> Iterator[None]:
    """Daemons that take jobs from this process, two cores' worth at a time; none is left after."""
    place.mkdir()
    host, config = socket.gethostname().partition(".")[0], place / "slurm.conf"
    with ExitStack() as sockets:
        both = [sockets.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in DAEMONS]
        ports = [each.getsockname()[1] for each in both]
    config.write_text(CONFIG.format(host=host, ports=ports, place=place), encoding="utf-8")
    os.environ["SLURM_CONF"] = str(config)
    daemons = [
        subprocess.Popen([name, "-D", "-f", str(config)], stderr=subprocess.DEVNULL)
        for name in DAEMONS
    ]
    try:
        deadline = time.monotonic() + START_TIME
        while said("sinfo", "-h", "-o", "%T") != "idle":
            assert time.monotonic() < deadline, (place / "slurmctld.log").read_text()
            time.sleep(0.2)
        yield
    finally:
        said("scancel", "--user=root", "--signal=KILL")
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait()
        del os.environ["SLURM_CONF"]


def said(*command: str) -> str:
    """What a command of SLURM prints, without spaces around it."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def state(job: str) -> str:
    """Such as RUNNING, PENDING or COMPLETED; "" when SLURM has forgotten the job."""
    words = said("scontrol", "--oneliner", "show", "job", job).split()
    return next((word.partition("=")[2] for word in words if word.startswith("JobState=")), "")
