"""Writes the base job templates of this folder: Prefect's own defaults with what Vigil's runs need.

`python deploy/templates.py` after an update of Prefect; a test says when that is due. Each variable may be changed in the pool, or by
`job_variables` of a deployment.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import prefect.server.api.collections_data as collections

Template = dict[str, Any]

HERE = Path(__file__).resolve().parent
DEFAULTS = Path(collections.__path__[0]) / "views" / "aggregate-worker-metadata.json"

ENVIRONMENT = {
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "60",  # seconds: a run that gives no sign of life is Crashed, docs/events.md
    "PREFECT_LOGGING_EXTRA_LOGGERS": "vigil",  # what Vigil's own modules log shows beside the run
}
"""What each run has in its environment. prefect.yaml says the same for pools that were made without these templates."""
IMAGE = f"vigil:{version('vigil')}"


def default_of(package: str, type: str) -> Template:
    """The template that Prefect makes for a new pool of this type."""
    found: Template = json.loads(DEFAULTS.read_text())[package][type]["default_base_job_configuration"]
    found["variables"]["properties"]["env"]["default"] = dict(ENVIRONMENT)
    return cast(Template, _without_examples(found))


def _without_examples(value: Any) -> Any:
    """Examples name registries of others, which have no place here."""
    if isinstance(value, dict):
        return {k: _without_examples(v) for k, v in value.items() if k != "example"}
    return [_without_examples(v) for v in value] if isinstance(value, list) else value


def process() -> Template:
    return default_of("prefect", "process")


def docker() -> Template:
    made = default_of("prefect-docker", "docker")
    _variables(made, image=IMAGE, image_pull_policy="IfNotPresent", auto_remove=True, mem_limit="2g")
    return made


def kubernetes() -> Template:
    made = default_of("prefect-kubernetes", "kubernetes")
    _variables(
        made, image=IMAGE, namespace="vigil", service_account_name="vigil", finished_job_ttl=3600,
        cpu_request="500m", memory_request="512Mi", memory_limit="2Gi",
    )  # fmt: skip
    made["variables"]["properties"]["longest_run"] = {
        "title": "Longest Run",
        "description": "Seconds after which Kubernetes ends a run. While a run waits for a person, it is no job.",
        "type": "integer",
        "default": 4 * 3600,
    }
    job = made["job_configuration"]["job_manifest"]["spec"]
    job["activeDeadlineSeconds"] = "{{ longest_run }}"
    job["template"]["spec"]["securityContext"] = {"runAsNonRoot": True, "runAsUser": 10001, "fsGroup": 10001}
    (container,) = job["template"]["spec"]["containers"]
    container["securityContext"] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return made


def _variables(made: Template, **defaults: Any) -> None:
    for name, value in defaults.items():
        made["variables"]["properties"][name]["default"] = value


TEMPLATES: dict[str, Callable[[], Template]] = {
    "process": process,
    "docker": docker,
    "kubernetes": kubernetes,
}


def text_of(type: str) -> str:
    """The file of a pool type."""
    return json.dumps(TEMPLATES[type](), indent=2) + "\n"


if __name__ == "__main__":
    for name in TEMPLATES:
        (HERE / f"{name}.json").write_text(text_of(name))
