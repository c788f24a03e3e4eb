"""Every error that people are told about, drawn as one tree.

RiskError                       exit 1   something expected went wrong; nothing good was harmed
├── UsageError                  exit 2   a command line that cannot be carried out
├── ConfigError                 exit 2   config.json, or a folder that it names
├── BusyError                   exit 75  another run is at work
├── DeadlineError               exit 1   a run took longer than it may and ended itself
├── DiskError                   exit 1   the disk refused, or cannot do what is needed
├── EngineError                 exit 1   the Spark cluster does not answer, or failed
├── SourceError                 exit 1   one source file cannot be read (refused, never fatal to a run)
├── DataError                   exit 1   there is no data for what was asked
├── ModelError                  exit 1   a model file that is not proven ours, or does not fit the data
├── FamilyError                 exit 1   a family of one's own that fails (told, never fatal to a run)
├── ReleaseError                exit 1   a release that does not exist or must not be published
│   └── NotFavouredError        exit 3   a challenger that no favourable verdict covers
├── JournalError                exit 1   the journal is broken
├── GateError                   exit 1   the gate failed its own test
└── RequestError                exit 1   a request to the service that cannot be answered
"""

from __future__ import annotations


class RiskError(Exception):
    """Something expected went wrong: the message says what, where, what was expected and what to do next."""

    exit_code = 1

    def __init__(self, message: str, *, record: str | None = None):
        """`record` is what the journal keeps in place of a message that may quote a row of a client."""
        super().__init__(message)
        self.record = record or message


class UsageError(RiskError):
    """A command line that cannot be carried out."""

    exit_code = 2


class ConfigError(RiskError):
    """A setting, or a folder that it names, is not usable."""

    exit_code = 2


class BusyError(RiskError):
    """Another run holds the lock."""

    exit_code = 75


class DeadlineError(RiskError):
    """The run took longer than it may."""


class DiskError(RiskError):
    """The disk refused, or cannot do what is needed."""


class EngineError(RiskError):
    """The Spark cluster does not answer, or failed."""


class SourceError(RiskError):
    """One source cannot be read; it is refused and the rest goes on."""


class DataError(RiskError):
    """There is no data for what was asked."""


class ModelError(RiskError):
    """A model file is not proven ours, is damaged, or does not fit the data."""


class FamilyError(RiskError):
    """A family of one's own fails; the others compete without it."""

    def __init__(self, family: str, why: str, told: str | None = None):
        """`told` is why without texts that may quote a row of a client."""
        self.family, self.why = family, why
        words = (f"The family {family} does not compete: {it}. The others do." for it in (why, told or why))
        super().__init__(next(words), record=next(words))


class ReleaseError(RiskError):
    """A release does not exist, or nothing allows to publish it."""


class NotFavouredError(ReleaseError):
    """No favourable verdict of the gate covers the challenger: an outcome, and no failure."""

    exit_code = 3

    def __init__(self, message: str, outcome: str):
        super().__init__(message)
        self.outcome = outcome


class ErasureError(RiskError):
    """A client cannot be erased, or the register of erased clients cannot be believed."""


class JournalError(RiskError):
    """A line of the journal does not follow from the line before."""


class GateError(RiskError):
    """The gate failed its own test, so it must not be believed."""


class RequestError(RiskError):
    """A request to the service cannot be answered as it stands."""
