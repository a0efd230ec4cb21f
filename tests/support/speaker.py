"""What the wording of notices asks of a run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from vigil.compliance.channels import PUSH, TextFormat
from vigil.compliance.rules.model import RuleSet
from vigil.delivery.rendering.render import Renderer
from vigil.service.site import Site


@dataclass
class Speaker:
    """What the wording of notices asks of a run."""

    as_of: datetime
    rules: RuleSet
    site: Site
    renderer: Renderer
    channels: Collection[str] = (PUSH,)
    formats: Mapping[TextFormat, Renderer] = field(default_factory=dict)
