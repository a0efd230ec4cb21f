"""The rows of the channels: no two claim the same, each has a block that sends, and rules know every one."""

from __future__ import annotations

from collections import Counter
from itertools import chain

import pytest

from blocks.sender import Sender
from blocks.site import BLOCKS
from vigil.compliance.channels import CHANNEL_NAMES, CHANNELS, channel_of
from vigil.compliance.rules.loader import load_text
from vigil.errors import BadInput

RULE = "rule: r\nsubject: {workspace_type: Case}\nkind: condition\nwhen: {field: name, op: present}\nto: [role: owner]\n"


def test_no_two_rows_claim_a_kind_a_platform_or_a_code() -> None:
    for claimed in (
        CHANNEL_NAMES,
        chain.from_iterable(c.address_kinds for c in CHANNELS),
        chain.from_iterable(c.platforms for c in CHANNELS),
        (c.taker for c in CHANNELS),
        chain.from_iterable(c.gone for c in CHANNELS),
    ):
        assert max(Counter(claimed).values()) == 1


def test_each_channel_has_one_block_that_sends_and_each_such_block_a_channel() -> None:
    senders = [kind.channel for kind in BLOCKS.values() if issubclass(kind, Sender)]
    assert sorted(senders) == sorted(CHANNEL_NAMES)


def test_the_kinds_of_fcm_that_no_person_has_go_to_fcm() -> None:
    assert {channel_of(kind).name for kind in ("token", "fid", "topic", "condition")} == {"push"}


@pytest.mark.parametrize("name", CHANNEL_NAMES)
def test_a_rule_may_name_every_channel(name: str) -> None:
    [rule] = load_text({"r.yaml": f"{RULE}channels: [{name}]\n"}).rules
    assert rule.channels == (name,)


def test_a_rule_that_names_no_channel_of_ours_hears_which_there_are() -> None:
    with pytest.raises(BadInput) as refused:
        load_text({"r.yaml": f"{RULE}channels: [webhok]\n"})
    [problem] = refused.value.problems
    assert problem.line == 6 and "webhook" in f"{problem.message} {problem.hint}"
