"""The idle tick: has anything changed since the last finished run? Answered with json, os and hashlib alone.

A tick that has nothing to do must cost next to nothing, so this module imports nothing heavy and parses no arguments
but the three that a cron line may carry.
"""

from __future__ import annotations

import hashlib
import json
import os
import time

from risk.disk import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from risk.settings.settings import Settings

NOTHING = "no new data"
IDLE: dict[str, object] = {"outcome": NOTHING, "verdict": None, "reason": NOTHING, "reason_to_train": None, "steps": []}
_WORKBOOKS = ".venv/.installed-xlsx"  # once it is there, workbooks are no longer passed over
_TEMPORARY = (".part", ".tmp")


def config_path(arguments: list[str]) -> str:
    """Return the settings file: --config FILE, else RISK_CONFIG, else config.json here or beside the scripts."""
    for place, word in enumerate(arguments):
        if word == "--config" and place + 1 < len(arguments):
            return arguments[place + 1]
        if word.startswith("--config="):
            return word.partition("=")[2]
    if os.environ.get("RISK_CONFIG"):
        return os.environ["RISK_CONFIG"]
    return paths.CONFIG if os.path.exists(paths.CONFIG) else os.path.join(_program_folder(), paths.CONFIG)


def idle(arguments: list[str]) -> bool:
    """Return True when nothing differs from what the last finished run saw; then touch the lock file as a heartbeat."""
    plain = [word for word in arguments if word not in ("--json", "--practice")]
    if plain and not (plain[0].startswith("--config") and len(plain) == 2 - ("=" in plain[0])):
        return False
    path = config_path(arguments)
    try:
        production = _production(path, "--practice" in arguments)
        remembered = read(production)
        if is_due(remembered) or recorded(production) < remembered.get("journal", 0):
            return False
        if remembered.get("delivers") and is_owed(production, remembered["journal"]):
            return False
        folder = os.path.dirname(os.path.abspath(path))
        watched, links = ([os.path.join(folder, it) for it in remembered[key]] for key in ("folders", "links"))
        if remembered.get("state") != state(observe(path, watched), links):
            return False
        os.utime(os.path.join(production, paths.LOCK))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False
    return True


def is_due(remembered: dict) -> bool:  # type: ignore[type-arg]
    """Return True when time alone is news: new rows have not come as expected, or the call list changes by its day."""
    return bool(remembered.get("due")) and time.time() > remembered["due"]


def is_owed(production: str, journal: int) -> bool:
    """Return True when a message waits for its next try, or nobody has looked for messages since this journal line."""
    with open(os.path.join(production, paths.DELIVERY), encoding="utf-8") as file:
        delivery = json.load(file)
    next_try = delivery["next_try"]
    return delivery["journal"] < journal or (next_try is not None and time.time() >= next_try)


def recorded(production: str) -> int:
    """Return how many bytes the journal has: it only grows, and one that was lost or cut is work."""
    seen = signature(os.path.join(production, paths.JOURNAL))
    return seen[0] if seen else 0


def read(production: str) -> dict:  # type: ignore[type-arg]
    """Return what the last finished run remembered; an empty dict where it is lost: then everything is looked at."""
    try:
        with open(os.path.join(production, paths.TICK), encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def answer(arguments: list[str]) -> str:
    """Return what an idle tick says: one line, or with --json what the last run left, with nothing done or decided."""
    if "--json" not in arguments:
        return NOTHING
    told = read(_production(config_path(arguments), "--practice" in arguments))["told"]
    return json.dumps(told | IDLE, ensure_ascii=False)


def remember(settings: Settings, observed: str, answer: dict, due: float | None = None) -> None:  # type: ignore[type-arg]
    """Keep what a finished run saw at its beginning, where the links point at its end, and its answer.

    Places are those of the settings: a copy of an installation is looked at itself. Losing it costs one look. Where a
    database is a source no tick is idle before that was asked. From `due` (seconds since 1970) on the next tick is
    work: new rows should have come, or the call list changes with the day.
    """
    from risk.disk import files
    from risk.settings.settings import unplaced

    told = unplaced(settings)
    kept = {
        "state": "" if settings.source else state(observed, [str(link) for link in settings.links]),
        "folders": [str(folder) for folder in told.watched],
        "links": [str(link) for link in told.links],
        "due": due,
        "delivers": settings.deliver.is_wanted,
        "told": answer,
        "journal": recorded(str(settings.production)),
    }
    files.write(settings.production / paths.TICK, json.dumps(kept).encode("utf-8", "surrogateescape"))


def observe(config: str, folders: list[str]) -> str:
    """Return a digest of the settings file, the program and the listing of the folders; some may be files."""
    with open(config, "rb") as file:
        seen = hashlib.sha256(file.read())
    seen.update(_program().encode())
    for folder in folders:
        for name, size, modified, _, inode in sorted(listing(folder)):
            seen.update(f"{name}\0{size}\0{modified}\0{inode}\0".encode("utf-8", "surrogateescape"))
        if os.path.isfile(folder):
            seen.update(repr(signature(folder)).encode())
        seen.update(b"\0\0")
    return seen.hexdigest()


def state(observed: str, links: list[str]) -> str:
    """Return a digest of what was observed, of where the links that we move point now, and of the files behind them."""
    targets = [str(contents(link)) for link in links]
    return hashlib.sha256("\0".join([observed, *targets]).encode("utf-8", "surrogateescape")).hexdigest()


def contents(link: str) -> list[object]:
    """Return where a link points, and the signature of every file in the folder that it names, or of its file."""
    target = os.readlink(link) if os.path.islink(link) else ""
    try:
        names = sorted(os.listdir(link))
    except OSError:
        return [target, signature(link)]
    return [target, *((name, signature(os.path.join(link, name))) for name in names)]


def signature(path: str) -> tuple[int, int, int] | None:
    """Return what changes when a file is damaged or replaced: its size, mtime (ns) and inode; None where it is not."""
    try:
        seen = os.stat(path)
    except OSError:
        return None
    return seen.st_size, seen.st_mtime_ns, seen.st_ino


def listing(folder: str, below: str = "", root: str = "") -> list[tuple[str, int, int, int, int]]:
    """Return name below the folder, size, mtime, ctime (ns) and inode of every file that may be a source.

    Hidden and temporary names are passed over. Of a link that leads to no file of the folder the link itself is told,
    and a folder below that cannot be read as a name that ends in «/».
    """
    found: list[tuple[str, int, int, int, int]] = []
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return found
    except OSError:
        if not below:
            raise
        return [(below, *_signature(os.lstat(folder)))]
    for entry in entries:
        name = entry.name
        if not may_be_a_source(name):
            continue
        if entry.is_dir(follow_symlinks=False):
            found += listing(entry.path, below + name + "/", root or folder)
            continue
        try:
            seen = entry.stat(follow_symlinks=not entry.is_symlink() or leads_inside(entry.path, root or folder))
        except FileNotFoundError:  # it has just gone
            continue
        except OSError:
            found.append((below + name, 0, 0, 0, 0))
            continue
        found.append((below + name, *_signature(seen)))
    return found


def may_be_a_source(name: str) -> bool:
    """Return False for the name of a hidden or temporary file or folder."""
    return not (name.startswith((".", "~")) or name.endswith(_TEMPORARY))


def leads_inside(link: str, folder: str) -> bool:
    """Return whether a link leads to a file inside the folder, after all links."""
    real = os.path.realpath(link)
    return os.path.isfile(real) and real.startswith(os.path.realpath(folder) + os.sep)


def _signature(seen: os.stat_result) -> tuple[int, int, int, int]:
    return seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino


def _production(path: str, practice: bool) -> str:
    with open(path, "rb") as file:
        settings = json.load(file)  # of bytes: a mark before them is passed over
    folder = os.path.dirname(os.path.abspath(path))
    if not practice:
        return os.path.join(folder, settings["prod_deployment_path"])
    models = settings.get("practice", {}).get("output_model_path", paths.PRACTICE_MODELS)
    return os.path.join(folder, models, paths.PRODUCTION)


def _program() -> str:
    """Return the version of the program and the state of its files: another program is work, not «no new data»."""
    seen = [paths.PROGRAM]
    ours = os.path.join(_program_folder(), "risk")
    packages = sorted(entry.path for entry in os.scandir(ours) if entry.is_dir())
    for folder in (_program_folder(), ours, *packages):
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if entry.name.endswith(".py"):
                at = entry.stat()
                seen.append(f"{entry.name} {at.st_size} {at.st_mtime_ns}")
    seen.append(str(os.path.exists(os.path.join(_program_folder(), _WORKBOOKS))))
    return "\n".join(seen)


def _program_folder() -> str:
    return os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 2))
