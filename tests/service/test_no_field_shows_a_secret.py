"""What Prefect shows of a site's blocks holds no secret: a field that may hold one is a secret field, or refuses a login."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from blocks.site import BLOCKS
from tests.support.webhooks import OLD
from vigil.service.connecting.forms import FORMS, is_secret

LOGIN = "vigil:s3cret-in-an-address"
ACCOUNT = '{"project_id": "p", "type": "service_account"}'
LEAST: dict[str, dict[str, Any]] = {
    "ecm": {"url": "https://ecm.example.org/cs/cs", "username": "vigil", "password": "x"},
    "fcm": {"service_account": ACCOUNT},
    "ledger": {"url": "sqlite:///x"},
    "smtp": {"host": "smtp.example.org", "sender": "vigil@example.org"},
    "webhook": {"secrets": OLD},
    "site": {"ecm": "a", "fcm": "a", "ledger": "a"},
}
ADDRESSES = [
    (part, name)
    for part, form in FORMS.items()
    for name in form.model_fields
    if name in ("url", "otds_login", "otds_url", "endpoint", "gateway", "public_url", "proxy")
]


@pytest.mark.parametrize("part", FORMS)
def test_prefect_takes_every_secret_field_for_one(part: str) -> None:
    mine = {name for name, field in FORMS[part].model_fields.items() if is_secret(field)}
    assert set(BLOCKS[part].model_json_schema()["secret_fields"]) == mine


@pytest.mark.parametrize(("part", "name"), ADDRESSES)
def test_an_address_is_a_secret_or_holds_no_login(part: str, name: str) -> None:
    address = "https://proxy.example.org/x"
    BLOCKS[part].model_validate({**LEAST[part], name: address})
    with_login = {**LEAST[part], name: address.replace("://", f"://{LOGIN}@")}
    if is_secret(FORMS[part].model_fields[name]):
        assert "s3cret" not in repr(BLOCKS[part].model_validate(with_login))
        return
    with pytest.raises(ValidationError, match="must not contain a login"):
        BLOCKS[part].model_validate(with_login)


@pytest.mark.parametrize("proxy", [f"{LOGIN}@proxy", f"ftp://{LOGIN}@proxy", f"http://{LOGIN}@proxy:port"])
@pytest.mark.parametrize("part", ["ecm", "fcm", "webhook"])
def test_what_is_no_proxy_is_refused_without_quoting_it(part: str, proxy: str) -> None:
    with pytest.raises(ValidationError, match="a proxy's address must begin with") as refused:
        BLOCKS[part].model_validate({**LEAST[part], "proxy": proxy})
    assert all("s3cret" not in e["msg"] for e in refused.value.errors(include_input=False))
