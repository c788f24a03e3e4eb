"""The list that cannot be made: the live release does not fit the schema of the settings. Why, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from risk.command import Run
from risk.disk.journal import NO_LIST, Attention

Facts = Mapping[str, Any]

NONE_YET = "There is no call list yet: ranking clients takes a deployed model."
TITLE = "There is no call list"
OTHER_FEATURES = "was trained for other features than the settings name now"
OTHER_MEANING = "was trained for another meaning of the columns than the settings give now (such as who has left)"
WAITS = "A new one waits for a person: deployment.py --approve REASON deploys it"
REFUSED = "The new one was refused: {} To deploy it all the same: deployment.py --force REASON"
NOT_TRAINED = "{} Send outcomes"
NOT_TRIED = "Make one for them: python fullprocess.py"
BACK = "Or put the settings back: the next run makes the list again."


def tell(run: Run, unfit: tuple[str, str] | None) -> None:
    """Keep for the record that there is no list where a live release is `unfit`, and that there is one again."""
    if unfit or any(it["kind"] == NO_LIST for it in run.told):
        run.attend([NO_LIST], [attention(*unfit, run.record)] if unfit else [])


def attention(release: str, why: str, record: Facts) -> Attention:
    """What a person is told while the live release makes no list; `record` is what the run has noted so far."""
    tried = (REFUSED if record.get("gate") else NOT_TRAINED) if "sentence" in record else NOT_TRIED
    decided = WAITS if record.get("waiting") else tried.format(record.get("sentence"))
    return Attention(NO_LIST, release, f"{TITLE}: release {release} {why}. {decided}. {BACK}")


def of(snapshot: Facts) -> Facts | None:
    """What is told of a list that could not be made, with the release as its `subject`; None where there is none."""
    found = (it for it in snapshot.get("attention") or () if it["kind"] == NO_LIST)
    return next(found, None) if snapshot["release"] is None else None


def lead(snapshot: Facts) -> str:
    """The first sentence of a report without a list."""
    missing = of(snapshot)
    return f"{TITLE}: release {missing['subject']} does not fit the settings." if missing else NONE_YET


def ranked(snapshot: Facts) -> str:
    """How many clients are ranked and to be called, or why nobody is."""
    n_to_call = sum(not it["control"] for it in snapshot["call_list"])
    return f"{snapshot['clients']} clients, {n_to_call} to call" if snapshot["release"] else lead(snapshot).rstrip(".")


def release_name(snapshot: Facts) -> str:
    """The release as head and foot of a report name it."""
    name = snapshot["release"]["name"] if snapshot["release"] else (of(snapshot) or {}).get("subject")
    return f"release {name}" if name else "no release yet"
