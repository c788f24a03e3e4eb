"""A copy of an installation in a scratch folder, in which another program can be tried; the original is only read.

    python -m risk.settings.scratch_copy FOLDER_OR_SETTINGS_FILE SCRATCH

What runs write into is copied; what they only read is linked. Nothing is delivered from the copy. Prints its settings.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from risk.disk import files, paths
from risk.errors import BusyError, ConfigError, RiskError
from risk.settings import settings_file
from risk.settings.settings import load

WRITTEN = ("output_folder_path", "output_model_path", "prod_deployment_path")
READ = ("input_folder_path", "test_data_path", "outcomes_path", "next_steps_path")
NESTED = "1/2/3/4"  # below the scratch folder, so that paths which begin with «..» stay in it


def copied(place: Path, scratch: Path) -> Path:
    """Copy an installation, by its folder or settings file, and return the settings file of the copy.

    Raises: ConfigError, BusyError while a run is at work, DiskError.
    """
    source = place / paths.CONFIG if place.is_dir() else place
    if not source.exists():
        why = f"this folder has no {paths.CONFIG}" if place.is_dir() else "there is no such folder or file"
        advice = f"Name the folder with {paths.CONFIG}, or the settings file: make upgrade-check DATA=FOLDER"
        raise ConfigError(f"{place}: {why}. Nothing was copied. {advice}")
    found, settings = settings_file.read(source), load(source)
    root, home = settings.root, scratch / NESTED
    told = {key: str(getattr(settings, key)) for key in (*WRITTEN, *READ)}
    written = {key: path if not os.path.isabs(path) else key for key, path in told.items() if key in WRITTEN}
    links = [path for key, path in told.items() if key in READ]
    links += [path.name for path in settings.own.modules]
    if settings.source:
        links += [settings.source.url.removeprefix("sqlite:///"), settings.source.password_file or ""]
    with files.refusals(scratch), _nobody_at_work(settings.production / paths.LOCK):
        for key, path in written.items():
            target = _inside(scratch, home, path)
            if (root / told[key]).is_dir():
                shutil.copytree(root / told[key], target, symlinks=True, dirs_exist_ok=True)
        for path in links:
            if path and not os.path.isabs(path) and (root / path).exists():
                target = _inside(scratch, home, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to((root / path).resolve())
    home.mkdir(parents=True, exist_ok=True)
    made = {key: it for key, it in (found | written).items() if key != "deliver"}
    files.write(home / paths.CONFIG, files.as_json(made))
    return home / paths.CONFIG


def _inside(scratch: Path, home: Path, path: str) -> Path:
    target = Path(os.path.normpath(home / path))
    if not target.is_relative_to(scratch):
        raise ConfigError(f"{path}: it leads too far up for a copy. Nothing was copied. Write it as an absolute path.")
    return target


@contextlib.contextmanager
def _nobody_at_work(lock: Path) -> Iterator[None]:
    """Keep runs from beginning meanwhile, by the lock that is there. Raises: BusyError."""
    if not lock.exists():
        yield
        return
    with lock.open("rb") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(f"{lock}: a run is at work. Nothing was copied. Try again when it has ended.") from error
        yield


def main(words: list[str]) -> int:
    """Copy, and print where the settings of the copy lie."""
    if len(words) != 2:
        print(f"expected a folder or settings file, and a scratch folder; found {words}", file=sys.stderr)
        return 2
    try:
        print(copied(Path(words[0]), Path(words[1]).resolve()))
    except RiskError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
