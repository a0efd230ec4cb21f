"""A process that plants a canary in every secret and every sensitive attribute, and runs all flows through all failures.

    python -m tests.flows.canaries FOLDER SMTP_PORT        # PREFECT_API_URL names the server

Whoever starts it looks for the canaries afterwards. They are letters and digits, so that no form of writing changes them but base 64.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.events import emit_event

from flows.backfill import backfill
from flows.digest import digest
from flows.reconcile import reconcile
from flows.support.finish import with_state
from flows.support.states import Ending
from flows.sweep import SweepScope, sweep
from flows.upkeep import upkeep
from flows.watch import watch
from tests.shared import PROJECT
from tests.support.webhooks import hook
from vigil.ledger import Ledger
from vigil.ledger.people import devices
from vigil.replay.estate import SITE, Replay, register, save_site
from vigil.sandbox.estate.load import load
from vigil.sandbox.generate.generator import generate
from vigil.sandbox.process import SandboxProcess

PASSWORD, OTDS, ECM_PROXY, FCM_PROXY = (
    "canaryPassw0rd7hQ2x",
    "canaryOtds5ecr3tK9",
    "canaryPr0xyEcm44zT",
    "canaryPr0xyFcm81bV",
)
LEDGER, SMTP = "canaryLedg3rPwd6mN", "canarySmtpPwd3jW8e"
LINKS = "canaryLinks0123456789abcdefghijklm"
DEVICE = "canaryDevice5544332211aabbccddee"
FAULT = SMTP  # what a fault of ours quotes
HOOKS = "Y2FuYXJ5SG9va3NTZWNyZXQ0NTY3ODlhYmNkZWZnaGlq"  # base64, as secrets of webhooks are
HOOK = "canaryHookQuery6677aabbccddeeff00"
SECRETS = (PASSWORD, OTDS, ECM_PROXY, FCM_PROXY, LEDGER, SMTP, LINKS, DEVICE, HOOKS, HOOK)

PARTY, NEW_PARTY, CENTER = "canaryParty77Zq", "canaryNewParty91Xw", "canaryCenter13Rv"
VALUE, DAY = 987654321, date(2031, 7, 19)
SENSITIVE = (
    PARTY,
    NEW_PARTY,
    CENTER,
    str(VALUE),
    "2031-07-19",
    "19 July 2031",
    "19 Jul 2031",
    "Jul 19, 2031",
    "19.07.2031",
)
ATTRIBUTES = ["Contract.counterparty", "Contract.cost center", "Contract.value", "Contract.expires"]
WORKSPACE, PERSON, BY_MAIL, BY_HOOK = 100001, "ada.berg", "bruno.conti", "hans.keller"
DONE = "canaries.done"

RULES = f"""
rule: is-the-party
version: 1
status: live
kind: condition
subject: {{workspace_type: Contract}}
when: {{all: [{{field: attr.counterparty, op: eq, value: {PARTY}}}, {{field: attr.value, op: gt, value: {VALUE - 1}}},
  {{any: [{{field: attr.Contract.cost center, op: contains, value: {CENTER[:12]}}}, {{field: name, op: absent}}]}}]}}
resolved: true
to: [{{user: {PERSON}}}, {{user: {BY_MAIL}}}, {{user: {BY_HOOK}}}]
template: everything
---
rule: party-changed
version: 1
status: live
kind: transition
subject: {{workspace_type: Contract}}
events: [attribute_changed]
where: {{all: [{{field: event.to, op: starts_with, value: canaryNew}}]}}
to: [{{user: {PERSON}}}, {{user: {BY_MAIL}}}, {{user: {BY_HOOK}}}]
template: everything
---
rule: due
version: 1
status: live
kind: milestone
subject: {{workspace_type: Contract}}
due: attr.Contract.expires
where: {{all: [{{field: attr.counterparty, op: present}}]}}
steps: [{{id: early, at: -{(DAY - date(2026, 3, 3)).days}d, to: [{{user: {PERSON}}}, {{user: {BY_MAIL}}}, {{user: {BY_HOOK}}}]}}]
template: everything
---
rule: without-words
version: 1
status: live
kind: condition
subject: {{workspace_type: Contract}}
when: {{all: [{{field: attr.counterparty, op: ne, value: {NEW_PARTY}}}]}}
to: [{{user: {PERSON}}}, {{user: {BY_MAIL}}}, {{user: {BY_HOOK}}}]
template: broken
"""
REFUSED = f"""
rule: refused
version: 1
status: live
kind: condition
subject: {{workspace_type: Contract}}
when: {{all: [{{field: attr.counterparty, op: equals, value: {PARTY}}}]}}
to: [{{user: {PERSON}}}, {{user: {BY_MAIL}}}, {{user: {BY_HOOK}}}]
"""
EVERYTHING = " ".join(f"{{{{ {name}|string }}}}" for name in ("attrs", "event", "why", "due", "occurrence"))


@flow(name="faulty", persist_result=False)
@with_state
async def faulty() -> Ending:
    """A fault of Vigil's own, whose text quotes a secret."""
    raise RuntimeError(f"no such login: {FAULT}")


class Stage:
    """The sandbox, the site and what fails. `at` is the instant of the next run: each is later than the one before."""

    def __init__(self, folder: Path, smtp: int, what: Replay, sandbox: SandboxProcess) -> None:
        self.folder, self.smtp, self.what, self.sandbox = folder, smtp, what, sandbox
        self.estate = load(what.estate)
        self.at = what.start
        self._saved: dict[str, Any] = {}

    def runs(self, *flows: str, changed: Mapping[str, Any] | None = None, hours: float = 2) -> None:
        """Save the site with what is `changed` of it, move on, and run these flows, whatever comes of them."""
        parts = {
            "ecm": {"retries": 0, "total_timeout": 5.0},
            "smtp": self._mail(),
            "webhook": {"secrets": f"whsec_{HOOKS}"},
            "site": {"sensitive": ATTRIBUTES},
        }
        for part, values in (changed or {}).items():
            parts[part] = {**parts.get(part, {}), **values}
        if parts != self._saved:
            asyncio.run(save_site(self.what, self.estate, self.sandbox, changed=parts))
            self._saved = parts
        for name in flows:
            self.at += timedelta(hours=hours)
            self.sandbox.move(self.at)
            asyncio.run(self._run(name))

    async def _run(self, name: str) -> None:
        common: dict[str, Any] = {"site": SITE, "as_of": self.at, "return_state": True}
        window: dict[str, Any] = {"after": self.what.start, "upto": self.at, "ask": False}
        match name:
            case "watch":
                state = await watch(**common)
            case "dry sweep":
                state = await sweep(scope=SweepScope(), **common)
            case "sweep":
                state = await sweep(scope=SweepScope(dry_run=False), **common)
            case "backfill":
                state = await backfill(**window, **common)
            case "reconcile":
                state = await reconcile(fix=True, **common)
            case "digest":
                state = await digest(**common)
            case "upkeep":
                state = await upkeep(**common)
            case _:
                state = await faulty(return_state=True)
        print(f"{name} at {self.at:%d %H:%M}: {state.name}: {state.message}", flush=True)

    def _mail(self) -> dict[str, Any]:
        return {
            "host": "127.0.0.1",
            "port": self.smtp,
            "security": "none",
            "sender": "Vigil <vigil@example.org>",
            "username": "vigil",
            "password": SMTP,
            "gateway": "https://vigil.example.org",
            "link_secrets": LINKS,
        }

    def otds(self, client: str, secret: str) -> dict[str, str | None]:
        """A login by OTDS in the place of the service user; the sandbox's OTDS is beside its ECM."""
        url = self.sandbox.ecm_url.removesuffix("/cs/cs") + "/otdsws/oauth2/token"
        user = {"username": "", "password": None}
        return {**user, "otds_url": url, "otds_client": client, "otds_secret": secret}

    def user_of_otds(self, password: str) -> dict[str, str | None]:
        """The service user, who logs in at OTDS."""
        url = self.sandbox.ecm_url.removesuffix("/cs/cs") + "/otdsws/v1/authentication/credentials"
        return {"password": password, "otds_login": url}

    @contextmanager
    def failing(
        self, ecm: Mapping[str, str] | None = None, fcm: Mapping[str, Any] | None = None
    ) -> Iterator[None]:
        """ECM fails by endpoint pattern; FCM as one fault says."""
        script = [{"endpoint": e, "what": w, "times": 10_000} for e, w in (ecm or {}).items()]
        self.sandbox.faults(ecm={"script": script}, fcm={"add": [dict(fcm)] if fcm else []})
        yield
        self.sandbox.faults(ecm={"clear": True}, fcm={"clear": True})


READING = ("watch", "dry sweep", "backfill", "reconcile")
ALL = (*READING, "sweep", "digest", "upkeep")
ECHOES = {"echo": READING, "echo_html": ("watch",), "echo_text": ("watch",)}


def everything(stage: Stage) -> None:
    """All flows, while all is well and through each failure."""
    stage.runs("watch", hours=0)
    with stage.failing(fcm={"kind": "echo", "at": "token", "status": 400}):
        stage.runs("watch", hours=30)
    for at, status in (("token", 500), ("send", 403), ("send", 401), ("send", 500)):
        with stage.failing(fcm={"kind": "echo", "at": at, "status": status}):
            stage.runs("watch")
    stage.runs("watch", changed={"fcm": {"proxy": f"http://vigil:{FCM_PROXY}@127.0.0.1:9"}})
    with stage.failing(fcm={"kind": "echo", "status": 400, "match": {"token": DEVICE}}):
        stage.runs("watch")
    stage.runs(*ALL, "fault")
    for echo, flows in ECHOES.items():
        nodes = ("GET /v2/nodes/*", "GET /v2/businessworkspaces/*", "GET /v2/workflows/*")
        with stage.failing(ecm=dict.fromkeys(nodes, echo)):
            stage.runs(*flows)
        with stage.failing(ecm={"* /v2/*": echo}):
            stage.runs("watch")
        with stage.failing(ecm={"* /v1/auth": echo}):
            stage.runs("watch", changed={"ecm": {"password": PASSWORD}})
    for endpoint, secret in (("*token", OTDS), ("GET /v1/auth", "vigil")):
        with stage.failing(ecm={endpoint: "echo"}):
            stage.runs("watch", changed={"ecm": stage.otds("vigil", secret)})
    for endpoint, secret in (("*credentials", PASSWORD), ("GET /v1/auth", "vigil")):
        with stage.failing(ecm={endpoint: "echo"}):
            stage.runs("watch", changed={"ecm": stage.user_of_otds(secret)})
    (stage.what.rules / "refused.yaml").write_text(REFUSED)
    stage.runs("watch", "sweep")
    stage.runs("watch", changed={"ecm": {"password": PASSWORD}})
    stage.runs("watch", changed={"ecm": stage.otds("vigil", OTDS)})
    stage.runs("watch", changed={"ecm": {"proxy": f"http://vigil:{ECM_PROXY}@127.0.0.1:9"}})
    stage.runs(*ALL, changed={"ledger": {"url": f"postgresql+psycopg://vigil:{LEDGER}@127.0.0.1:9/none"}})


def planted(folder: Path) -> Path:
    """The demo's estate with canaries in it."""
    made = generate(folder / "estate")
    attrs = {
        "Contract.counterparty": PARTY,
        "Contract.cost center": CENTER,
        "Contract.value": VALUE,
        "Contract.expires": DAY.isoformat(),
    }
    phones: dict[str, list[dict[str, str]]] = {
        PERSON: [{"token": DEVICE, "platform": "android"}],
        BY_MAIL: [],
        BY_HOOK: [],
    }
    changes: dict[str, Callable[[dict[str, Any]], None]] = {
        "workspaces.jsonl": lambda row: row["attrs"].update(attrs if row["id"] == WORKSPACE else {}),
        "users.jsonl": lambda row: row.update(devices=phones.get(row["login"], row.get("devices", []))),
    }
    for name, change in changes.items():
        rows = [json.loads(line) for line in (made.folder / name).read_text().splitlines()]
        for row in rows:
            change(row)
        (made.folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    changed = {
        "kind": "attribute_changed",
        "workspace": WORKSPACE,
        "attr": "Contract.counterparty",
        "by": "hans.keller",
    }
    happened = made.folder / "events.jsonl"
    rows = [json.loads(line) for line in happened.read_text().splitlines()]
    rows.append({"ts": "2026-03-03T02:00:00+01:00", **changed, "value": NEW_PARTY})
    rows.sort(key=lambda row: datetime.fromisoformat(row["ts"]))
    happened.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return made.folder


def main(folder: Path, smtp: int) -> None:
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)  # whatever any library logs
    estate = planted(folder)
    (folder / "rules").mkdir()
    (folder / "rules" / "canaries.yaml").write_text(RULES)
    templates = folder / "templates"
    for family, body in (
        ("everything", EVERYTHING),
        ("broken", '{{ attrs["Contract.counterparty"].upper() }}'),
    ):
        (templates / family).mkdir(parents=True)
        (templates / family / "title.j2").write_text("{{ workspace_name }}")
        (templates / family / "body.j2").write_text(body)
    for shipped in (PROJECT / "templates").iterdir():
        (templates / shipped.name).symlink_to(shipped)
    start = datetime.fromisoformat("2026-03-02T00:00:00+01:00")
    what = Replay(
        estate,
        folder / "rules",
        templates,
        start,
        start,
        timedelta(days=1),
        f"sqlite:///{folder}/ledger.sqlite",
    )
    ledger = Ledger.open(what.ledger_url)
    register(ledger, load(estate), start)
    with ledger.write() as connection:
        # Nobody listens there.
        devices.register(connection, [hook(BY_HOOK, f"http://127.0.0.1:9/hooks?key={HOOK}")], start)
    with SandboxProcess(estate, start=start) as sandbox:
        (folder / "account.json").write_text(Path(sandbox.service_account).read_text())
        stage = Stage(folder, smtp, what, sandbox)
        everything(stage)
    emit_event(DONE, resource={"prefect.resource.id": DONE})


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
