"""What the expressions of a binding stand for in one run."""

import json

import pytest

from localcloud.functions.errors import InvalidSetting
from localcloud.functions.expressions import Filling
from localcloud.functions.payload_members import payload_members
from localcloud.functions.protos import RpcHttp, TypedData
from tests.localcloud.cloud.hosting import START


def filled(text: str, value: TypedData) -> str:
    return Filling(now=START, members=payload_members(value)).fill(text)


def test_a_member_of_a_json_message_and_a_parameter_of_a_route_fill_a_path() -> None:
    message = TypedData(string=json.dumps({"registry": "contoso.azurecr.io", "auditId": "a1", "list": []}))
    assert filled("reports/{Registry}/{auditid}.json", message) == "reports/contoso.azurecr.io/a1.json"
    request = TypedData(http=RpcHttp(method="GET", url="", params={"registry": "r"}, query={"other": "q"}))
    assert filled("reports/{registry}", request) == "reports/r"
    with pytest.raises(InvalidSetting, match="other"):
        filled("{other}", request)


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"other": 1}', '{"registry": []}'])
def test_what_the_trigger_did_not_bring_is_refused(text: str) -> None:
    with pytest.raises(InvalidSetting, match="registry"):
        filled("reports/{registry}", TypedData(string=text))
