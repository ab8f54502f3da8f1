"""Whatever is asked of Lambda's paths, the answer is well formed in Lambda's words, and no fault of the server's."""

import base64
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detent.api.function_operations import ROUTES
from detent.api.shapes import wire_name
from detent.model.function import UserFunction
from servers.own_functions import ROLE, InProcessRunner, zipped
from wire.premises import Premises, premises
from wire.raw import Told

FUZZ = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ARN = "arn:aws:lambda:us-east-1:000000000000:function:"
ZIP = base64.b64encode(zipped()).decode()


def mostly(good: list[Any], *bad: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(good * 6 + list(bad))


NAMES = mostly(["a", "b", f"{ARN}a", "000000000000:function:b"], "a b", "", "none", f"{ARN}a:7", "\ud7ff", "1" * 65)
ZIPS = mostly([ZIP], "", "YQ", "YWJj", "no base64")
PLAUSIBLE: dict[str, st.SearchStrategy[Any]] = {
    "FunctionName": NAMES,
    "Role": mostly([ROLE], "role"),
    "Runtime": mostly(["python3.12", "provided.al2023"], "java", ""),
    "Handler": mostly(["function.handler"], "a b", ""),
    "Code": st.fixed_dictionaries({}, optional={"ZipFile": ZIPS, "S3Bucket": st.text(max_size=3)}),
    "ZipFile": ZIPS,
    "Timeout": st.integers(0, 901),
    "MemorySize": st.integers(127, 10_241),
    "Environment": st.fixed_dictionaries({}, optional={"Variables": st.dictionaries(st.text(max_size=3), st.text())}),
    "Layers": st.lists(mostly(["arn:aws:lambda:us-east-1:000000000000:layer:drivers:1"], "layer"), max_size=6),
    "Tags": st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=3),
    "Description": st.text(max_size=260),
    "PackageType": mostly(["Zip"], "Image", "x"),
    "RevisionId": mostly([None], "x"),
    "Qualifier": mostly([None, "$LATEST"], "live", "a b"),
    "StatementId": mostly(["s", "t"], "a b", ""),
    "Action": mostly(["lambda:InvokeFunction", "lambda:*", "*"], "secretsmanager:*"),
    "Principal": mostly(["000000000000", "secretsmanager.amazonaws.com", "*"], "x", "999999999999"),
    "SourceArn": mostly(["arn:aws:secretsmanager:us-east-1:000000000000:secret:a"], "arn"),
    "SourceAccount": mostly(["000000000000"], "1", ""),
    "Marker": mostly([None], "x"),
    "MaxItems": mostly([1, 50], 0, "x", "\u0663"),
    "VpcConfig": ANY,
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Premises]:
    def runners(code: Callable[[UserFunction], bytes]) -> InProcessRunner:
        return InProcessRunner(code)

    with premises(tmp_path_factory.mktemp("fuzz"), runners=runners) as found:
        found.client.service = "lambda"
        yield found


@pytest.fixture(autouse=True)
def _nothing_is_logged_as_broken(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, bytes]:
    """A method, a path with its query, and a body: most of the time nothing but good values."""
    route = draw(st.sampled_from(sorted(ROUTES)))
    operation, (method, *parts) = ROUTES[route], route
    members = {wire_name(field) for field in operation.shape.__struct_fields__}
    said = {name: draw(PLAUSIBLE.get(name, st.booleans())) for name in sorted(members) if draw(st.integers(0, 9)) > 2}
    said.update(draw(st.dictionaries(st.sampled_from(sorted(members)) | st.text(max_size=5), ANY, max_size=1)))
    path = "/".join(quote(draw(NAMES), safe="") if part == "*" else part for part in ["/2015-03-31/functions", *parts])
    if method in ("GET", "DELETE"):
        query = urlencode({name: value for name, value in said.items() if isinstance(value, str | int)})
        return method, f"{path}?{query}" if query else path, b""
    return method, path, json.dumps(said).encode()


def answers_well(house: Premises, method: str, path: str, body: bytes) -> Told:
    headers = house.client.signed(None, body, at=house.clock.now(), method=method, path=path)
    told = house.client.send(headers, body, method=method, path=path)
    assert told.status in {200, 201, 202, 204, 400, 403, 404, 409, 412, 429}
    assert told.headers["content-type"] == "application/json"
    assert told.headers["content-length"] == str(len(told.body))
    if told.status >= 400:
        members = json.loads(told.body)
        assert told.headers["x-amzn-errortype"]
        assert members.pop("Type") == "User"
        ((spelling, message),) = members.items()
        assert spelling in {"message", "Message"}
        assert isinstance(message, str)
    house.clock.advance(milliseconds=7)
    return told


@FUZZ
@given(asked=requests())
def test_nearly_good_requests_get_well_formed_answers(house: Premises, asked: tuple[str, str, bytes]) -> None:
    answers_well(house, *asked)


@FUZZ
@given(route=st.sampled_from(sorted(ROUTES)), body=st.binary() | ANY.map(lambda value: json.dumps(value).encode()))
def test_arbitrary_bodies_get_well_formed_answers(house: Premises, route: tuple[str, ...], body: bytes) -> None:
    method, *parts = route
    answers_well(
        house, method, "/".join(["/2015-03-31/functions", *("a" if part == "*" else part for part in parts)]), body
    )


@FUZZ
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]), parts=st.lists(st.text(max_size=5), max_size=5)
)
def test_arbitrary_paths_get_well_formed_answers(house: Premises, method: str, parts: list[str]) -> None:
    path = "/2015-03-31/functions/" + "/".join(quote(part, safe="") for part in parts)
    answers_well(house, method, path, b"{}")
