"""Devices from a file: taken whole or refused whole, each wrong line named, no address ever shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from vigil.cli.app import app
from vigil.delivery.device_csv import read_devices
from vigil.errors import BadInput
from vigil.ledger import Ledger
from vigil.ledger.people import devices
from vigil.ledger.people.devices import NewDevice
from vigil.ledger.values import Registered

HEADER = "person,address,platform,address_kind,zone,language,app\n"
SECRET = "s3cret-address"


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "devices.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def problems(folder: Path, text: str | bytes) -> list[tuple[int, str]]:
    with pytest.raises(BadInput) as refused:
        read_devices(written(folder, text))
    assert SECRET not in str(refused.value)
    return [(p.line, p.message) for p in refused.value.problems]


def test_a_file_as_a_spreadsheet_saves_it(tmp_path: Path) -> None:
    text = '\ufeffperson,platform,address,zone\r\nada, android ,"tok,1",Europe/Rome\r\nbob,ios,tok-2,\r\n'
    assert read_devices(written(tmp_path, text)) == [
        NewDevice("ada", "tok,1", "android", zone="Europe/Rome"),
        NewDevice("bob", "tok-2", "ios"),
    ]


def test_an_installation_id_is_an_address_of_its_own_kind(tmp_path: Path) -> None:
    [device] = read_devices(written(tmp_path, HEADER + "ada,fid-1,web,fid,,de,intranet\n"))
    assert device == NewDevice("ada", "fid-1", "web", "fid", "intranet", "de")


def test_a_webhook_of_a_person_or_a_group_says_its_kind_by_its_platform(tmp_path: Path) -> None:
    text = "person,address,platform\nada,https://hooks.example.org/a,webhook\ngroup:legal,http://127.0.0.1:9/b?c=d,webhook\n"
    assert read_devices(written(tmp_path, text)) == [
        NewDevice("ada", "https://hooks.example.org/a", "webhook", "webhook"),
        NewDevice("group:legal", "http://127.0.0.1:9/b?c=d", "webhook", "webhook"),
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (f"ada,http://hooks.example.org/{SECRET},webhook,,,,", "begins with https://"),
        (f"ada,https://ada:{SECRET}@hooks.example.org/,webhook,,,,", "without a login"),
        (f"ada,{SECRET},webhook,,,,", "begins with https://"),
        (f"ada,https://hooks.example.org/{SECRET},webhook,token,,,", 'address_kind "token": one of webhook'),
        (f"ada,{SECRET},android,webhook,,,", 'address_kind "webhook": one of token, fid'),
        (f"ada,{SECRET}@example.org,email,,,,", 'platform "email": one of android, ios, web, webhook'),
    ],
)
def test_what_is_no_webhook_is_refused(tmp_path: Path, row: str, expected: str) -> None:
    [(line, said)] = problems(tmp_path, f"{HEADER}{row}\n")
    assert line == 2 and expected in said


def test_every_wrong_line_is_named_at_once(tmp_path: Path) -> None:
    text = HEADER + (
        f"ada,{SECRET}-1,android,,,,\n"
        f",{SECRET}-2,android,,,,\n"
        f"ada,{SECRET}-3,fax,,,,\n"
        f"ada,{SECRET}-4,android,mail,,,\n"
        f"ada,{SECRET}-5,android,,Mars/Olympus,,\n"
        f"bob,{SECRET}-1,ios,,,,\n"
        f"bob,{SECRET}-6,ios,,,,,too,many\n"
        f"bob,{SECRET}-7\n"
    )
    found = problems(tmp_path, text)
    assert [line for line, _ in found] == [3, 4, 5, 6, 7, 8, 9]
    said = [message for _, message in found]
    assert '"fax"' in said[1] and '"mail"' in said[2] and '"Mars/Olympus"' in said[3]
    assert "line 2" in said[4], "an address belongs to one person"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "found nothing"),
        ("person,address\nada,x\n", "must name person, address, platform"),
        ("person,address,platform,color\n", "found person, address, platform, color"),
        ("person,address,platform,person\nada,x,ios,bob\n", "the first line names person more than once"),
        ("person,app,address,platform,app,app,person\n", "names person and app more than once"),
        (HEADER + "a\0da,tok,android,,,,\n", "characters in person that are no text, such as NUL"),
        (HEADER + "ada,tok\0,android,,,,x\x1b\n", "characters in address and app that are no text"),
        (HEADER.encode() + b"J\xf6rg,tok,android,,,,\n", "not UTF-8"),
        (HEADER + 'ada,"tok"x,android,,,,\n', "not CSV"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, text: str | bytes, expected: str) -> None:
    [(_, message)] = problems(tmp_path, text)
    assert expected in message


def vigil(ledger: str, path: Path) -> tuple[object, str]:
    result = CliRunner().invoke(app, ["devices", "import", str(path), "--ledger", ledger])
    return result.exception, result.output


def test_the_command_registers_all_or_nothing_and_again_is_a_refresh(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    bad = written(tmp_path, HEADER + f"ada,{SECRET}-1,android,,,,\nada,{SECRET}-2,fax,,,,\n")
    error, _ = vigil(url, bad)
    assert isinstance(error, BadInput)
    good = written(tmp_path, HEADER + f"ada,{SECRET}-1,android,,,,\nbob,{SECRET}-2,ios,,,,\n")
    for _ in range(2):
        error, output = vigil(url, good)
        assert error is None and output.endswith(f"{url}\n2 devices registered\n")
    moved = written(tmp_path, HEADER + f"bob,{SECRET}-1,android,,,,\n")
    vigil(url, moved)
    ledger = Ledger.open(url)
    with ledger.read() as connection:
        found = devices.of_people(connection, ["ada", "bob"])
    ledger.close()
    assert found.keys() == {"bob"}, "a phone that changes hands belongs to its new person"
    assert [d.platform for d in found["bob"]] == ["android", "ios"]
    assert all(isinstance(d, Registered) for d in found["bob"])
