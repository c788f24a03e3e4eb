"""What every script shares: arguments, log, lock, timed steps, the run's line in the journal, exit code."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from risk.deadline import ended_after
from risk.disk import files, journal, paths, tick, wiped
from risk.disk.journal import Attention
from risk.errors import DeadlineError, DiskError, RiskError
from risk.settings.settings import Settings, load
from risk.text import event, log, one_line, placed

NEEDS_A_PERSON = 4  # the exit code of a run that is done and found something new that needs a person


@dataclass(frozen=True)
class Answer:
    """What a script says at its end: one line for people, the same as an object for programs, and its exit code.

    `news` are sentences on what needs a person since now.
    """

    line: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    exit_code: int = 0
    news: tuple[str, ...] = ()


@dataclass
class Run:
    """One run under way: its number, its steps and what it has decided so far. Its end is one line of the journal.

    `private` maps a warning that quotes a row of a client to what the journal keeps in its place.
    """

    settings: Settings
    script: str
    number: int
    steps: list[dict[str, Any]] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)
    private: dict[str, str] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)
    day: str = field(default_factory=lambda: today())
    is_preview: bool = False  # of another day than today: its list is shown and not kept

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time one step and log its end."""
        started = time.monotonic()
        yield
        seconds = round(time.monotonic() - started, 3)
        self.steps.append({"name": name, "seconds": seconds})
        log.info(event(name, seconds=seconds))

    @property
    def seconds(self) -> dict[str, float]:
        return {step["name"]: step["seconds"] for step in self.steps}

    def note(self, **facts: Any) -> None:
        """Keep facts for the run's line in the journal; no text names a folder of the machine."""
        self.record.update(placed(facts, self.settings.places))

    def warn(self, *sentences: str) -> None:
        """Keep warnings for the run's line, after those that it has."""
        self.note(warnings=[*self.record.get("warnings", []), *sentences])

    def attend(self, kinds: Iterable[str], found: Iterable[Attention]) -> None:
        """Keep what needs a person, of the kinds that were judged now; all other kinds stay as the last run left them.

        No sentence may hold a text of a client's row: the journal keeps it.
        """
        former = self.record.get("attention", self.told)
        self.note(attention=journal.attention_after(former, kinds, found))

    @property
    def told(self) -> list[dict[str, Any]]:
        """What needed a person when the last run ended."""
        return journal.attention(self.settings.production / paths.JOURNAL)

    def end(self, outcome: str) -> Answer:
        """Write the run's line and return what it says; its exit code is 4 where something new needs a person."""
        news = journal.new_sentences(self.record.get("attention", []), self.told) if outcome != journal.FAILED else []
        line = self.as_line(outcome) | {"config": self.settings.identity, "packages": packages()}
        journal.append(self.settings.production / paths.JOURNAL, line)
        told = {"run": self.number, "outcome": outcome, **self.record, "steps": self.steps}
        return Answer(outcome, told, NEEDS_A_PERSON if news else 0, tuple(news))

    def as_line(self, outcome: str) -> dict[str, Any]:
        """Return the run as its line in the journal tells it so far."""
        told = {"kind": "run", "run": self.number, "script": self.script, "at": journal.now(), "outcome": outcome}
        warnings = [self.private.get(it, it) for it in self.record.get("warnings", [])]
        told |= self.record | ({"warnings": warnings} if warnings else {})
        return told | {"steps": self.steps, "seconds": round(time.monotonic() - self.started, 3)}


def main(
    description: str,
    work: Callable[[Settings, argparse.Namespace], Answer],
    *,
    options: Callable[[argparse.ArgumentParser], None] | None = None,
    arguments: list[str] | None = None,
    without_settings: Callable[[argparse.Namespace, Path], Answer | None] = lambda asked, config: None,
    during_erasure: Collection[str] = (),
) -> int:
    """Run a script's work and return its exit code; an expected error is one line, an unexpected one is logged too.

    What is done `without_settings`, before there is a settings file, leaves nothing else to do. While an erasure is cut
    off only the options named `during_erasure` are allowed ("run": no option): they finish it first, or tell of it.
    """
    words = sys.argv[1:] if arguments is None else arguments
    asked = _parse(description, options, words)
    _open_log()
    try:
        config = Path(asked.config or tick.config_path(words))
        answer = without_settings(asked, config) or work(_settings(config, asked, during_erasure), asked)
        told = [answer.line, *(f"needs attention: {sentence}" for sentence in answer.news)]
        say(json.dumps(answer.fields, ensure_ascii=False) if asked.json else "\n".join(told))
    except RiskError as error:
        return _fail(error, error.exit_code, asked.json)
    except KeyboardInterrupt:
        return _fail(RiskError("interrupted. Existing files are unchanged. The next run resumes."), 1, asked.json)
    except Exception as error:
        log.exception("unexpected error")
        sentence = f"unexpected {type(error).__name__}: {error}; please report it with the log"
        return _fail(RiskError(sentence), 1, asked.json)
    return answer.exit_code


def _settings(config: Path, asked: argparse.Namespace, during_erasure: Collection[str]) -> Settings:
    """The settings. Raises: BusyError or ErasureError where an erasure is at work or was cut off, ConfigError."""
    settings = load(config, asked.practice)
    options = {name for name, value in vars(asked).items() if value} - {"config", "practice", "json"}
    if not (options or {"run"}) <= set(during_erasure) and (settings.production / paths.ERASING).exists():
        with files.lock(settings.production / paths.LOCK):
            wiped.check_erased(settings.production)
    return settings


def say(text: str) -> None:
    """Print, also where nobody reads to the end. Raises: DiskError where what is said cannot be written."""
    try:
        print(text.encode("utf-8", "backslashreplace").decode(), flush=True)  # the name of a file may be any bytes
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered goes there at the end
        if not isinstance(error, BrokenPipeError):
            raise DiskError(
                f"standard output: it cannot be written ({error.strerror}). What was done stays done. "
                "Give it room, or send it elsewhere."
            ) from error


def today() -> str:
    """The day here and now (ISO): a call list is of a day."""
    return datetime.date.today().isoformat()


def run_of(settings: Settings, script: str) -> Run:
    """Return the run that is under way now."""
    return Run(settings, script, journal.next_run(settings.production / paths.JOURNAL))


def alone(settings: Settings, step: str, work: Callable[[Run], Answer]) -> Answer:
    """Do one stage by hand: under the lock, timed and journaled as a run of its own. Raises: ErasureError."""
    with writing(settings):
        run = run_of(settings, step)
        with ended_if_failed(run):
            with run.step(step):
                answer = work(run)
            ended = run.end(answer.fields.get("outcome", "done"))
    return replace(answer, exit_code=answer.exit_code or ended.exit_code, news=ended.news)


@contextlib.contextmanager
def writing(settings: Settings, *, finishes_erasure: bool = False) -> Iterator[None]:
    """Hold the lock and keep the deadline while something is written; the journal is begun before anything else.

    Raises: BusyError, DeadlineError; JournalError or DataError where a folder was wiped; ErasureError amid an erasure.
    """
    for folder in (settings.production, settings.ingested):
        files.make_private(folder)
    hours = settings.deadline_hours
    late = DeadlineError(f"the run took longer than its deadline of {hours:g} hours and ended itself; look at the log")
    with files.lock(settings.production / paths.LOCK), ended_after(hours * 3600, late):
        wiped.check(settings.production, settings.ingested, settings.models, finishes_erasure=finishes_erasure)
        journal.begin(settings.production / paths.JOURNAL)
        yield


@contextlib.contextmanager
def ended_if_failed(run: Run) -> Iterator[None]:
    """Journal a run that fails before the error goes on its way; the next tick is work, whatever it finds."""
    try:
        yield
    except Exception as error:
        told = error.record if isinstance(error, RiskError) else f"unexpected {type(error).__name__}"
        run.note(error=told[:1000])
        with contextlib.suppress(RiskError, OSError):
            files.remove(run.settings.production / paths.TICK)
            run.end(journal.FAILED)
        raise


def packages() -> dict[str, str]:
    """Return the version of every package that a decision may hang on and that is loaded."""
    known = ("duckdb", "numpy", "pandas", "scipy", "sklearn")
    found = {name: getattr(sys.modules.get(name), "__version__", None) for name in known}
    return {"python": sys.version.split()[0]} | {name: version for name, version in found.items() if version}


def _parse(
    description: str, options: Callable[[argparse.ArgumentParser], None] | None, words: list[str]
) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--config", metavar="FILE", help="settings file (default: RISK_CONFIG, else config.json)")
    parser.add_argument("--practice", action="store_true", help="work on practice data and practice models only")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a line")
    if options:
        options(parser)
    return parser.parse_args(words)


def _open_log() -> None:
    """Log to stderr: everything where a person watches, only what matters where nobody does."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S"))
    log.handlers = [handler]
    log.setLevel(logging.INFO if sys.stderr.isatty() else logging.WARNING)


def _fail(error: RiskError, exit_code: int, as_json: bool) -> int:
    with contextlib.suppress(OSError):  # the exit code says it as well
        print(one_line(str(error)), file=sys.stderr)
    if as_json:
        with contextlib.suppress(DiskError):
            say(json.dumps({"outcome": journal.FAILED, "error": str(error)}, ensure_ascii=False))
    return exit_code
