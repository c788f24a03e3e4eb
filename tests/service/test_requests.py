from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from risk.service.problems import Problem
from risk.service.requests import MAX_ROWS, Contract, File, Ids, RequestedRows
from risk.settings.schema import Schema
from tests.installation import KINDS, SCHEMA

GOOD = {"activity": 3, "size": None, "sector": "bank"}


@pytest.fixture(scope="module")
def contract() -> Contract:
    from pydantic import TypeAdapter

    return Contract(TypeAdapter(Schema).validate_python(SCHEMA), KINDS)


def refusal(contract: Contract, body: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        contract.read_json(body if isinstance(body, bytes) else json.dumps(body).encode())
    return caught.value


@pytest.mark.parametrize("wrap", [lambda clients: clients, lambda clients: {"clients": clients}])
def test_clients_are_read_from_a_bare_list_and_from_an_object(contract: Contract, wrap: Any) -> None:
    body = json.dumps(wrap([GOOD | {"company": "acme", "left": 0, "value": 10.5}, GOOD | {"company": 7}])).encode()

    found = contract.read_json(body)

    assert isinstance(found, RequestedRows)
    assert found.clients == ["acme", "7"]
    assert list(found.frame) == list(KINDS)
    assert found.frame["activity"].tolist() == [3.0, 3.0]
    assert math.isnan(found.frame["size"][0])


def test_missing_markers_and_blanks_are_missing_values(contract: Contract) -> None:
    body = json.dumps([GOOD | {"sector": "n/a"}, GOOD | {"sector": " "}, GOOD | {"sector": " bank "}]).encode()

    found = contract.read_json(body)

    assert isinstance(found, RequestedRows)
    assert found.frame["sector"].tolist() == [None, None, "bank"]


@pytest.mark.parametrize("body", [GOOD, [GOOD], {"clients": GOOD}, {"ids": ["007"]}, {"filepath": "a.csv"}])
def test_json_after_a_byte_order_mark_is_read_as_without(contract: Contract, body: Any) -> None:
    text = json.dumps(body).encode()

    marked, plain = contract.read_json(b"\xef\xbb\xbf" + text), contract.read_json(text)

    assert str(marked) == str(plain)


def test_ids_and_a_path_are_passed_on(contract: Contract) -> None:
    ids = contract.read_json(b'{"ids": ["007", 8]}')
    file = contract.read_json(b'{"filepath": "testdata/testdata.csv"}')

    assert ids == Ids(["007", "8"])
    assert file == File("testdata/testdata.csv")


@pytest.mark.parametrize(
    ("body", "row", "field"),
    [
        ('[{"activity": 1, "activity": 2, "size": 1, "sector": "a"}]', 0, "activity"),
        ('[{"activity": 1, "size": 1, "sector": "a"}, {"activity": 1, "\\u0061ctivity": 2, "size": 1, "sector": "a"}]',
         1, "activity"),
        ('{"clients": [{"activity": 1, "size": 1, "sector": "a:b", "company": "x", "company": "x"}]}', 0, "company"),
        ('{"clients": {"activity": 1, "size": 1, "sector": null, "left": 0, "left": null}}', 0, "left"),
        ('{"activity": 1, "size": 1, "size": 1, "sector": "a"}', 0, "size"),
        ('{"clients": [], "clients": []}', None, "clients"),
        ('{"ids": ["a"], "\\u0069ds": ["b:c"]}', None, "ids"),
        ('{"filepath": "a.csv", "filepath": "b.csv"}', None, "filepath"),
    ],
)  # fmt: skip
def test_a_name_that_stands_twice_is_refused(contract: Contract, body: str, row: int | None, field: str) -> None:
    problem = refusal(contract, body.encode())

    assert (problem.status, problem.row, problem.field) == (422, row, field)
    assert "twice" in str(problem)


def test_colons_in_texts_are_no_second_names(contract: Contract) -> None:
    body = json.dumps({"clients": [GOOD | {"company": "a:b", "sector": "::", "month": '\\:"'}, GOOD]}).encode()

    found = contract.read_json(body)

    assert isinstance(found, RequestedRows)
    assert found.clients == ["a:b", None]


def test_one_client_needs_no_list_around_it(contract: Contract) -> None:
    found = [contract.read_json(json.dumps(body).encode()) for body in (GOOD, {"clients": GOOD}, [GOOD])]

    assert [it.frame["activity"].tolist() for it in found if isinstance(it, RequestedRows)] == [[3.0]] * 3


@pytest.mark.parametrize("wrap", [lambda client: client, lambda client: {"clients": client}])
def test_a_refusal_of_one_client_names_its_field(contract: Contract, wrap: Any) -> None:
    problem = refusal(contract, wrap(GOOD | {"activity": "x"}))

    assert (problem.status, problem.row, problem.field) == (422, 0, "activity")


@pytest.mark.parametrize("body", [b'{"activity": 1} 3', b'{"activity": 1}, {"activity": 2}', b'{"activity": '])
def test_more_than_one_bare_object_is_refused(contract: Contract, body: bytes) -> None:
    assert refusal(contract, body).status in (400, 422)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"activity": "3"}, "activity"),
        ({"activity": True}, "activity"),
        ({"activity": -1}, "activity"),
        ({"size": 10**400}, "size"),
        ({"sector": 3}, "sector"),
        ({"sector": "x" * 201}, "sector"),
        ({"company": "x" * 201}, "company"),
        ({"company": 1.5}, "company"),
        ({"company": 10**200}, "company"),
        ({"company": -(10**199)}, "company"),
        ({"unheard of": 1}, "unheard of"),
        ({"left": [[]]}, "left"),
    ],
)
def test_a_refusal_names_row_and_field(contract: Contract, change: dict[str, Any], field: str) -> None:
    problem = refusal(contract, [GOOD, GOOD | change])

    assert (problem.status, problem.row, problem.field) == (422, 1, field)
    assert str(problem).startswith(f"row 1: {field}: ")


@pytest.mark.parametrize("digits", ["9" * 201, "-" + "9" * 200, "9" * 5000])
def test_a_number_as_an_id_is_no_longer_than_a_text(contract: Contract, digits: str) -> None:
    bodies = (b'{"ids": [7, %s]}', b'[%s, {"company": %%s, "activity": 3, "size": 1, "sector": "bank"}]')
    good = b'{"activity": 3, "size": 1, "sector": "bank"}'

    problems = [refusal(contract, it) for it in (bodies[0] % digits.encode(), bodies[1] % good % digits.encode())]
    read = [contract.read_json(b'{"ids": [%s]}' % it) for it in (b"9" * 200, b"-0")]

    assert [(it.status, it.row, it.field) for it in problems] == [(422, 1, "ids"), (422, 1, "company")]
    assert {str(it).partition(": expected ")[2] for it in problems} == {"a whole number of at most 200 characters"}
    assert read == [Ids(["9" * 200]), Ids(["0"])]


def test_a_missing_feature_is_named(contract: Contract) -> None:
    problem = refusal(contract, {"clients": [{"activity": 3, "sector": "bank"}]})

    assert (problem.status, problem.row, problem.field) == (422, 0, "size")
    assert "null" in str(problem)


@pytest.mark.parametrize("body", [{}, {"ids": [], "clients": []}, {"clients": 3}, 3, None, [3], {"other": 1}])
def test_another_shape_is_refused(contract: Contract, body: Any) -> None:
    problem = refusal(contract, body)

    assert problem.status == 422


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[NaN]", b"\xff", b'[{"sector": "\xff"}]', b'[{"sector": "\\ud800"}]', b"\xef\xbb\xbf"]
)
def test_what_is_not_json_is_a_bad_request(contract: Contract, body: bytes) -> None:
    problem = refusal(contract, body)

    assert problem.status == 400


@pytest.mark.parametrize("start", [b"[", b'{"clients": [{"left": ', b'[{"unheard of": ', b'{"ids": '])
def test_a_body_nested_without_end_is_refused_without_harm(contract: Contract, start: bytes) -> None:
    problem = refusal(contract, start + b"[" * 1_000_000)

    assert problem.status in (400, 422)


@pytest.mark.parametrize("name", ["ids", "clients"])
def test_too_many_rows_are_refused(contract: Contract, name: str) -> None:
    row = b'"a",' if name == "ids" else json.dumps(GOOD).encode() + b","
    body = b'{"%s": [%s]}' % (name.encode(), (row * (MAX_ROWS + 1))[:-1])

    problem = refusal(contract, body)

    assert problem.status == 413


def test_csv_is_read_by_its_header_and_other_columns_are_ignored(contract: Contract) -> None:
    text = '\ufeffsector,other,company,size,activity\r\n bank ,"a\nb",acme,,3.5\r\n\r\nn/a,x,,-2,0\r\n'

    found = contract.read_csv(text.encode())

    assert found.clients == ["acme", None]
    assert found.frame["activity"].tolist() == [3.5, 0.0]
    assert found.frame["sector"].tolist() == ["bank", None]
    assert math.isnan(found.frame["size"][0])
    assert found.frame["size"][1] == -2.0


def test_csv_without_the_client_column_gives_no_names(contract: Contract) -> None:
    found = contract.read_csv(b"activity,size,sector\n1,2,bank\n")

    assert found.clients == [None]


@pytest.mark.parametrize(
    ("content", "status", "field"),
    [
        (b"[]", 422, "activity"),
        (b"activity,size\n1,2\n", 422, "sector"),
        (b"activity,activity,size,sector\n1,1,2,bank\n", 422, "activity"),
        (b"company,activity,size,sector,company\na,1,2,bank,b\n", 422, "company"),
        (b"activity,size,sector\n1,2\n", 422, None),
        (b"activity,size,sector\n1,2,bank,x\n", 422, None),
        (b"activity,size,sector\n1,2,\xff\n", 400, None),
        (b'activity,size,sector\n1,2,"bank\n', 400, None),
    ],
)
def test_csv_that_does_not_fit_is_refused(contract: Contract, content: bytes, status: int, field: str | None) -> None:
    with pytest.raises(Problem) as caught:
        contract.read_csv(content)

    assert (caught.value.status, caught.value.field) == (status, field)


@pytest.mark.parametrize("content", [b"", b"\r\n \n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_a_csv_body_without_text_is_told_what_is_expected(contract: Contract, content: bytes) -> None:
    with pytest.raises(Problem) as caught:
        contract.read_csv(content)

    assert (caught.value.status, caught.value.field) == (422, None)
    assert str(caught.value) == "the text is empty; send a header with activity, size, sector and a line per client"


@pytest.mark.slow
def test_a_long_csv_is_refused(contract: Contract) -> None:
    content = b"activity,size,sector\n" + b"1,2,a\n" * (MAX_ROWS + 1)

    with pytest.raises(Problem) as caught:
        contract.read_csv(content)

    assert caught.value.status == 413


def test_a_refusal_shows_no_more_of_a_file_than_the_faulty_field(contract: Contract) -> None:
    with pytest.raises(Problem) as caught:
        contract.read_csv(b"activity,size,sector\n" + b"secret" * 50 + b",2,hidden\n")

    assert len(str(caught.value)) < 120
    assert "hidden" not in str(caught.value)


def test_features_are_those_of_the_model_and_the_configured_rest_is_ignored(contract: Contract) -> None:
    from pydantic import TypeAdapter

    other = Contract(TypeAdapter(Schema).validate_python(SCHEMA), {"age": "numeric"})

    found = other.read_json(json.dumps([{"age": 4, "activity": 3, "sector": "bank"}]).encode())

    assert isinstance(found, RequestedRows)
    assert list(found.frame) == ["age"]


def test_awkward_column_names_are_named_back() -> None:
    strange = Contract(Schema(), {"a `b` - at `$[0].c": "numeric", "class": "numeric"})

    problem = refusal(strange, [{"a `b` - at `$[0].c": 1, "class": "x"}])

    assert (problem.row, problem.field) == (0, "class")


def test_configured_columns_that_are_to_be_ignored_are_known() -> None:
    contract = Contract(Schema(ignore=("notes",)), {"activity": "numeric"})

    found = contract.read_json(b'[{"activity": 1, "notes": "x", "exited": null, "number_of_employees": 3}]')

    assert isinstance(found, RequestedRows)
    assert list(found.frame) == ["activity"]


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("activity;size;sector", "semicolons"),
        ('\ufeff"activity";"size";"sector"', "semicolons"),
        ("activity\tsize\tsector", "tabs"),
        ("activity|size|sector", "bars"),
        ("sep=;", "semicolons"),
    ],
)
def test_another_separator_is_told_as_ingestion_tells_it(contract: Contract, header: str, told: str) -> None:
    with pytest.raises(Problem, match=f"line 1: is separated by {told}, expected .*, separated by commas") as caught:
        contract.read_csv(f"{header}\r\n1,5;2;bank\r\n".encode())

    assert caught.value.status == 422


@pytest.mark.parametrize("body", [b'{"activity": 1}{"activity": 2}', b'{"nobody": 1} {}'])
def test_two_objects_after_each_other_are_no_json(body: bytes) -> None:
    contract = Contract(Schema(), {"activity": "numeric"})

    with pytest.raises(Problem) as error:
        contract.read_json(body)

    assert error.value.status == 400


ROWS = ["acme,1,2.5,bank", "zeta,0,-3,retail", " x ,7, 4 ,n/a", ",n/a,,", "acme,10,1,01"]
CELLS = ["1", " 2 ", "1.50", "", "n/a", "1e5", "01", ".5", "-0", "-1", "1.", "+1", "nan", "9" * 400, "1\n2", "١",
         "bank", "x" * 201, "5\n", "\x1f6", "1\r", "1,2", "[1]", "null", "1E2", "\u2028", "-0.0"]  # fmt: skip


@pytest.mark.slow
@given(rows=st.lists(st.lists(st.sampled_from(CELLS), min_size=4, max_size=4), min_size=1, max_size=5),
       tail=st.sampled_from(["", "\n", "\n\n", '\n"', "\na,b", "\r\n \r\n"]), quoted=st.booleans(),
       end=st.sampled_from(["\n", "\r\n"]))  # fmt: skip
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_columns_at_once_are_read_as_cells_one_by_one(
    contract: Contract, rows: list[list[str]], tail: str, quoted: bool, end: str
) -> None:
    mark = '"' if quoted else ""
    lines = [",".join(mark + cell.replace('"', '""') + mark for cell in row) for row in rows]
    text = end.join(["company,activity,size,sector", *ROWS, *lines]) + tail

    told = []
    for read in (contract.read_csv, lambda content: contract._by_cells(content.decode())):
        try:
            told.append(repr(read(text.encode())).replace("-0.0", "0.0"))  # type: ignore[no-untyped-call]
        except Problem as problem:
            told.append(json.dumps(problem.document))

    assert told[0] == told[1]


def test_a_plain_csv_is_read_by_its_columns(contract: Contract) -> None:
    text = "\n".join(["company,activity,size,sector", *ROWS, ""])

    found = contract._by_columns(text)

    assert found is not None
    assert repr(found) == repr(contract._by_cells(text))
    assert found.columns["activity"] == [1.0, 0.0, 7.0, None, 10.0]
    assert found.clients == ["acme", "zeta", "x", None, "acme"]
