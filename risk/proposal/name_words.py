"""The words in the names of columns and in their values, in several languages, and what they say.

Pure: no files.
"""

from __future__ import annotations

import re
import unicodedata

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W\d_]+|[0-9]+")


def worded(text: str) -> frozenset[str]:
    """The words of a line as a set."""
    return frozenset(text.split())


IDS = worded("id ids number nr no num nummer numero key code identifier uid uuid guid ref reference")
CLIENTS = worded(
    "customer client account kunde kunden konto corporation company subscriber member user employee policy "
    "msisdn firma compte cliente cuenta klant abonnent teilnehmer mitglied organization organisation cust "
    "household merchant subscription tenant caller phone telefon contract vertrag"
)
ROW_NUMBERS = worded("row rownumber index unnamed rowid zeile line obs observation record seq sequence")
PEOPLE = worded(
    "surname lastname firstname forename fullname nachname vorname prenom apellido apellidos nombre email mail "
    "phone telephone telefon mobile iban ssn street address adresse strasse url ip"
)
PLACES = worded("zip zipcode postal postcode plz")
CODES = worded("code type class category segment region area channel plan group tier")
PERIODS = worded(
    "period month snapshot asof stichtag monat quarter quartal week woche mois mes mese periode periodo "
    "reporting date report reportdate yearmonth ym jahr year datum fecha day"
)
OWNERS = worded(
    "owner manager betreuer rep representative advisor adviser berater kam gestionnaire conseiller gestor "
    "ejecutivo salesperson salesrep verkaufer accountmanager csm"
)
WORTH = (  # the first that a column is named by wins
    "contract value", "arr", "annual revenue", "annual value", "mrr", "monthly revenue", "revenue", "umsatz",
    "jahresumsatz", "turnover", "omzet", "fatturato", "ingresos", "monthly charges", "monthly charge", "monthlycharges",
    "premium", "monthly fee", "spend", "sales", "margin", "amount", "betrag", "montant", "importe", "balance", "value",
    "total charges", "bill", "fee",
)  # fmt: skip
SUMS = worded("total gesamt lifetime cumulative summe")
RENEWALS = worded("renewal renew expiry expires expiration vertragsende laufzeitende verlangerung echeance vencimiento")
ENDS = worded("end ended ende closed cancel cancelled canceled cancellation termination terminated exit left leaving")
AMOUNTS = worded("amount betrag value price revenue umsatz montant importe total sum quantity qty spend paid cost")
KINDS = worded("type kind event category action activity art typ channel product")
REVISED = worded("updated update modified changed revised geandert aktualisiert lastmodified lastupdate modifie")
MADE = worded("loaded inserted created ingested added timestamp ts erstellt")
ESTIMATES = worded("cltv clv ltv")
CURRENCIES = {"eur": "€", "euro": "€", "usd": "$", "gbp": "£", "chf": "CHF", "jpy": "¥", "sek": "SEK", "pln": "PLN"}
UNITS = CURRENCIES | {
    "pct": "%", "percent": "%", "prozent": "%", "gb": "GB", "mb": "MB", "kwh": "kWh", "days": "days", "tage": "Tage",
    "months": "months", "monate": "Monate",
    "weeks": "weeks", "years": "years", "hours": "hours", "km": "km", "kg": "kg",
}  # fmt: skip
SHORT = {"num": "number", "avg": "average", "amt": "amount", "tot": "total", "cnt": "count", "qty": "quantity",
         "mths": "months", "nr": "number", "pct": "percent"}  # fmt: skip
ACRONYMS = worded("tv id arr mrr sms gb mb kwh vip api it hr dsl roi nps")

# a word that begins so names the leaving itself; these of its names alone may also be of the time before it
LEAVING = (
    "churn", "attrit", "abwander", "abgewander", "gekundig", "kundigung", "kuendigung", "gekuendig", "resilie",
    "resilia",    "desercion", "opzeg", "opgezegd", "disdett", "отток", "ушел", "流失", "解約",
)  # fmt: skip
LEFT = worded(
    "exited left leaver leave leaving lost terminated quit departed lapsed closed cancelled canceled cancel "
    "cancellation unsubscribed dropout baja defected resigned gone vertrokken abandono"
)
FILLERS = worded(
    "label value flag status target yn ind indicator is has customer client class account user employee "
    "outcome y kunde kunden binary bool num the was did will of next month ist hat clients customers state "
    "event code type member"
)
NOT_NOW = worded("previous previously prior past before earlier former frist notice fee ago last fruher")
AFTERWARDS = worded(
    "reason reasons grund grunde motivo motif cause category comment comments interview survey feedback date "
    "datum score probability prediction predicted effective"
)
KEPT = worded("retained renewed stayed loyal remains subscriber subscribed")
GENERIC = worded("target outcome label y class")

_LEFT_VALUES = LEFT | worded(
    "1 yes y true t ja j oui si sim vrai wahr verdadero inactive inaktiv terminated left ex former"
)
_STAYED_VALUES = worded(
    "0 -1 no n false f nein non nao falsch faux falso stayed stay existing retained active aktiv activo actif "
    "current loyal joined new bestand bestandskunde open remained remaining geblieben"
)
_NEGATIONS = worded("no not non nicht never kein keine")


def folded(text: str) -> str:
    """The text in lower case, without accents."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).casefold()


def words_of(name: str) -> list[str]:
    """The words of a name, folded: CustomerId, customer_id and customerid are two words each."""
    found = _WORD.findall(folded(_CAMEL.sub(" ", name)))
    return [part for word in found for part in _parts(word)]


def _parts(word: str) -> list[str]:
    """The name of a client and of a number in one word, apart: clientnum, kundennr."""
    for stem in sorted(CLIENTS, key=len, reverse=True):
        rest = word.removeprefix(stem) if word.startswith(stem) else ""
        if rest in IDS or rest.removeprefix("n") in IDS:
            return [stem, rest]
    return [word]


def names_leaving(word: str) -> bool:
    return (word.startswith(LEAVING) or "churn" in word) and not word.endswith("frist")


def as_target(name: str) -> int:
    """How surely a name says who left: 3 where it says nothing else, 2 by a word that has other uses, 1 vaguely, 0."""
    words = words_of(name)
    if set(words) & (NOT_NOW | AFTERWARDS):
        return 0
    rest = [word for word in words if word not in FILLERS]
    if rest and all(map(names_leaving, rest)):
        return 3
    if rest and all(names_leaving(word) or word in LEFT | KEPT - {"subscriber"} for word in rest):
        return 2
    return 1 if set(words) <= GENERIC | KEPT or any(map(names_leaving, rest)) else 0


def is_reversed(name: str) -> bool:
    """Whether a name is that of staying: `retained`."""
    return bool(set(words_of(name)) & KEPT)


def of_afterwards(name: str) -> str | None:
    """Say why a column is known only after a client has left, by its name alone, or return None."""
    words = set(words_of(name))
    if words & ESTIMATES:
        return "an estimate of the years to come, which supposes who stays"
    if words & NOT_NOW:
        return None
    if any(map(names_leaving, words)):
        return "its name tells of the leaving itself"
    return "its name tells of what follows the leaving" if words & LEFT and words & (AFTERWARDS - {"date"}) else None


def meaning(value: str) -> str | None:
    """What a value of the target says: "left", "stayed", or None."""
    text = folded(value).strip().removesuffix(".0")
    words = {text, *_WORD.findall(text)}
    left = bool(words & _LEFT_VALUES) or any(map(names_leaving, words))
    if len(words) > 2 and words & _NEGATIONS and left:
        return "stayed"
    if bool(words & _STAYED_VALUES) == left:
        return None
    return "left" if left else "stayed"


def says_leaving(value: str) -> bool:
    """Whether a value says in words that a client left, whatever its column is called."""
    words = set(_WORD.findall(folded(value)))
    return any(map(names_leaving, words)) or bool(words & {"exited", "attrited", "cancelled", "canceled", "terminated"})


def says_ended(kind: str) -> bool:
    """Whether a kind of event tells in words that a client ended: cancelled, account_closed, gekündigt."""
    words = set(words_of(kind))
    return not words & (_NEGATIONS | NOT_NOW) and (any(map(names_leaving, words)) or bool(words & (LEFT | ENDS)))


def label_of(name: str) -> tuple[str, str | None]:
    """The words for people, and the unit that the name ends in: `tenure_months` is Tenure, in months."""
    bracket = re.fullmatch(r"(.*\S)\s*[\[(]\s*([^\])]{1,8})\s*[\])]", name)
    text, unit = (bracket[1], bracket[2]) if bracket else (name, None)
    words = re.findall(r"[^\W_]+", _CAMEL.sub(" ", text))
    if not bracket and len(words) > 1 and words[-1].lower() in UNITS and words[-2].lower() not in ("in", "of", "per"):
        unit = UNITS[words.pop().lower()]
    words = [SHORT.get(word.lower(), word) for word in words]
    words = [
        it.upper() if it.lower() in ACRONYMS else it if it.isupper() and len(it) < 4 else it.lower() for it in words
    ]
    label = " ".join(words) or name
    return label[:1].upper() + label[1:], unit
