"""Scores in words: what each one means for the person who plans the calls."""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from typing import Any

from risk.text import NOTHING, counted, interval, number, percent

Scores = Mapping[str, Any]

TEST_DATA = ("held-out clients", "seen clients")  # what `scored_on` calls rows of the test folder


def provisional(release: Mapping[str, Any]) -> str:
    """Say why a release is provisional, and what to make of its list."""
    why = f"It was trained on {counted(release['n_rows'], 'row')} and has not been proven better than the average risk"
    if release.get("leaks"):
        why = f"It uses {', '.join(release['leaks'])}, which seems to know the answer, so nothing proves it"
    return f"{why}. Use the order of the call list with care, and do not rely on the percentages."


def key_figures(snapshot: Scores) -> list[tuple[str, str]]:
    """Return the few numbers of the top, each with its words; unknown ones are left out.

    How good the model is, is told of the newest outcomes; where there are too few, of test data, which is named.
    """
    release, told = snapshot["release"] or {}, snapshot.get("newest") or snapshot["scores"] or {}
    where = _where(told) if told else ""
    among = f"of the leavers were in the first {number(told.get('capture_k'))} of {number(told.get('n_rows'))}: {where}"
    figures = [
        (number(snapshot["clients"]), "clients, ranked by their risk" if release else "clients"),
        (number(len(snapshot["call_list"])), "clients on the call list"),
        (percent(release.get("base_rate")), "of the rows it was trained on are of leavers"),
        (percent(told.get("capture"), 0), among),
        (number(told.get("f1"), 2), f"F1: {where}"),
    ]
    return [figure for figure in figures if figure[0] != NOTHING]


def newest_on(newest: Scores) -> str:
    """Say which rows the newest outcomes are, and how each of them was rated."""
    rows, n_known = counted(newest["n_rows"], "row"), newest["n_out_of_fold"]
    sample = "a sample of " if newest["sampled"] else ""
    told = f"Measured on {sample}{rows}: {_where(newest)}, the newest that are known;"
    told = f"{told} {number(newest['n_leavers'])} had left."
    if not n_known:
        return f"{told} The model was not trained on them."
    if n_known == newest["n_rows"]:
        return f"{told} Each was rated by a model that was not trained on it (out of fold)."
    others = f"the other {number(n_known)} were rated by models that were not trained on them (out of fold)"
    return f"{told} The model was not trained on {number(newest['n_rows'] - n_known)} of them; {others}."


def scored_on(scores: Scores, newest: Scores | None = None) -> str:
    """Say what the test data is, how far its scores can be trusted, and whether it tells of the past."""
    rows, leavers = counted(scores["n_rows"], "row"), number(scores["n_leavers"])
    told = [f"Measured on {rows} of {_where(scores)}; {leavers} had left.", _seen(scores)]
    ends = [(it or {}).get("last_period") for it in (scores, newest)]
    if ends[0] and ends[1] and ends[0] < ends[1][: len(ends[0])]:
        told.append(f"It is older than the newest outcomes, which are of {ends[1]}.")
    if scores.get("before_change"):
        told.append(
            f"It was there before the last change was found (release {scores['before_change']}): it may tell of the "
            "time before."
        )
    return " ".join(told)


def tested(scores: Scores) -> str:
    """Return what the rows of some scores are called: test data, or the file that was asked about."""
    return "test data" if scores["scored_on"] in TEST_DATA else str(scores["scored_on"])


def _where(scores: Scores) -> str:
    """Return which rows they are in a few words."""
    first, last = scores.get("first_period"), scores.get("last_period")
    during = "" if not first else f" of {first}" if first == last else f" of {first} to {last}"
    if "scored_on" in scores:
        return f"{tested(scores)}{during}"
    n_sources = scores["n_sources"]
    of = during or (f" in {scores['sources'][0]}" if n_sources == 1 else f" of the newest {number(n_sources)} files")
    return f"outcomes{of}"


def _seen(scores: Scores) -> str:
    """Say whether the model was trained on these clients; snapshots of older programs do not count them."""
    unseen = 0 if scores["scored_on"].startswith(TEST_DATA[0]) else None
    n_seen = scores.get("n_seen", scores["n_rows"] if scores["scored_on"] == TEST_DATA[1] else unseen)
    if n_seen is None:
        return "Whether the model was trained on these clients is not known."
    if not n_seen:
        return "The model was trained on no row of these clients."
    of = "these clients" if n_seen == scores["n_rows"] else f"the clients of {counted(n_seen, 'row')} of these"
    return f"The model was trained on {of}, so it looks better here than it is."


def score_rows(scores: Scores) -> list[list[str]]:
    """Return one row a score: its name, value, interval, and what it means."""
    capture = scores["capture"]
    k = number(scores["capture_k"])
    return [
        _row(scores, "f1", "F1", _f1_in_words(scores["confusion"])),
        [f"First {k}", percent(capture), interval(scores["capture_interval"], share=True), _capture_in_words(scores)],
        _row(scores, "auc", "AUC", _auc_in_words(scores["auc"])),
        _row(scores, "log_loss", "Log-loss", _against_the_average(scores, "log-loss")),
        _row(scores, "brier", "Brier", _against_the_average(scores, "brier")),
    ]


def _row(scores: Scores, key: str, name: str, words: str) -> list[str]:
    return [name, number(scores[key], 3), interval(scores[f"{key}_interval"]), words]


def _f1_in_words(confusion: Mapping[str, int]) -> str:
    right, alarms, leavers = confusion["tp"], confusion["tp"] + confusion["fp"], confusion["tp"] + confusion["fn"]
    if not alarms or not leavers:
        return "1 is perfect. Nobody was predicted to leave." if leavers else "1 is perfect. Nobody left."
    return (f"Of 100 clients predicted to leave, {number(100 * right / alarms)} did; of 100 who left, "
            f"{number(100 * right / leavers)} had been predicted. 1 is perfect.")  # fmt: skip


def _capture_in_words(scores: Scores) -> str:
    k, capture = scores["capture_k"], scores["capture"]
    if capture is None:
        return "Nobody left, so there was nobody to reach."
    chance = k / scores["n_rows"]
    return (f"Calling the {counted(k, 'client')} with the highest risk reaches {number(100 * capture)} of 100 who "
            f"leave; calls at random would reach {number(100 * chance)}.")  # fmt: skip


def _auc_in_words(auc: float | None) -> str:
    if auc is None:
        return "It takes clients who left and clients who stayed."
    return f"Of one client who left and one who stayed, the first has the higher risk {number(100 * auc)} times in 100."


def _against_the_average(scores: Scores, name: str) -> str:
    share = scores["n_leavers"] / scores["n_rows"]
    if name == "brier":
        meaning, average = "How far the stated risks are from what happened", share * (1 - share)
    else:
        meaning, average = "How much the model was surprised", -sum(p * log(p) for p in (share, 1 - share) if p > 0)
    return f"{meaning}; lower is better. Stating the average risk for everyone would give {number(average, 3)}."
