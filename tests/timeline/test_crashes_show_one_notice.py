"""A process that is killed anywhere and run again: each person has the notice once. And the check of that really checks."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import count
from pathlib import Path

import pytest

from tests.timeline.players import APPROVAL, failures
from vigil.delivery.push.messages import encode
from vigil.delivery.transport import Outgoing
from vigil.timeline import fake_devices
from vigil.timeline.model import CRASHES

STORY = """\
people: {{ada: {{devices: [android, ios, web]}}}}
---
timeline: killed {crash}
workspace: {{}}
steps:
  - at: 2026-03-02T08:00
  - at: 09:00
    do: [step_assigned: {{step: 1, title: Approve, to: ada}}]
    crash: {crash}
    expect: {{ada: approval}}
  - at: 09:05
"""


@pytest.mark.parametrize("crash", CRASHES)
def test_after_any_crash_every_device_shows_the_notice_once(tmp_path: Path, crash: str) -> None:
    assert failures(tmp_path, APPROVAL, STORY.format(crash=crash)) == []


def test_a_sender_that_forgets_its_replace_key_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = count()

    def forgetful(out: Outgoing, now: datetime) -> bytes:
        # The identity of the notice stays, the keys by which a device replaces it do not.
        body = encode(replace(out, key=f"{out.key[:-4]}{next(number):04d}"), now)
        return body.replace(b'"event_id":"', b'"was":"').replace(
            b'"link":', b'"event_id":"%s","link":' % out.key.encode(), 1
        )

    monkeypatch.setattr(fake_devices, "encode", forgetful)
    found = failures(tmp_path, APPROVAL, STORY.format(crash="after accept"), agree=False)
    assert [f.headline for f in found] == ["a notice that is not shown once"]
    assert found[0].came == "ada sees it 6 times on 3 devices"


def test_without_the_crash_the_same_sender_is_not(tmp_path: Path) -> None:
    assert (
        failures(
            tmp_path, APPROVAL, STORY.format(crash="after accept").replace("    crash: after accept\n", "")
        )
        == []
    )
