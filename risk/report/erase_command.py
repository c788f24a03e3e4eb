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
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from risk import command
from risk.command import Answer
from risk.disk import journal, paths
from risk.errors import UsageError
from risk.report import certificate
from risk.report.certificate import PRACTICE, PRODUCTION, Certificate
from risk.settings.settings import Settings, for_practice
from risk.text import check_text, counted, event, in_short, log

if TYPE_CHECKING:
    from risk.report.named_clients import Home

DEPLOY = {
    PRODUCTION: "python deployment.py --force REASON",
    PRACTICE: "python deployment.py --practice --force REASON",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--erase",
        metavar="CLIENT",
        help="erase a client from everything that is kept, for good; --erase=CLIENT if it begins with -",
    )
    parser.add_argument("--erase-file", metavar="FILE", help="erase the clients of a file, one on each line")
    parser.add_argument("--reason", metavar="TEXT", help="with --erase: why, for the journal; without the name")
    parser.add_argument(
        "--renew-register", metavar="REASON", help="make the register of erased clients again from journal and key"
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
    """Erase clients from everything that is kept, practice included, and return the certificate.

    All places refuse them from then on, also one that has not met them; with --practice it is practice alone.
    """
    from risk.reading import erased
    from risk.report import erasing, named_clients

    named, practice = clients(asked), for_practice(settings)
    erasing.check(named, asked.reason)
    places = {PRACTICE if asked.practice else PRODUCTION: settings}
    if not asked.practice and os.path.lexists(practice.ingested / paths.CURRENT):
        places[PRACTICE] = practice
    known: dict[str, set[str]] = {}
    certificates: dict[str, Certificate] = {}
    for place, of in places.items():
        with command.writing(of, finishes_erasure=True):
            done = _carried_out(of)
            known[place] = named_clients.known(_home(of), named)
            if done and set(done[0].clients) == set(erased.read(of.production).digests_of(named)):
                certificates |= _placed(place, done)  # the same was asked for before, and cut off
    if nobody := [it for it in named if not any(it in some for some in known.values())]:
        raise UsageError(
            f"no such client: {', '.join(map(in_short, nobody))}. Nothing was changed. "
            "Name them exactly as the files do; who was never taken in needs no erasing."
        )
    for place, of in places.items():
        if place not in certificates:
            with command.writing(of):
                follows = place == PRODUCTION and PRACTICE in places
                erasing.begin(_home(of), erasing.new_order(named, asked.reason, practice=follows))
                certificates |= _placed(place, _carried_out(of))
    certificates = {place: certificates[place] for place in places if place in certificates}
    registers = [erased.read(places[place].production) for place in certificates]
    numbers = {it.digests_of([name])[0]: number for it in registers for number, name in enumerate(named, 1)}
    told = certificate.answer(certificates, settings.root, settings.holdout, numbers)
    return _retrained(told, settings, certificates) if asked.retrain else told


def _carried_out(settings: Settings) -> list[Certificate]:
    """Carry out the order of an installation, and in practice where that follows; nothing where there is none.

    The order goes when both are done: whoever is killed before leaves it to the next run. The caller holds the lock.
    """
    from risk.report import erasing

    home = _home(settings)
    if (order := erasing.ordered(home)) is None:
        return []
    done = [erasing.carry_out(home, order)]
    if order.practice:
        practice = for_practice(settings)
        with command.writing(practice, finishes_erasure=True):
            there = _carried_out(practice)  # what was begun there comes first, and may be this
            if not erasing.is_done(_home(practice), order):
                erasing.begin(_home(practice), replace(order, practice=False))
                there = _carried_out(practice)
        done += [it for it in there if it.order == order.id]
    erasing.close(home)
    return done


def _placed(place: str, done: list[Certificate]) -> dict[str, Certificate]:
    return dict(zip((place, PRACTICE), done, strict=False))


def renew_register(settings: Settings, reason: str) -> Answer:
    """Make the register of journal and key, or give it up where the key is lost; a person's act in the journal."""
    from risk.reading import erased

    check_text("--renew-register", reason)
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
    with contextlib.nullcontext() if is_locked else command.writing(settings, finishes_erasure=True):
        if done := _carried_out(settings):
            n_clients, left = len(done[0].clients), sum(sum(it.left.values()) for it in done)
            again = "type the same --erase again for the certificate"
            log.warning(event("an erasure that was cut off is finished", clients=n_clients, left=left, now=again))


def _home(settings: Settings) -> Home:
    from risk.report.named_clients import Home

    others = (settings.input, settings.holdout, settings.outcomes)
    return Home(
        settings.production, settings.ingested, settings.models, settings.outcomes, others, settings.schema,
        settings.input_folder_path, settings.size_cap, settings.max_final_rows,
    )  # fmt: skip


def _retrained(told: Answer, settings: Settings, certificates: dict[str, Certificate]) -> Answer:
    """Train a challenger on what is left where a model was trained on them, and add what it says."""
    lines, exit_code = [told.line], told.exit_code
    is_trained, sentences = dict[str, bool](), dict[str, str]()
    for place in (place for place, it in certificates.items() if it.was_trained_on):
        is_trained[place], sentences[place], code = _challenger(settings, place, lines)
        exit_code = exit_code or code
    if not is_trained:
        lines.append("  nothing is to be retrained: no model was trained on them")
    fields = {**told.fields, "retrained": is_trained, "retraining": sentences}
    return replace(told, line="\n".join(lines), fields=fields, exit_code=exit_code)


def _challenger(settings: Settings, place: str, lines: list[str]) -> tuple[bool, str, int]:
    """Train a challenger in a process of its own, add lines on it; return whether there is one, its words, the code."""
    from risk.decision.approval import WAITING

    of = for_practice(settings) if place == PRACTICE else settings
    script, log_of_runs = Path(__file__).parents[2] / "fullprocess.py", of.production / paths.JOURNAL
    options = ["--practice"] if place == PRACTICE else []
    words = [sys.executable, str(script), *options, "--force", "--config", str(settings.source_file)]
    under_way = journal.next_run(log_of_runs)
    run = subprocess.run(words, capture_output=True, text=True, check=False)
    said = run.stdout.splitlines()[:1] or run.stderr.splitlines()[-1:] or [f"it ended with exit code {run.returncode}"]
    record = next((it for it in journal.runs(log_of_runs) if it["run"] >= under_way), {})
    is_trained = bool(record.get("challenger"))
    where = " in practice" if place == PRACTICE else ""
    lines.append(f"  {'retrained' if is_trained else 'not retrained'}{where}: {said[0]}")
    if is_trained and record["outcome"] not in ("deployed", WAITING):
        lines.append(f"  the live release stays; to deploy the challenger all the same: {DEPLOY[place]}")
    return is_trained, said[0], run.returncode


def clients(asked: argparse.Namespace) -> list[str]:
    """The ids that are named on the command line and in the file. Raises: UsageError."""
    if asked.reason is None:
        raise UsageError("--erase needs --reason. Nothing was changed. Say why, without the name of the client.")
    check_text("--erase", asked.erase or "")
    check_text("--reason", asked.reason)
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
