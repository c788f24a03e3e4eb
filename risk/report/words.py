"""Words for people: what a run decided, what its figures mean. PDF, page and --explain say the same."""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from typing import Any

from risk.modeling.families import NO_FEATURE
from risk.modeling.metrics import Confusion, Scores
from risk.report.base_rate_words import all_alike, clients, is_base_rate
from risk.report.run_decision import RunDecision
from risk.report.season_words import meaning, of_lag, of_level
from risk.text import NOTHING, amount, counted, interval, number, percent

Facts = Mapping[str, Any]

TEST_DATA = ("held-out clients", "seen clients")  # what `scored_on` calls rows of the test folder
TROUBLED = ("held", "refused")  # states of sources that are not in
STATES = {"in": "in", "held": "held back", "refused": "refused", "gone": "in, file is gone"}
OUTCOMES = {
    "deployed": "a new model was deployed",
    "challenger rejected": "a new model was trained and not deployed",
    "waiting for approval": "a new model passed the gate and waits for a person's approval",
    "no drift": "there was no reason to train; the deployed model stays",
    "not enough evidence": "there is not enough evidence yet to decide",
    "rolled back": "a former model is back in service",
    "no new data": "there was no new data",
    "failed": "the run failed",
    "not judged": "a model was to be deployed that had not been judged",
    "released": "a person took in a source that was held back",
    "withdrawn": "a person took out a source that had been taken in by hand",
    "live already": "the model was live already; nothing was changed",
}
NOBODY = "There is nobody to call: no current client was found in the data."
NO_SCORES = "There are no scores yet: no deployed model has been measured on test data."
NO_SCAN = "The last run did not look for a change: that takes a deployed model, and outcomes since the look before."
NO_SOURCE, FIRST_RUN = "No source has been read yet.", "This is the first run."


def headline(snapshot: Facts) -> str:
    """The outcome of the run as a sentence."""
    return _sentence(OUTCOMES.get(snapshot["outcome"], f"outcome: {snapshot['outcome']}"))


def finding(decision: RunDecision) -> str | None:
    """The verdict of the drift check as a sentence; None where there is none."""
    verdict = decision.verdict
    return None if verdict is None else _sentence(meaning(verdict, decision.scan) or f"verdict: {verdict}")


def banner(snapshot: Facts) -> tuple[str, str] | None:
    """Title and text of what must be known first about the live release; None where all is well."""
    release: Facts | None = snapshot["release"]
    if release is None:
        why = "No model is deployed, so no risks can be stated. Run fullprocess.py when there is data to train on."
        return "No release yet", why
    if release.get("forced"):
        why = f"The verdict did not favour it; the reason that was given: {release['forced']}"
        return "A person deployed this release", f"{why}. {NO_FEATURE}" if is_base_rate(release) else why
    if behind := release.get("behind"):
        why = f"{behind} was made because the reasons for leaving had changed, and a person went back behind it"
        what = f"Risks and order are of the time before. Forward again: python deployment.py --rollback {behind}"
        return "This release is of the time before a change", f"{why}. {what}."
    if is_base_rate(release):
        return all_alike(release, snapshot.get("list"))
    if not release["provisional"]:
        return None
    why = f"It was trained on {counted(release['n_rows'], 'row')} and has not been proven better than the average risk"
    if release.get("leaks"):
        why = f"It uses {', '.join(release['leaks'])}, which seems to know the answer, so nothing proves it"
    advice = "Use the order of the call list with care, and do not rely on the percentages."
    return "This release is provisional", f"{why}. {advice}"


def other_warnings(snapshot: Facts) -> list[str]:
    """The warnings that do not stand already in what needs attention."""
    sentences = [it["sentence"] for it in snapshot.get("attention", ())]
    return [warning for warning in snapshot["warnings"] if not any(it.startswith(warning) for it in sentences)]


def held_back(names: list[str]) -> str:
    """Which sources are held back, and what to do about it."""
    settle = "Let one in with ingestion.py --release NAME, or send a better version"
    return f"Held back until a person looks at it: {', '.join(names)}. {settle}."


def key_figures(snapshot: Facts) -> list[tuple[str, str]]:
    """The few numbers of the top, each with its words; unknown ones are left out.

    The quality of the model is that on the newest outcomes; where these are too few, on test data, which is named.
    """
    release, scores = snapshot["release"] or {}, snapshot.get("newest") or snapshot["scores"] or {}
    where = _where(scores) if scores else ""
    first = f"of the leavers were in the first {number(scores.get('capture_k'))} of {number(scores.get('n_rows'))}"
    figures = [
        (number(snapshot["clients"]), clients(release)),
        (number(len(snapshot["call_list"])), "clients on the call list"),
        (percent(release.get("base_rate")), "of the rows it was trained on are of leavers"),
        (percent(scores.get("capture"), 0), f"{first}: {where}"),
        (number(scores.get("f1"), 2), f"F1: {where}"),
    ]
    return [figure for figure in figures if figure[0] != NOTHING]


def capacity(snapshot: Facts) -> str:
    """How many calls there is time for, how many of those to call are expected to leave, and what they are worth."""
    capacity, expected, money = snapshot["capacity"], snapshot["expected_leavers"], snapshot.get("money")
    per = "for each owner" if capacity["per"] == "owner" else "in all"
    said = [f"Capacity: {counted(capacity['calls_per_week'], 'call')} a week {per}."]
    if expected:
        n_calls, mean = sum(not call.get("control") for call in snapshot["call_list"]), round(expected["mean"])
        bounds = f"(90 % interval: {number(expected['low'])} to {number(expected['high'])})"
        about = f"About {number(mean)} of these {number(n_calls)} are expected to leave {bounds}."
        said += filter(None, [about, of_level(expected)])
    if money:
        listed, everyone = (amount(money[name], money["currency"]) for name in ("listed", "everyone"))
        said.append(f"Value at risk (value × risk): {listed} on this list, {everyone} among all clients.")
    return " ".join(said)


def reason_to_train(decision: RunDecision) -> str:
    """Why a model was trained, in one sentence."""
    why = decision.reason_to_train
    return f"Reason to train: {why}." if why else "There was no reason to train a new model."


def of_dataset(dataset: Facts) -> str:
    """How many rows and clients there are, and of which time."""
    rows, clients = counted(dataset["n_rows"], "row"), counted(dataset["n_clients"], "client")
    during = f", from {first} to {dataset['last_period']}" if (first := dataset["first_period"]) else ""
    known = f"{number(dataset['n_labelled'])} with a known outcome{during}"
    return f"Dataset {dataset['version']}: {rows} of {clients}, {known}. {of_lag(dataset)}".rstrip()


def newest_versions(dependencies: Facts) -> str:
    """When the package index was asked last, or how to ask it."""
    of = f" as of {dependencies['checked_on']}." if dependencies["checked_on"] else ""
    return f"Newest versions{of or ': not checked; run diagnostics.py --check-dependencies.'}"


def _sentence(clause: str) -> str:
    return f"{clause[:1].upper()}{clause[1:]}."


# --- scores -----------------------------------------------------------------------------------------------------------


def newest_on(newest: Facts) -> str:
    """Which rows the newest outcomes are, and how each of them was rated."""
    rows, n_known, left = counted(newest["n_rows"], "row"), newest["n_out_of_fold"], number(newest["n_leavers"])
    sample = "a sample of " if newest["sampled"] else ""
    measured = f"Measured on {sample}{rows}: {_where(newest)}, the newest that are known; {left} had left."
    if newest.get("same_risk"):
        return f"{measured} The model states the same risk for all of them."
    if not n_known:
        return f"{measured} The model was not trained on them."
    if n_known == newest["n_rows"]:
        return f"{measured} Each was rated by a model that was not trained on it (out of fold)."
    others = f"the other {number(n_known)} were rated by models that were not trained on them (out of fold)"
    return f"{measured} The model was not trained on {number(newest['n_rows'] - n_known)} of them; {others}."


def scored_on(scores: Facts, newest: Facts | None = None) -> str:
    """What the test data is, how far its scores can be trusted, and whether it is of the past."""
    rows, leavers = counted(scores["n_rows"], "row"), number(scores["n_leavers"])
    sentences = [f"Measured on {rows} of {_where(scores)}; {leavers} had left.", _seen(scores)]
    tested_until, newest_until = ((it or {}).get("last_period") for it in (scores, newest))
    if tested_until and newest_until and tested_until < newest_until[: len(tested_until)]:
        sentences.append(f"It is older than the newest outcomes, which are of {newest_until}.")
    if before := scores.get("before_change"):
        since = f"It was there before the last change was found (release {before})"
        sentences.append(f"{since} and may be of the time before.")
    return " ".join(sentences)


def tested(scores: Facts) -> str:
    """The name of the rows of some scores: test data, or the file that was given."""
    return "test data" if scores["scored_on"] in TEST_DATA else str(scores["scored_on"])


def _where(scores: Facts) -> str:
    first, last = scores.get("first_period"), scores.get("last_period")
    during = "" if not first else f" of {first}" if first == last else f" of {first} to {last}"
    if "scored_on" in scores:
        return f"{tested(scores)}{during}"
    n_sources = scores["n_sources"]
    of = during or (f" in {scores['sources'][0]}" if n_sources == 1 else f" of the newest {number(n_sources)} files")
    return f"outcomes{of}"


def _seen(scores: Facts) -> str:
    """Whether the model was trained on these clients; snapshots of older programs do not count them."""
    unseen = 0 if scores["scored_on"].startswith(TEST_DATA[0]) else None
    n_seen = scores.get("n_seen", scores["n_rows"] if scores["scored_on"] == TEST_DATA[1] else unseen)
    if n_seen is None:
        return "Whether the model was trained on these clients is not known."
    if not n_seen:
        return "The model was trained on no row of these clients."
    of = "these clients" if n_seen == scores["n_rows"] else f"the clients of {counted(n_seen, 'row')} of these"
    return f"The model was trained on {of}, so it looks better here than it is."


def score_rows(scores: Scores) -> list[list[str]]:
    """One row per score: its name, value, interval, and what it means."""
    of_auc = "It takes clients who left and clients who stayed."
    if scores.auc is not None:
        times = f"{number(100 * scores.auc)} times in 100"
        of_auc = f"Of one client who left and one who stayed, the first has the higher risk {times}."
    shown = [
        ("f1", "F1", _of_f1(scores.confusion)),
        ("capture", f"First {number(scores.capture_k)}", _of_capture(scores)),
        ("auc", "AUC", of_auc),
        ("log_loss", "Log-loss", _beside_the_average(scores, "log-loss")),
        ("brier", "Brier", _beside_the_average(scores, "brier")),
    ]
    return [[name, *measured(scores, key), meaning] for key, name, meaning in shown]


def measured(scores: Scores, key: str) -> tuple[str, str]:
    """The value of a score, and its 95 % interval."""
    value, bounds, is_share = getattr(scores, key), getattr(scores, f"{key}_interval"), key == "capture"
    return percent(value) if is_share else number(value, 3), interval(bounds, share=is_share)


def _of_f1(confusion: Confusion) -> str:
    right, alarms, leavers = confusion.tp, confusion.tp + confusion.fp, confusion.tp + confusion.fn
    if not alarms or not leavers:
        return "1 is perfect. Nobody was predicted to leave." if leavers else "1 is perfect. Nobody left."
    return (f"Of 100 clients predicted to leave, {number(100 * right / alarms)} did; of 100 who left, "
            f"{number(100 * right / leavers)} had been predicted. 1 is perfect.")  # fmt: skip


def _of_capture(scores: Scores) -> str:
    k, capture = scores.capture_k, scores.capture
    if capture is None:
        return "Nobody left, so there was nobody to reach."
    return (f"Calling the {counted(k, 'client')} with the highest risk reaches {number(100 * capture)} of 100 who "
            f"leave; calls at random would reach {number(100 * k / scores.n_rows)}.")  # fmt: skip


def _beside_the_average(scores: Scores, name: str) -> str:
    share = scores.n_leavers / scores.n_rows
    if name == "brier":
        meaning, average = "How far the stated risks are from what happened", share * (1 - share)
    else:
        meaning, average = "How much the model was surprised", -sum(p * log(p) for p in (share, 1 - share) if p > 0)
    return f"{meaning}; lower is better. Stating the average risk for everyone would give {number(average, 3)}."
