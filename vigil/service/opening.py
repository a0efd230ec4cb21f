"""What is opened once a process and used by each of its runs: the ledger, the rules and the templates."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from vigil.compliance.rules import RuleSet
from vigil.delivery.render import Channel, Renderer
from vigil.ledger import Ledger
from vigil.rulefiles import read_rules

Signature = tuple[tuple[str, int, int], ...]


@lru_cache(maxsize=8)
def ledger_at(url: str) -> Ledger:
    """The ledger at `url`, migrated the first time that this process opens it."""
    return Ledger.open(url)


def rules_of(folder: Path) -> RuleSet:
    """The rules in `folder` as they are now; parsed again only when a file in it changed."""
    return _rules(folder, _signature(folder))


def renderer_of(folder: Path, channel: Channel = Channel.PUSH) -> Renderer:
    """The templates in `folder` for a channel, compiled again only when a file in it changed."""
    return _renderer(folder, channel, _signature(folder))


def _signature(folder: Path) -> Signature:
    files = [folder] if folder.is_file() else sorted(p for p in folder.rglob("*") if p.is_file())
    return tuple((str(p), (s := p.stat()).st_mtime_ns, s.st_size) for p in files)


@lru_cache(maxsize=8)
def _rules(folder: Path, signature: Signature) -> RuleSet:
    return read_rules(folder)


@lru_cache(maxsize=8)
def _renderer(folder: Path, channel: Channel, signature: Signature) -> Renderer:
    return Renderer(folder, channel)
