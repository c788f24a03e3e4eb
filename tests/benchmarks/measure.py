"""CPU seconds of whole processes, as the operating system accounts for them."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Table:
    """One benchmark: its title, what it is, and rows of what was measured, the figure, the goal, held or not."""

    title: str
    about: str
    rows: Sequence[tuple[str, str, str, bool | None]]

    def text(self) -> str:
        """Return the table as Markdown."""
        words = {True: "yes", False: "**no**", None: ""}
        lines = [f"| {what} | {figure} | {goal} | {words[held]} |" for what, figure, goal, held in self.rows]
        head = ["| what | measured | goal | held |", "| --- | --- | --- | --- |"]
        return "\n".join([f"## {self.title}\n", self.about + "\n", *head, *lines]) + "\n"


@dataclass(frozen=True)
class Used:
    """What one whole process used: CPU and wall seconds, peak memory in GB (at least that of the process that asks)."""

    cpu: float
    wall: float
    peak_gb: float


def cpu_seconds(command: Sequence[str], times: int = 1, cwd: Path = ROOT) -> float:
    """Return the median CPU seconds (user and system) of the command. Raises: RuntimeError when it fails."""
    return statistics.median(used(command, cwd).cpu for _ in range(times))


def used(command: Sequence[str], cwd: Path = ROOT) -> Used:
    """Return what the command used. Raises: RuntimeError when it fails."""
    os.sync()  # what others have yet to write is not this command's work
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=cwd)
    _, error = process.stderr.read() if process.stderr else b"", b""
    _, status, rest = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {process.returncode}: {error.decode()}")
    return Used(rest.ru_utime + rest.ru_stime, time.monotonic() - started, rest.ru_maxrss / 1e6)


@contextmanager
def installation(*folders: str) -> Iterator[Path]:
    """Give a folder with config.json and the named data folders of the project, to run in."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        for name in folders:
            shutil.copytree(ROOT / name, root / name)
        shutil.copy(ROOT / "config.json", root)
        yield root


def full_process(root: Path) -> list[str]:
    """Return the command of one whole run in an installation."""
    return [sys.executable, str(ROOT / "fullprocess.py"), "--config", str(root / "config.json")]
