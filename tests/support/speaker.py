"""What the wording of notices asks of a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from vigil.compliance.rules import RuleSet
from vigil.delivery.render import Renderer
from vigil.service.site import Site


@dataclass
class Speaker:
    """What the wording of notices asks of a run."""

    as_of: datetime
    rules: RuleSet
    site: Site
    renderer: Renderer
    mail: Renderer | None = None
