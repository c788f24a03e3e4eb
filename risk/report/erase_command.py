"""Erasing on the command line: its options, who is to be erased, and the certificate that is printed.

Nothing heavy is imported before it is needed.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from risk import command
from risk.command import Answer
from risk.disk import journal, paths
from risk.errors import DataError, UsageError
from risk.settings.settings import Settings, for_practice
from risk.text import counted, event, in_short, log, one_line

if TYPE_CHECKING:
    from risk.report.erasing import Certificate
    from risk.report.named_clients import Home

RETRAIN = "python fullprocess.py --force"
DEPLOY = "python deployment.py --force REASON"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--erase",
        metavar="CLIENT",
        help="erase a client from everything that is kept, for good; --erase=CLIENT if it begins with -",
    )
    parser.add_argument("--erase-file", metavar="FILE", help="erase the clients of a file, one on each line")
    parser.add_argument("--reason", metavar="TEXT", help="with --erase: why, for the journal; without the name")
    parser.add_argument(
        "--renew-register", metavar="REASON", help="make the register of erased clients anew of journal and key"
    )
    parser.add_argument("--retrain", action="store_true", help="with --erase: train a challenger without them at once")


def is_asked(asked: argparse.Namespace) -> bool:
    """Whether clients are to be erased. Raises: UsageError where an option stands without the one it goes with."""
    if asked.erase is None and asked.erase_file is None:
        if asked.reason is not None or asked.retrain:
            raise UsageError("--reason and --retrain go with --erase or --erase-file; see --help")
        return False
    return True


def erase(settings: Settings, asked: argparse.Namespace) -> Answer:
    """Erase clients from everything that is kept, practice included, and return the certificate."""
    from risk.reading import erased
    from risk.report import erasing, named_clients

    named, practice = clients(asked), for_practice(settings)
    erasing.check(named, asked.reason)
    places = {"production": settings}
    if not asked.practice and os.path.lexists(practice.ingested / paths.CURRENT):
        places["practice"] = practice
    known: dict[str, set[str]] = {}
    certificates: dict[str, Certificate] = {}
    for place, of in places.items():
        with command.writing(of, finishes_erasure=True):
            done = erasing.resume(_home(of))
            known[place] = named_clients.known(_home(of), named)
            if done and set(done.clients) == set(erased.read(of.production).digests_of(named)):
                certificates[place] = done  # the same was asked for before, and cut off
    if nobody := [it for it in named if not any(it in some for some in known.values())]:
        raise DataError(
            f"no such client: {', '.join(map(in_short, nobody))}. Nothing was changed. "
            "Name them exactly as the files do; who was never taken in needs no erasing."
        )
    for place in [it for it, some in known.items() if some and it not in certificates]:
        with command.writing(places[place]):
            certificates[place] = erasing.erase(_home(places[place]), named, asked.reason)
    certificates = {place: certificates[place] for place in places if place in certificates}
    numbers = {
        erased.read(places[place].production).digests_of([name])[0]: number
        for place in certificates for number, name in enumerate(named, 1)
    }  # fmt: skip
    told = answer(certificates, settings, numbers)
    return _retrained(told, settings, practice=asked.practice) if asked.retrain else told


def renew_register(settings: Settings, reason: str) -> Answer:
    """Make the register of journal and key, or give it up where the key is lost; a person's act in the journal."""
    from risk.reading import erased

    with command.writing(settings, finishes_erasure=True):
        n = erased.renew(settings.production)
        act = {"kind": "act", "act": erased.RENEWED, "reason": reason, "n_clients": n}
        journal.append(settings.production / paths.JOURNAL, act)
    told = f"{counted(n, 'erased client')} as before" if n else "given up: there is no key, so erased clients are"
    line = f"register: {told}{'' if n else ' taken in again where a file holds them; erase them again then'}"
    return Answer(line, {"outcome": "register renewed" if n else "register given up", "n_clients": n})


def finish(settings: Settings, *, is_locked: bool = False) -> None:
    """Finish an erasure that was cut off, if one was."""
    if not (settings.production / paths.ERASING).exists():
        return
    from risk.report import erasing

    with contextlib.nullcontext() if is_locked else command.writing(settings, finishes_erasure=True):
        if done := erasing.resume(_home(settings)):
            left = sum(done.left.values())
            again = "type the same --erase again for the certificate"
            log.warning(
                event("an erasure that was cut off is finished", clients=len(done.clients), left=left, now=again)
            )


def _home(settings: Settings) -> Home:
    from risk.report.named_clients import Home

    others = (settings.input, settings.holdout, settings.outcomes)
    return Home(
        settings.production, settings.ingested, settings.models, settings.outcomes, others, settings.schema,
        settings.input_folder_path, settings.size_cap, settings.max_final_rows,
    )  # fmt: skip


def _retrained(told: Answer, settings: Settings, *, practice: bool) -> Answer:
    """Train a challenger on what is left, in a process of its own, and add what it says."""
    from risk.decision.approval import WAITING

    script, log_of_runs = Path(__file__).parents[2] / "fullprocess.py", settings.production / paths.JOURNAL
    words = [sys.executable, str(script), "--force", "--config", str(settings.source_file)]
    under_way = journal.next_run(log_of_runs)
    run = subprocess.run([*words, *(["--practice"] if practice else [])], capture_output=True, text=True, check=False)
    said = run.stdout.splitlines()[:1] or run.stderr.splitlines()[-1:] or [f"it ended with exit code {run.returncode}"]
    record = next((it for it in journal.runs(log_of_runs) if it["run"] >= under_way), {})
    is_trained = bool(record.get("challenger"))
    lines = [told.line, f"  {'retrained' if is_trained else 'not retrained'}: {said[0]}"]
    if is_trained and record["outcome"] not in ("deployed", WAITING):
        lines.append(f"  the live release stays; to deploy the challenger all the same: {DEPLOY}")
    fields = {**told.fields, "retrained": is_trained, "retraining": said[0]}
    return replace(told, line="\n".join(lines), fields=fields, exit_code=told.exit_code or run.returncode)


def clients(asked: argparse.Namespace) -> list[str]:
    """The ids that are named on the command line and in the file. Raises: UsageError."""
    if asked.reason is None:
        raise UsageError("--erase needs --reason. Nothing was changed. Say why, without the name of the client.")
    lines: list[str] = []
    if asked.erase_file is not None:
        try:
            lines = Path(asked.erase_file).read_text(encoding="utf-8-sig").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8"
            raise UsageError(
                f"--erase-file: {asked.erase_file} cannot be read ({why}). Nothing was changed."
            ) from error
    named = [asked.erase.strip(" ")] if asked.erase is not None else []
    named += [_cell(line.strip(" \r")) for line in lines]
    return list(dict.fromkeys(it for it in named if it))


def _cell(line: str) -> str:
    """A line of a file of clients: a CSV of one column where it is quoted as such, else as it is."""
    try:
        (record,) = csv.reader([line], strict=True) if line.startswith('"') else ([line],)
    except csv.Error:
        return line
    return record[0].strip(" ") if len(record) == 1 else line


def answer(certificates: Mapping[str, Certificate], settings: Settings, numbers: Mapping[str, int]) -> Answer:
    """The certificate, installation by installation; exit code 1 where a client is left in anything that is kept.

    `numbers` are the places of the clients, by their digests, among those who were named.
    """
    n_clients = len({*numbers.values()})
    lines = [f"erased: {counted(n_clients, 'client')}"]
    for place, it in certificates.items():
        lines += [f"{place}:" if len(certificates) > 1 else "", *_lines(it, settings, numbers)]
    left = sum(sum(it.left.values()) for it in certificates.values())
    told = {place: asdict(it) for place, it in certificates.items()}
    fields = {"outcome": "erased", "n_clients": n_clients, "left": left, "certificates": told}
    return Answer("\n".join(line for line in lines if line), fields, exit_code=1 if left else 0)


def _lines(it: Certificate, settings: Settings, numbers: Mapping[str, int]) -> list[str]:
    """First what came of it, then the details."""
    root, rows, files = settings.root, counted(it.n_rows, "accepted row"), counted(len(it.rewritten), "file")
    lines = [f"  searched everything that is kept: {counted(sum(it.left.values()), 'occurrence')} left"]
    lines += [f"  LEFT: {n} in {_below(path, root)}" for path, n in it.left.items()]
    for path, n in it.sources.items():
        what = counted(n, "row") if n >= 0 else "it could not be read"
        is_tested = Path(path).is_relative_to(settings.holdout)
        after = "it is test data, and is read as it is" if is_tested else "such rows are refused"
        lines.append(f"  a file of others still holds them: {_below(path, root)} ({what}); {after}")
    lines += [f"  trained on them: {name}" for name in it.trained]
    if it.trained:
        lines.append(f"  a model file holds no client's name; for one that never saw these rows: {RETRAIN}")
    for name, n_levels in it.levels.items():
        values = counted(n_levels, "value")
        lines.append(f"  {name}: {values} of it only rows of theirs had; cards and model files may still hold it")
    if it.ambiguous:
        which = ", ".join(map(str, sorted(numbers.get(digest, 0) for digest in it.ambiguous)))
        told = "is a number or a word of other things too: looked for where a client is meant, and in quotes"
        lines.append(f"  of those named, number {which} {told}")
    lines.append(f"  {rows} left the parts; {files} rewritten, {len(it.gone)} removed")
    lines += [f"  keyed digest {digest}" for digest in it.clients]
    lines += [f"  rewritten: {_below(path, root)}" for path in it.rewritten]
    lines += [f"  removed: {_below(path, root)}" for path in it.gone]
    return [*lines, *(f"  digest {was[:16]}… is now {now[:16]}…" for was, now in it.replaced.items())]


def _below(path: str, root: Path) -> str:
    return one_line(path.removeprefix(f"{root}/"))
