"""Messages: the list of one owner, the whole list with the report, alerts; and how each is sent, within ten seconds."""

from __future__ import annotations

import contextlib
import os
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from risk import deadline
from risk.disk import paths
from risk.disk.files import digest
from risk.errors import ConfigError, DeadlineError
from risk.report import money_words, words
from risk.settings.recipients import PORTS, SMTP_PASSWORD, Smtp
from risk.text import amount, counted, one_line, percent

SECONDS = 10.0  # for one connection in all
FIRST = 5  # clients in the text of a message
LONGEST_LINE = 160
SILENT = f"no answer within {SECONDS:g} seconds"
LINES = policy.SMTP.clone(cte_type="7bit")  # what every server takes
LISTS = (paths.CALL_LIST_EXCEL, paths.CALL_LIST)  # what the set holds of them first is attached
KINDS = {
    ".pdf": ("application", "pdf"),
    ".csv": ("text", "csv"),
    ".xlsx": ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}
Shown = Mapping[str, Any]
Files = Mapping[str, bytes]


# --- what is written --------------------------------------------------------------------------------------------------


def of_owner(shown: Shown, owner: str) -> EmailMessage:
    """The clients of one owner: the first ones in the text, all of them attached."""
    listed = [it for it in shown["call_list"] if it["owner"] == owner]
    calls = _to_call(listed)
    if not listed:
        return _message(shown, 0, "No client of yours is on this list. There is nobody to call.", {})
    told = [_how_many(listed, "of yours to call")]
    at_risk = [it["value_at_risk"] for it in calls if it.get("value_at_risk") is not None]
    if at_risk:
        worth = amount(sum(at_risk), (shown.get("money") or {}).get("currency"))
        told.append(f"Value at risk (value × risk): {worth}.")
    if any("expected_gain" in it for it in calls):
        gain = money_words.gain(calls, shown.get("money"))
        told.append(f"{gain[:1].upper()}{gain[1:]}.")
    attached = _list_file(listed, (shown.get("schema") or {}).get("currency"))
    text = [" ".join(told), *_first(calls), f"All of them, with the reasons: {', '.join(attached)}."]
    return _message(shown, len(calls), "\n\n".join([*text, *_caveat(shown)]), attached)


def _to_call(listed: Sequence[Shown]) -> list[Shown]:
    """Those on a list who are to be called: not the control group."""
    return [it for it in listed if not it.get("control")]


def of_everyone(shown: Shown, folder: Path, known: Sequence[str]) -> EmailMessage:
    """The whole list and the report of a set; owners on the list who are not among the `known` are named."""
    calls = shown["call_list"]
    names = next(it for it in LISTS if (folder / it).is_file()), paths.REPORT
    attached = {name: (folder / name).read_bytes() for name in names}
    attention = [f"Needs attention: {it['sentence']}" for it in shown.get("attention", ())]
    strangers = sorted({it["owner"] or "clients without an owner" for it in calls if it["owner"] not in known})
    missing = f"No address is known for: {', '.join(map(_in_text, strangers))}." if known and strangers else ""
    text = [_how_many(calls, "to call"), words.headline(shown), words.capacity(shown), *map(_in_text, attention)]
    text += [
        money_words.of_list(shown) or "",
        money_words.kept_promise(shown) or "",
        missing,
        f"The list and the report: {', '.join(names)}.",
    ]
    return _message(shown, len(_to_call(calls)), "\n\n".join(it for it in [*text, *_caveat(shown)] if it), attached)


def of_trial() -> EmailMessage:
    """A message that only shows that messages arrive."""
    message = EmailMessage(policy=LINES)
    message["Subject"] = "Test of the call list's delivery"
    message.set_content("This is a test. The call list and the report will be sent to this address.\n")
    return message


def _message(shown: Shown, n_calls: int, text: str, attached: Files) -> EmailMessage:
    day = shown.get("as_of") or shown["made_at"][:10]
    message = EmailMessage(policy=LINES)
    message["Subject"] = f"Call list of {day}: {counted(n_calls, 'client')}"
    message.set_content(f"{text}\n")
    for name, content in attached.items():
        maintype, subtype = KINDS[Path(name).suffix]
        message.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
    return message


def _list_file(calls: Sequence[Mapping[str, Any]], currency: str | None) -> dict[str, bytes]:
    """The attachment with the clients of one owner: its name and content."""
    from risk.report import spreadsheet

    return {paths.CALL_LIST_EXCEL: spreadsheet.workbook(calls, currency)}


def _how_many(listed: Sequence[Shown], what: str) -> str:
    calls = _to_call(listed)
    n_new, n_control = sum(it.get("move") == "new" for it in calls), len(listed) - len(calls)
    kept = f" Do not call {n_control} more, marked as control." if n_control else ""
    return f"{counted(len(calls), 'client')} {what}{f', {n_new} new' if n_new else ''}.{kept}"


def _first(calls: Sequence[Mapping[str, Any]]) -> list[str]:
    told = [
        _in_text(f"{place}. {it['client']}: risk {percent(it['risk'], 0)}. {next(iter(it['reasons']), '')}".strip())
        for place, it in enumerate(calls[:FIRST], 1)
    ]
    return ["\n".join(told)]


def _caveat(shown: Shown) -> list[str]:
    banner = words.banner(shown)
    return [_in_text(". ".join(banner), 2 * LONGEST_LINE)] if banner else []


def _in_text(text: str, longest: int = LONGEST_LINE) -> str:
    """A text from data on one line, and no link that a mail program would make of it."""
    shown = one_line(text).replace("://", ": //").replace("www.", "www .")
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


# --- how it is sent ---------------------------------------------------------------------------------------------------


def password(smtp: Smtp, root: Path) -> str | None:
    """The password of the mail server, from the environment, else from the file; None where no user is named.

    Raises: ConfigError where it is missing.
    """
    if smtp.user is None:
        return None
    if SMTP_PASSWORD in os.environ or smtp.password_file is None:
        found = os.environ.get(SMTP_PASSWORD)
    else:
        try:
            found = (root / smtp.password_file).read_text(encoding="utf-8-sig").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "not UTF-8"
            raise ConfigError(f"key 'deliver.smtp.password_file': the file is not readable ({why})") from error
    if not found:
        raise ConfigError(f"key 'deliver.smtp.user' needs a password; put it into {SMTP_PASSWORD} or a password_file")
    if not found.isascii():
        raise ConfigError("deliver.smtp: the password is not ASCII, which the login of mail servers does not know")
    return found


def send(smtp: Smtp, root: Path, message: EmailMessage, to: str, subject_of: str) -> None:
    """Send a message to one address. A message of the same subject has the same Message-ID, however often it is sent.

    Raises: OSError (every error of smtplib is one), ConfigError or DeadlineError; then it counts as not sent.
    """
    secret, domain = password(smtp, root), smtp.sender.partition("@")[2]
    message["From"], message["To"] = smtp.sender, to
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<{digest(f'{subject_of} {to}'.encode())[:32]}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    kind = smtplib.SMTP_SSL if smtp.security == "tls" else smtplib.SMTP
    options: dict[str, Any] = {"context": ssl.create_default_context()} if smtp.security == "tls" else {}
    server = kind(local_hostname=domain, timeout=SECONDS, **options)
    with deadline.ended_after(SECONDS, DeadlineError(SILENT)):  # no OSError: the libraries would take it for their own
        try:
            _converse(server, smtp, secret, message)
        finally:
            server.close()


def _converse(server: smtplib.SMTP, smtp: Smtp, secret: str | None, message: EmailMessage) -> None:
    server._host = smtp.host  # type: ignore[attr-defined]  # the name in the certificate, which connect alone leaves out
    server.connect(smtp.host, smtp.port or PORTS[smtp.security])
    if smtp.security == "starttls":
        server.starttls(context=ssl.create_default_context())
    if smtp.user is not None and secret is not None:
        server.login(smtp.user, secret)
    server.send_message(message, smtp.sender, [str(message["To"])])
    with contextlib.suppress(OSError):  # it is accepted; how the farewell goes changes nothing
        server.quit()


def reason(error: Exception) -> str:
    """Why a message was not sent, in one line that holds no password: what is answered to it is never quoted."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"the server refused user or password ({error.smtp_code})"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
        return _in_text(f"the server refused the address ({code} {text.decode(errors='replace')})")
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error if isinstance(error.smtp_error, bytes) else str(error.smtp_error).encode()
        return _in_text(f"the server answered {error.smtp_code} {text.decode(errors='replace')}")
    return _in_text(getattr(error, "strerror", None) or str(error) or type(error).__name__)


def alert(url: str, content: Mapping[str, Any]) -> None:
    """Post an object to the web. A redirect is not followed. Raises: OSError or DeadlineError, without the URL."""
    import requests

    try:
        with deadline.ended_after(SECONDS, DeadlineError(SILENT)):
            answer = requests.post(url, json=content, timeout=SECONDS, allow_redirects=False, stream=True)
            answer.close()
    except OSError as error:  # its words would hold the URL, which may be a secret
        raise OSError(f"no connection or no answer ({type(error).__name__})") from None
    if not 200 <= answer.status_code < 300:
        moved = "; redirects are not followed" if 300 <= answer.status_code < 400 else ""
        raise OSError(f"the server answered {answer.status_code}{moved}")
