"""Delivery: each owner's list and the whole report by mail, and alerts to the web, after the lock is released.

Never fails a run. What is due and what was sent stands in delivery.json, written before the first message and after
each: what was not sent waits for its next try, and what was sent is not sent again. A kill between the sending of a
message and its note costs one repeat of that message.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from smtplib import SMTPDataError, SMTPRecipientsRefused
from typing import Any

from risk.disk import files, journal, paths, tick
from risk.errors import BusyError, RiskError
from risk.report import _mail, words
from risk.settings.recipients import Deliver
from risk.text import counted, event, log, one_line

ALERT = "alert"
LONGEST_WAIT = 4 * 3600  # seconds
MOST_EVENTS = 50  # in one alert
DEPLOYED = ("deployed", "rolled back")
KINDS = {"attention": "Needs attention", "deployed": "Deployed", journal.FAILED: "A run failed"}
Kept = dict[str, Any]


def deliver(wanted: Deliver, root: Path, production: Path, reports: Path, failure: str | None = None) -> str:
    """Send what is due and what waits; return what happened in a few words, blank where nothing did.

    `reports` holds the report sets; `failure` is the sentence of a run that failed, which names no client.
    Writes delivery.json. While another process delivers, nothing is done: a later tick looks again.
    """
    if not wanted.is_wanted:
        return ""
    try:
        with files.lock(production / paths.DELIVERY_LOCK):
            folder = files.resolve(reports / paths.CURRENT)
            kept = _look(wanted, _kept(production), production, folder, failure)
            _write(production, kept)
            return _send(wanted, root, production, folder, kept)
    except BusyError:
        return ""
    except Exception as error:  # a run never fails here: the tick that comes next tries again and says so again
        why = str(error) if isinstance(error, RiskError) else f"unexpected {type(error).__name__}"
        log.warning(event("delivery failed", reason=why))
        return f"nothing more was delivered ({one_line(why)})"


def trial(wanted: Deliver, root: Path) -> tuple[list[str], bool]:
    """Send one test message to each address of the whole list, and a test alert; say how each went, and whether all."""
    work: dict[str, Callable[[], None]] = {}
    if wanted.smtp:
        for address in wanted.to:
            message, subject = _mail.of_trial(), f"test {time.time_ns()}"
            work[address] = functools.partial(_mail.send, wanted.smtp, root, message, address, subject)
    if wanted.alert_url:
        content = {"text": "This is a test of the alerts.", "at": journal.now(), "events": []}
        work["deliver.alert_url"] = functools.partial(_mail.alert, wanted.alert_url, content)
    faults = {name: _fault(act) for name, act in work.items()}
    told = [f"{name}: {f'not sent ({_mail.reason(fault)})' if fault else 'sent'}" for name, fault in faults.items()]
    return told or ["nobody to send to: deliver.to and deliver.alert_url are empty"], not any(faults.values())


def waiting(wanted: Deliver, production: Path) -> list[str]:
    """The messages that a try did not get through, each with why."""
    pending = _kept(production)["pending"] if wanted.is_wanted else {}
    return [f"{one_line(name)} ({it['error']})" for name, it in pending.items() if it["error"]]


def _fault(act: Callable[[], None]) -> Exception | None:
    try:
        act()
    except (OSError, RiskError) as error:
        return error
    return None


# --- what is due ------------------------------------------------------------------------------------------------------


def _kept(production: Path) -> Kept:
    """What delivery.json holds; where it is lost, nothing was delivered yet."""
    found = files.read_json(production / paths.DELIVERY)
    fresh: Kept = {"journal": 0, "next_try": None, "set": 0, "run": None, "failure": None}
    return fresh | {"delivered": {}, "pending": {}, "events": []} | (found if isinstance(found, dict) else {})


def _write(production: Path, kept: Kept) -> None:
    kept["next_try"] = min((it["next_try"] for it in kept["pending"].values()), default=None)
    files.write(production / paths.DELIVERY, files.as_json(kept))


def _recipients(wanted: Deliver) -> dict[str, tuple[str | None, str]]:
    """By name: the owner, None where the whole list is sent, and the address."""
    owners = {f"owner {name}": (name, address) for name, address in wanted.owners.items()}
    return owners | {address: (None, address) for address in wanted.to}


def _look(wanted: Deliver, kept: Kept, production: Path, folder: Path | None, failure: str | None) -> Kept:
    """Add what is due since the last look: lists where there is a new set, events where the journal has new runs."""
    pending, known = kept["pending"], _recipients(wanted)
    number = int(folder.name) if folder else 0
    if folder and number != kept["set"] and (files.read_json(folder / paths.SNAPSHOT) or {}).get("release"):
        due = [name for name in known if _is_due(wanted.when, kept["delivered"].get(name), number)]
        pending |= {name: _entry() for name in due if name not in pending}
    kept["set"] = number
    events: list[dict[str, Any]] = []
    if failure is None:
        runs = journal.runs(production / paths.JOURNAL)
        events = _events(runs, kept["run"])
        kept |= {"run": runs[-1]["run"] if runs else 0, "journal": tick.recorded(str(production))}
    elif failure != kept["failure"]:
        events = [{"kind": journal.FAILED, "sentence": failure}]
    kept |= {"failure": failure, "events": [*kept["events"], *events][-MOST_EVENTS:] if wanted.alert_url else []}
    if events:  # news does not wait for the next try of what is old
        pending[ALERT] = pending.get(ALERT, _entry()) | {"next_try": 0.0}
    kept["pending"] = {name: it for name, it in pending.items() if name in known or (name == ALERT and kept["events"])}
    return kept


def _entry(attempts: int = 0, now: float = 0.0, error: str | None = None) -> dict[str, Any]:
    """A message that waits: for the next tick, after a second failure for ten minutes, then for twice as long."""
    wait = min(600 * 2 ** (attempts - 2), LONGEST_WAIT) if attempts > 1 else 0
    return {"attempts": attempts, "next_try": now + wait, "error": error}


def _is_due(when: str, delivered: Mapping[str, Any] | None, number: int) -> bool:
    """Whether a new set is sent to someone who was sent one before: once in an ISO week, once a day, or always."""
    if delivered is None or when == "each":
        return delivered is None or delivered["set"] != number
    former, today = date.fromisoformat(delivered["day"]), date.today()
    return former != today if when == "daily" else former.isocalendar()[:2] != today.isocalendar()[:2]


def _events(runs: list[dict[str, Any]], after: int | None) -> list[dict[str, Any]]:
    """What is worth an alert in the finished runs after that one, or in the last run alone; it names no client."""
    after = max((run["run"] for run in runs), default=0) - 1 if after is None else after
    events: list[dict[str, Any]] = []
    told: list[dict[str, Any]] = []
    for run in (it for it in runs if it["outcome"] != journal.FAILED):
        entries = run.get("attention", told)
        news, told = journal.new_sentences(entries, told), entries
        if run["run"] <= after:
            continue
        events += [{"kind": "attention", "run": run["run"], "sentence": sentence} for sentence in news]
        if run["outcome"] in DEPLOYED and run["script"] in ("fullprocess", "deployment"):
            sentence = f"{words.OUTCOMES[run['outcome']]}: {run.get('release')}. {run.get('sentence') or ''}"
            events.append({"kind": "deployed", "run": run["run"], "sentence": sentence.strip()})
    return events


# --- sending ----------------------------------------------------------------------------------------------------------


def _send(wanted: Deliver, root: Path, production: Path, folder: Path | None, kept: Kept) -> str:
    """Send every message whose time has come; once the mail server cannot be reached, the other mails wait too."""
    now, n_sent, faults = time.time(), 0, {}
    down: Exception | None = None
    for name in [name for name, it in kept["pending"].items() if it["next_try"] <= now]:
        entry = kept["pending"].pop(name)
        is_tried = name == ALERT or down is None
        fault = _fault(functools.partial(_act, name, wanted, root, folder, kept)) if is_tried else down
        if fault is None:
            n_sent += 1
            done = {"set": kept["set"], "day": date.today().isoformat()}
            kept |= {"events": []} if name == ALERT else {"delivered": kept["delivered"] | {name: done}}
            log.info(event("delivered", to=name))
        else:
            faults[name] = _mail.reason(fault)
            kept["pending"][name] = _entry(entry["attempts"] + 1, now, faults[name])
            if name != ALERT and not isinstance(fault, SMTPDataError | SMTPRecipientsRefused):
                down = fault
        if is_tried:
            _write(production, kept)
    _write(production, kept)
    told = [f"{counted(n_sent, 'message')} sent"] if n_sent else []
    if faults:
        name, why = next(iter(faults.items()))
        told.append(f"{counted(len(faults), 'message')} not sent ({one_line(name)}: {why}), a later tick retries")
        log.warning(event("not delivered", messages=len(faults), to=name, reason=why))
    return "; ".join(told)


def _act(name: str, wanted: Deliver, root: Path, folder: Path | None, kept: Kept) -> None:
    """Send one message. Raises: OSError, RiskError."""
    if name == ALERT:
        text = "\n".join(f"{KINDS[it['kind']]}: {it['sentence']}" for it in kept["events"])
        _mail.alert(str(wanted.alert_url), {"text": text, "at": journal.now(), "events": kept["events"]})
    elif wanted.smtp and folder:
        shown, (owner, address) = files.read_json(folder / paths.SNAPSHOT), _recipients(wanted)[name]
        known = tuple(wanted.owners)
        message = _mail.of_everyone(shown, folder, known) if owner is None else _mail.of_owner(shown, owner)
        _mail.send(wanted.smtp, root, message, address, f"{shown.get('instance')} {folder.name} {name}")
