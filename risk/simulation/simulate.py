"""Months of the made-up world, written as CSV files; a folder continues with the options that it was begun with.

    python -m risk.simulation.simulate                             the next month of sourcedata
    python -m risk.simulation.simulate --world change              the same, in a world where the rule for leaving turns
    python -m risk.simulation.simulate --start --clients 2000      a history from the first month on

`exited` is blank in the newest month: who leaves is known a month later. So a drop writes the newest month of the
folder again, with its labels, and then the next one without.

Reads: the newest clients_YYYY-MM.csv of the folder (which month, which clients).
Writes: clients_YYYY-MM.csv; for the group `test` testdata.csv.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from risk.command import say
from risk.errors import RiskError, UsageError
from risk.files import as_json, read_json, refusals, write
from risk.simulation._worlds import FAULTS, GROUPS, PLACES, Month, Series, history, number_of, period_of, worlds

COLUMNS = "corporation,period,owner,lastmonth_activity,lastyear_activity,number_of_employees,contract_value,exited"
BEGUN, HOLDOUT = ".simulate.json", "testdata.csv"  # the first is hidden, so it is no source
FOLDERS = {"source": Path("sourcedata"), "practice": Path("practicedata"), "test": Path("testdata")}
CLIENTS = 10_000
MONTH_FILE = re.compile(r"clients_(\d{4}-(?:0[1-9]|1[0-2]))\.csv")


@dataclass(frozen=True)
class Options:
    """What is to be written; None means the default of the act."""

    folder: Path
    world: str = "steady"
    months: int | None = None
    clients: int | None = None
    seed: int = 1
    since: int | None = None
    fault: str = FAULTS[0]
    group: str = GROUPS[0]


@dataclass(frozen=True)
class Written:
    """The files that were written, in order."""

    folder: Path
    names: tuple[str, ...]
    clients: int


def drop(options: Options) -> Written:
    """Write the labels of the newest month of the folder and the next months (one unless `months` says more).

    An empty folder gets the first month.
    Raises: UsageError when the newest file of the folder holds other clients than this world has in that month.
    """
    newest = max(_months_in(options.folder), default=0)
    known = _clients_in(options.folder / _name(newest)) if newest else []
    last = newest + (options.months or 1)
    since = _since(options, newest, last)
    told = _history(options, last, options.clients or len(known) or CLIENTS, since)
    if newest and list(told[newest - 1].client) != known:
        raise UsageError(
            f"{options.folder / _name(newest)}: its clients are not those of "
            f"{Series(options.world, since, options.seed, options.group).words}; "
            f"expected the options that the file was made with ({begun(options.folder).words}); "
            "give those, or another --folder"
        )
    _remember(options, since)
    return _write_months(options.folder, told[max(newest, 1) - 1 :])


def start(options: Options) -> Written:
    """Write a history from the first month on (eight unless `months` says else), labelled but for the newest month.

    Raises: UsageError when the folder holds months after its end.
    """
    last = options.months or 8
    later = [number for number in _months_in(options.folder) if number > last]
    if later:
        raise UsageError(
            f"{options.folder / _name(min(later))}: lies after {period_of(last)}, where the new history "
            "ends; expected no later month; remove it, or give another --folder or more --months"
        )
    since = _since(options, 0, last)
    told = _history(options, last, options.clients or CLIENTS, since)
    _remember(options, since)
    return _write_months(options.folder, told)


def hold_out(options: Options) -> Written:
    """Write testdata.csv: one labelled row per client, of a month drawn at random from the first eight (or `months`).

    The month is drawn for a place, whoever has it then: drawn from a client's own months, leavers would come too often.
    """
    last, clients = options.months or 8, options.clients or CLIENTS
    drawn = np.random.default_rng([options.seed, len(GROUPS)]).integers(1, last + 1, size=clients)
    rows: list[str] = []
    for month in _history(options, last, clients, _since(options, 0, last)):
        rows += month.csv_lines(np.flatnonzero(drawn == month.number), labelled=True)
    _write(options.folder / HOLDOUT, rows)
    return Written(options.folder, (HOLDOUT,), clients)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    given = _parser().parse_args(arguments)
    try:
        written, goes_on = _act(given)
        say(f"{written.folder}: wrote {', '.join(written.names)}; {written.clients} clients, {goes_on}")
    except RiskError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _act(given: argparse.Namespace) -> tuple[Written, str]:
    """Write what was asked for, and what was not said as the series was begun; say with which options that was."""
    folder = given.folder or FOLDERS[given.group or GROUPS[0]]
    goes_on = not given.start and given.group != "test" and bool(_months_in(folder))
    series = begun(folder) if goes_on else usual(folder)
    world = given.world or series.world
    if given.fault and world != "broken":
        raise UsageError(
            f"--fault {given.fault}: found with --world {world}; expected only with --world broken; "
            "add that, or leave --fault out"
        )
    options = Options(
        folder, world, given.months, given.clients, series.seed if given.seed is None else given.seed,
        given.since or (series.since if world == series.world else None), given.fault or FAULTS[0],
        given.group or series.group,
    )  # fmt: skip
    if options.group == "test":
        return hold_out(options), f"world {world}"
    written = start(options) if given.start else drop(options)
    return written, f"world {world}" + (f"; the series continues with {begun(folder).words}" if goes_on else "")


def usual(folder: Path) -> Series:
    """Return the series that a folder has without a file that says so."""
    return Series(group="practice" if folder == FOLDERS["practice"] else GROUPS[0])


def begun(folder: Path) -> Series:
    """Return what the series of a folder was begun with. Raises: UsageError where the file that says it is damaged."""
    path = folder / BEGUN
    if not path.is_file():
        return usual(folder)
    with contextlib.suppress(TypeError):  # no object, other names, or a list for a name
        series = Series(**read_json(path))
        numbers = [series.seed, 0 if series.since is None else series.since]
        if series.world in worlds() and series.group in GROUPS and all(type(it) is int and it >= 0 for it in numbers):
            return series
    raise UsageError(
        f"{path}: the options of this series are damaged. Nothing is written. "
        "Remove this file, and name the options once: --world, --since, --seed, --group."
    )


def _remember(options: Options, since: int) -> None:
    """Keep what the next month must know; the clients of a broken month are those of the steady world."""
    steady, path = options.world in ("steady", "broken"), options.folder / BEGUN
    series = Series("steady" if steady else options.world, None if steady else since, options.seed, options.group)
    with refusals(path):
        path.unlink(missing_ok=True)
    if series != usual(options.folder):
        write(path, as_json(asdict(series)))


def _since(options: Options, newest: int, last: int) -> int:
    # A changed rule shows in labels, so it begins with the month that this drop labels; the rest shows in the new rows.
    shown_by = {"broken": last, "harmless": newest + 1}
    return options.since or shown_by.get(options.world, max(newest, 1))


def _history(options: Options, last: int, clients: int, since: int) -> list[Month]:
    chosen = {"seed": options.seed, "since": since, "fault": options.fault, "group": options.group}
    return list(history(options.world, last, clients=clients, **chosen))  # type: ignore[arg-type]


def _name(number: int) -> str:
    return f"clients_{period_of(number)}.csv"


def _months_in(folder: Path) -> list[int]:
    found = [MONTH_FILE.fullmatch(path.name) for path in folder.glob("clients_*.csv")]
    return [number for match in found if match and (number := number_of(match[1])) >= 1]


def _clients_in(path: Path) -> list[str]:
    with refusals(path), path.open(encoding="utf-8", errors="replace") as file:
        return [line.partition(",")[0] for line in islice(file, 1, None)]


def _write_months(folder: Path, months: Sequence[Month]) -> Written:
    """Write the months in order: killed between two of them, the next drop goes on from the last one written."""
    for month in months:
        _write(folder / _name(month.number), month.csv_lines(slice(None), labelled=month is not months[-1]))
    return Written(folder, tuple(_name(month.number) for month in months), len(months[0].client))


def _write(path: Path, rows: Sequence[str]) -> None:
    write(path, (COLUMNS + "\n" + "".join(rows)).encode())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m risk.simulation.simulate", description="Write made-up months.")
    told = "; ".join(f"{name}: {meaning}" for name, meaning in worlds().items())
    since = "the month that this drop labels; for harmless and broken the month that it adds; with --start and for "
    since = f"first month of the change (default: {since}the group test the first)"
    add, of_series = parser.add_argument, "default: as the series was begun, else"
    add("--folder", type=Path, help="default: sourcedata, practicedata or testdata, by group")
    add("--clients", type=_count, help=f"default: as many as the newest file holds, else {CLIENTS}")
    add("--world", choices=list(worlds()), help=f"{of_series} steady ({told})")
    add("--since", type=_month_number, metavar="YYYY-MM", help=since)
    add("--fault", choices=FAULTS, help=f"of the world broken (default: {FAULTS[0]})")
    add("--months", type=_count, help="how many (default: 1; 8 with --start and for the group test)")
    add("--seed", type=int, choices=range(1_000_000), metavar="N", help=f"{of_series} 1")
    add("--start", action="store_true", help="write a whole history from the first month on")
    add("--group", choices=GROUPS, help="whose clients: no client is in two groups")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= PLACES:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1 to {PLACES}")
    return int(text)


def _month_number(text: str) -> int:
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text) or number_of(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a month from {period_of(1)} on, such as {period_of(9)}")
    return number_of(text)


if __name__ == "__main__":
    sys.exit(main())
