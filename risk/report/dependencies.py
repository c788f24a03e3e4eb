"""The packages that the project needs: what is required, what is installed and, when asked, what is the newest."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from risk.errors import RiskError
from risk.registry.releases import installed

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PROBE = ("pip", "--retries", "0", "--timeout", "5")


@dataclass(frozen=True)
class Package:
    """One package; `newest` and `up_to_date` are None until somebody asked an index."""

    name: str
    required: str
    installed: str | None
    newest: str | None = None
    up_to_date: bool | None = None


def required(root: Path) -> dict[str, str]:
    """Return each direct dependency of requirements.txt with its pin from requirements.lock, else its bound."""
    lines = (line.partition("#")[0].strip() for line in _lines(root / "requirements.txt"))
    direct = {match.group().lower(): line[match.end() :].strip() for line in lines if (match := _NAME.match(line))}
    pins = dict(
        line.split(" ")[0].split("==", 1) for line in _lines(root / "requirements.lock") if "==" in line.split(" ")[0]
    )
    return {name: pins.get(name, bound) for name, bound in sorted(direct.items())}


def packages(root: Path, newest: dict[str, str] | None = None) -> list[Package]:
    """The direct dependencies; with what an index said, the newest version of each."""
    found = []
    for name, pin in required(root).items():
        here = installed(name)
        latest = newest.get(name, here) if newest is not None else None
        found.append(Package(name, pin, here, latest, latest == here if latest else None))
    return found


def ask_index() -> dict[str, str]:
    """The newest version of every outdated package, by the user's own pip configuration.

    Raises: RiskError when no index answers: pip itself would then list nothing and look content.
    """
    if _pip("index", "versions", *_PROBE).returncode != 0:
        raise RiskError(
            "dependencies: no package index answers, so what is newest could not be checked; try again when connected"
        )
    listed = _pip("list", "--outdated", "--format", "json")
    try:
        return {row["name"].lower(): row["latest_version"] for row in json.loads(listed.stdout)}
    except (ValueError, KeyError, TypeError) as error:
        raise RiskError(
            f"dependencies: pip gave no list ({listed.stderr.strip()[-200:]}); run pip list --outdated to see"
        ) from error


def _pip(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line and not line[0].isspace()]
    except FileNotFoundError:
        return []
