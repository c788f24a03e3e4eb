"""The options that a series of made-up months was begun with, so that it continues with them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from risk import files
from risk.errors import UsageError
from risk.simulation._worlds import GROUPS, period_of, worlds

NAME = ".simulate.json"  # hidden, so it is no source
FOLDERS = {"source": Path("sourcedata"), "practice": Path("practicedata"), "test": Path("testdata")}


@dataclass(frozen=True)
class Series:
    """What decides which clients a folder holds; `since` is the number of the month in which the change began."""

    world: str = "steady"
    since: int | None = None
    seed: int = 1
    group: str = GROUPS[0]

    @property
    def words(self) -> str:
        """The options as they are typed."""
        since = f" --since {period_of(self.since)}" if self.since else ""
        return f"--world {self.world}{since} --seed {self.seed} --group {self.group}"


def usual(folder: Path) -> Series:
    """Return what goes on in a folder without being remembered."""
    return Series(group="practice" if folder == FOLDERS["practice"] else GROUPS[0])


def begun(folder: Path) -> Series:
    """Return what the series of a folder was begun with. Raises: UsageError where what is kept of it is damaged."""
    path = folder / NAME
    if not path.is_file():
        return usual(folder)
    try:
        series = Series(**files.read_json(path))
        numbers = [series.seed, 0 if series.since is None else series.since]
        if series.world in worlds() and series.group in GROUPS and all(type(it) is int and it >= 0 for it in numbers):
            return series
    except TypeError:  # no object, other names, or a list for a name
        pass
    raise UsageError(
        f"{path}: the options of this series are damaged. Nothing is written. "
        "Remove this file, and name the options once: --world, --since, --seed, --group."
    )


def remember(folder: Path, series: Series) -> None:
    """Keep what a folder was begun with."""
    path = folder / NAME
    with files.refusals(path):
        path.unlink(missing_ok=True)
    if series != usual(folder):
        files.write(path, files.as_json(asdict(series)))
