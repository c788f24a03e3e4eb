"""The packages that the project needs: what is required, what is installed and, when asked, what is the newest."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from risk.errors import RiskError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TELLING = {"sklearn": 9, "numpy": 1, "python": 2}  # numbers of a version by which a model may open or answer otherwise
_CALLED = {"sklearn": "scikit-learn"}
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
    """Return the direct dependencies; with what an index said, the newest version of each."""
    found = []
    for name, pin in required(root).items():
        installed = _installed(name)
        latest = newest.get(name, installed) if newest is not None else None
        found.append(Package(name, pin, installed, latest, latest == installed if latest else None))
    return found


def other_versions(made_with: object) -> str | None:
    """Return the sentence that warns of a model made with other versions than are installed; None where it was not."""
    told = made_with if isinstance(made_with, Mapping) else {}
    was_made = {str(name): version for name, version in told.items() if isinstance(version, str)}
    here = {name: _installed(_CALLED.get(name, name)) for name in _TELLING} | {"python": sys.version.split()[0]}
    others = [
        name
        for name, count in _TELLING.items()
        if name in was_made and was_made[name].split(".")[:count] != str(here[name]).split(".")[:count]
    ]
    if not others:
        return None
    was, now = (" and ".join(f"{_CALLED.get(it, it)} {said[it]}" for it in others) for said in (was_made, here))
    return (
        f"The model was made with {was}; installed is {now}. Its answers may differ; "
        "python fullprocess.py --force makes a model of the installed versions."
    )


def ask_index() -> dict[str, str]:
    """Return the newest version of every outdated package, by the user's own pip configuration.

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


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line and not line[0].isspace()]
    except FileNotFoundError:
        return []
