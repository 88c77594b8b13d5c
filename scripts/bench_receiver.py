"""This node as a receiver of the harness in ../shared/bench: how it is started, and how what it holds is looked at.

The harness counts one Part 10 file per instance. The node appends to segments, so its objects are exported: from its data
folder when it stands still, else from a copy of the spool alone, which then has to give its index back as well.
"""
import json
import os
import shutil
import subprocess
from pathlib import Path

import peers

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = Path(os.environ.get("RESETRAY_BIN", ROOT / "target/release/resetray"))
HELD = {}                                 # receiver name: instances that each instance of it held at its end
COUNT_AT_END = []                         # not empty where the bursts' instances are counted when a receiver is stopped
WARM_UP_INSTANCES = 5                     # of load.bursts
SPOOL_COPY_SECONDS_MAX = 60
NOT_APPLICABLE = "not applicable"


class Resetray(peers.Receiver):
    name, needs, version_cmd = "resetray", str(PROGRAM), [str(PROGRAM), "--version"]
    durability = "flush"

    def environment(self, data):
        return {
            "RESETRAY__NODE__DATA_DIR": str(data),
            "RESETRAY__NODE__RESULTS_DIR": str(self.work / "results"),
            "RESETRAY__NODE__BIND": f"127.0.0.1:{self.port}",
            "RESETRAY__NODE__ASSOCIATIONS": "2048",
            "RESETRAY__NODE__ASSOCIATIONS_PER_PEER": "2048",
            "RESETRAY__DURABILITY__MODE": self.durability,
            "RESETRAY__RETENTION__FREE_SPACE_MIN_BYTES": "1048576",
            "RESETRAY__TIMEOUTS__IDLE_SECONDS": "60",
            "RESETRAY__TIMEOUTS__OBJECT_SECONDS": "30",
            # The receiver is measured here: no series is settled while it runs.
            "RESETRAY__COMPLETENESS__QUIET_SECONDS": "3600",
            "RESETRAY__COMPLETENESS__QUIET_AFTER_RELEASE_SECONDS": "3600",
            "RESETRAY__COMPLETENESS__DEADLINE_SECONDS": "86400",
        }

    def setup(self):
        self.env = self.environment(self.folder)
        (self.work / "resetray.toml").write_text(f'[[application_entity]]\ntitle = "{self.ae}"\n')

    def argv(self):
        return [PROGRAM, "--config", self.work / "resetray.toml", "serve"]

    def command(self, data, *arguments):
        return subprocess.run([PROGRAM, "series", *arguments], env={**os.environ, **self.environment(data)},
                              capture_output=True, text=True)

    def running(self):
        return self.proc is not None and self.alive()

    def resting(self):
        """A data folder that no process holds: the node's own, or a copy of its spool while it runs."""
        if not self.running():
            return self.folder
        copy = self.work / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for part in ("spool", "site-secret"):
            if (self.folder / part).exists():
                subprocess.run(["cp", "-a", "--sparse=always", self.folder / part, copy], check=True,
                               timeout=SPOOL_COPY_SECONDS_MAX)
        return copy

    def files(self):
        """{path of an exported object: its size}, absolute, since the objects are exported outside the data folder."""
        out = self.work / "exported"
        shutil.rmtree(out, ignore_errors=True)
        if self.proc is None or not self.folder.exists():
            return {}
        done = self.command(self.resting(), "export", "--out", out)
        if done.returncode != 0:
            raise OSError(f"export failed: {done.stderr.strip()[-200:]}")
        return {str(path): path.stat().st_size for path in out.iterdir()}

    def count(self):
        """Nothing while it runs; what it held is counted at its end, see `say_held`."""
        return 0

    def listed(self, data):
        done = self.command(data, "list", "--json")
        return sum(one["instances"] for one in json.loads(done.stdout)) if done.returncode == 0 else None

    def start(self, wait=20.0):
        # What the index knows after a crash; the running node does not tell it.
        self.known = self.listed(self.folder) if self.proc is not None else None
        return super().start(wait)

    def indexed(self):
        return self.known

    def stop(self, keep=False):
        if COUNT_AT_END and self.running():
            super().stop(keep=True)
            HELD.setdefault(self.name, []).append(self.listed(self.folder))
        super().stop(keep)


class ResetrayWrite(Resetray):
    name, durability = "resetray-write", "write"


def register():
    for receiver in (Resetray, ResetrayWrite):
        peers.PEERS[receiver.name] = receiver


def adapt(faults):
    """The node holds its segments open, so that the kernel does not make their file system read-only under it: the case
    is then answered by what the kernel says, not by the node."""
    remount = faults.remount

    def careful(trial, options):
        try:
            remount(trial, options)
        except subprocess.CalledProcessError as error:
            if options == "ro":
                raise OSError(f"{NOT_APPLICABLE}: files are open, the kernel refuses read-only") from error
            raise
    faults.remount = careful


def say_held(repetitions):
    """Compares what was acknowledged in the bursts with what the receivers held at their end; returns how many differ."""
    wrong = 0
    for name, held in HELD.items():
        for one, count in zip(repetitions, held):
            acknowledged = WARM_UP_INSTANCES + sum(burst["ok"] for burst in one[name].values())
            wrong += count != acknowledged
            print(f"{name}: {acknowledged} acknowledged, {count} held")
    return wrong
