"""The settings of a site, one form for each of its parts. Each form is a Prefect block (`blocks/`), a form in the Prefect UI, and a
group of options of `vigil connect`. A new field here appears in all three.

Optional fields declare a single type in their JSON schema, although they may be None: for two types the Prefect UI shows a switch,
where one empty input is enough.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    SecretStr,
    WithJsonSchema,
    model_validator,
)
from pydantic.fields import FieldInfo

from vigil.delivery.errors import DeliveryError
from vigil.delivery.push.settings import ENDPOINT, FcmSettings
from vigil.delivery.settings import Security
from vigil.delivery.webhook.settings import WebhookSettings
from vigil.ecm.model import EXPIRY
from vigil.ecm.settings import ClientCredentials, Settings
from vigil.safe_text import web_address
from vigil.service.budgets import LOOKUPS

if TYPE_CHECKING:
    from vigil.delivery.email.settings import SmtpSettings


class Given(StrEnum):
    """The kind of value that the option of a field takes."""

    VALUE = "value"
    FILE = "file"  # an existing file; its absolute path is stored
    FOLDER = "folder"  # an existing folder; its absolute path is stored
    CONTENT = "content"  # an existing file; its text is stored
    LEDGER = "ledger"  # the address of a ledger; a file's path is stored as absolute


@dataclass(frozen=True, slots=True)
class Option:
    """The option of `vigil connect` that sets a field.

    `variable` is an environment variable that can hold the value instead. `login` names the field of the user to whom a secret
    belongs: with a user the command asks for the secret, and without one it drops it. A change of a `confirmed` field needs a
    person's yes. `says` is the help text, if the field's description does not fit.
    """

    name: str
    variable: str = ""
    takes: Given = Given.VALUE
    login: str = ""
    confirmed: bool = False
    says: str = ""


def _nothing(value: Any) -> Any:
    """Turn an emptied input into None."""
    return None if value == "" else value


def _address(value: str | None) -> str | None:
    """Return a web address unchanged, or nothing. Raises ValueError for another text."""
    if not value:
        return value
    if "@" in urlsplit(web_address(value)).netloc:
        raise ValueError(
            "this address must not contain a login: everybody with access to this Prefect can read it"
        )
    return value


def _proxy(value: SecretStr | None) -> SecretStr | None:
    """Return a proxy's address unchanged, or None. Raises ValueError for an invalid one without quoting it: it may hold a password."""
    try:
        parts = urlsplit(value.get_secret_value()) if value else None
        fits = parts is None or (
            parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        )
    except ValueError:  # an invalid port, an unclosed bracket
        fits = False
    if not fits:
        raise ValueError(
            "a proxy's address must begin with http:// or https:// and a host, such as http://user:password@proxy:3128"
        )
    return value


def _dask(value: str) -> str:
    """Return the address of a Dask scheduler, local:N, or nothing, unchanged. Raises ValueError for another text."""
    if value and not _DASK.fullmatch(value):
        raise ValueError(
            f'"{value}" is not a Dask address: write that of a scheduler, such as tcp://dask:8786, or local:2 for two processes'
        )
    return value


_DASK = re.compile(
    r"local:[1-9]\d*|(tcp|tls|ucx|ws|wss)://[^\s/:]+(:\d{1,5})?/?|(tcp|tls)://\[[0-9a-fA-F:]+\](:\d{1,5})?"
)


def _attributes(value: list[str]) -> list[str]:
    """Return names of attributes unchanged. Raises ValueError for a name without a category."""
    for name in value:
        category, _, attribute = name.partition(".")
        if not (category.strip() and attribute.strip()):
            raise ValueError(f'"{name}" must have the form Category.attribute')
    return value


def _attribute(value: str) -> str:
    """As `_attributes`, for a single name."""
    return _attributes([value])[0]


Text = Annotated[str | None, WithJsonSchema({"type": "string"}), BeforeValidator(_nothing)]
OptionalNumber = Annotated[float | None, WithJsonSchema({"type": "number"}), BeforeValidator(_nothing)]
Secret = Annotated[
    SecretStr | None,
    WithJsonSchema({"type": "string", "format": "password", "writeOnly": True}),
    BeforeValidator(_nothing),
]


class Form(BaseModel):
    """Base of the forms. The UI shows the fields in their order here.

    `panel` is the heading of its options in `vigil connect`, `subject` what its problems are about. A site may be without a part whose
    form has a `switch`: the field that, given empty, removes the part.
    """

    panel: ClassVar[str]
    subject: ClassVar[str]
    switch: ClassVar[str] = ""


class EcmForm(Form):
    """The address of Extended ECM, and the login: a user with a password, there or at OTDS, or an OAuth client of OTDS."""

    panel: ClassVar[str] = "Extended ECM"
    subject: ClassVar[str] = "Extended ECM"

    url: Annotated[str, AfterValidator(_address), Option("--ecm-url")] = Field(
        title="Address",
        description="Base address with the CGI path, such as https://ecm.example.org/cs/cs",
    )
    username: Annotated[str, Option("--ecm-user")] = Field(
        default="",
        title="Service user",
        description="A manager of the workflow maps with read access to the watched workspaces; empty with OTDS",
    )
    password: Annotated[Secret, Option("--ecm-password", "VIGIL_ECM_PASSWORD", login="username")] = Field(
        default=None, title="Password", description="The service user's password"
    )
    domain: Annotated[str, Option("--ecm-domain")] = Field(
        default="",
        title="Domain",
        description="The service user's domain; empty where the server has none",
    )
    otds_login: Annotated[str, AfterValidator(_address), Option("--otds-login")] = Field(
        default="",
        title="OTDS: login of the user",
        description="Where OTDS takes the service user's password, such as "
        "https://otds.example.org/otdsws/v1/authentication/credentials; empty where Extended ECM takes it itself",
    )
    otds_url: Annotated[str, AfterValidator(_address), Option("--otds-url")] = Field(
        default="",
        title="OTDS: token endpoint",
        description="Instead of a user: OTDS's token endpoint, such as https://otds.example.org/otdsws/oauth2/token",
    )
    otds_client: Annotated[str, Option("--otds-client")] = Field(
        default="", title="OTDS: client", description="The OAuth client's id"
    )
    otds_secret: Annotated[Secret, Option("--otds-secret", "VIGIL_OTDS_SECRET", login="otds_client")] = Field(
        default=None, title="OTDS: secret", description="The OAuth client's secret"
    )
    zone: Annotated[str, Option("--zone")] = Field(
        default="UTC",
        title="Time zone",
        description="The server's time zone, which applies to its dates without a zone, such as Europe/Berlin",
    )
    ca: Annotated[Text, Option("--ca", takes=Given.FILE)] = Field(
        default=None,
        title="Certificate authority",
        description="PEM file of your own certificate authority, on the machine where flows run",
    )
    proxy: Annotated[Secret, AfterValidator(_proxy), Option("--proxy", "VIGIL_ECM_PROXY")] = Field(
        default=None,
        title="Proxy",
        description="Proxy to use, such as http://user:password@proxy:3128",
    )
    concurrency: Annotated[int, Option("--ecm-concurrency")] = Field(
        default=32,
        ge=1,
        le=256,
        title="Concurrent requests",
        description="Number of requests at the same time",
    )
    requests_per_second: Annotated[OptionalNumber, Option("--ecm-rate")] = Field(
        default=None,
        gt=0,
        title="Requests per second",
        description="Limit of requests a second; empty for no limit",
    )
    timeout: Annotated[float, Option("--ecm-timeout")] = Field(
        default=30.0, gt=0, title="Time-out of an attempt", description="Seconds for one attempt of a request"
    )
    total_timeout: Annotated[float, Option("--ecm-total-timeout")] = Field(
        default=180.0,
        gt=0,
        title="Time-out of a request",
        description="Seconds for a request including its retries",
    )
    retries: Annotated[int, Option("--ecm-retries")] = Field(
        default=5, ge=0, le=20, title="Retries", description="Number of further attempts after a failed one"
    )
    overlap: Annotated[float, Option("--ecm-overlap")] = Field(
        default=60.0,
        ge=0,
        title="Overlap",
        description="Seconds before the newest known change that each run reads again",
    )

    @model_validator(mode="after")
    def _one_login(self) -> Self:
        if bool(self.username) == bool(self.otds_client):
            given = "two are" if self.username else "none is"
            raise ValueError(
                f"exactly one login is needed, and {given} given: a service user, or an OAuth client of OTDS"
            )
        if self.otds_client and not (self.otds_url and self.otds_secret):
            raise ValueError("an OAuth client of OTDS also needs its token endpoint and its secret")
        self.settings()
        return self

    def settings(self) -> Settings:
        """The settings of the client. Raises ValueError for an unknown time zone."""
        return Settings(
            url=self.url,
            username=self.username,
            password=_open(self.password) or "",
            otds=self._otds(),
            zone=self.zone,
            concurrency=self.concurrency,
            requests_per_second=self.requests_per_second,
            timeout=self.timeout,
            total_timeout=self.total_timeout,
            retries=self.retries,
            overlap=timedelta(seconds=self.overlap),
            ca=self.ca,
            domain=self.domain,
            otds_login=self.otds_login if self.username else "",
            proxy=_open(self.proxy),
        )

    def _otds(self) -> ClientCredentials | None:
        if not self.otds_client:
            return None
        return ClientCredentials(self.otds_url, self.otds_client, _open(self.otds_secret) or "")


class FirebaseForm(Form):
    """The Firebase project that sends push notices, and its service account."""

    panel: ClassVar[str] = "Firebase"
    subject: ClassVar[str] = "Firebase"

    project: Annotated[str, Option("--fcm-project")] = Field(
        default="",
        title="Project",
        description="The project's id; empty for the service account's own project",
    )
    service_account: Annotated[
        SecretStr, Option("--firebase-account", takes=Given.CONTENT, says="The service account's JSON file")
    ] = Field(title="Service account", description="The complete JSON of its key file, on one line")
    endpoint: Annotated[str, AfterValidator(_address), Option("--fcm-url")] = Field(
        default=ENDPOINT, title="Address", description="Address of FCM; change it only for a simulator"
    )
    concurrency: Annotated[int, Option("--fcm-concurrency")] = Field(
        default=200,
        ge=1,
        le=1000,
        title="Concurrent messages",
        description="Number of messages sent at the same time",
    )
    ca: Annotated[Text, Option("--fcm-ca", takes=Given.FILE)] = Field(
        default=None,
        title="Certificate authority",
        description="PEM file of your own certificate authority, on the machine where flows run",
    )
    proxy: Annotated[Secret, AfterValidator(_proxy), Option("--fcm-proxy", "VIGIL_FCM_PROXY")] = Field(
        default=None,
        title="Proxy",
        description="Proxy to use, such as http://user:password@proxy:3128",
    )

    @model_validator(mode="before")
    @classmethod
    def _project_of_the_account(cls, data: Any) -> Any:
        if not isinstance(data, dict) or data.get("project") or not data.get("service_account"):
            return data
        return {**data, "project": project_of(_open(data["service_account"]) or "")}

    @model_validator(mode="after")
    def _usable(self) -> Self:
        self.settings()
        return self

    def settings(self) -> FcmSettings:
        """The settings of the transport. Raises ValueError for an invalid address."""
        return FcmSettings(
            project=self.project,
            service_account_info=self.service_account,
            endpoint=self.endpoint,
            concurrency=self.concurrency,
            ca_file=self.ca,
            proxy=_open(self.proxy),
        )


class LedgerForm(Form):
    """The database of the ledger."""

    panel: ClassVar[str] = "Ledger"
    subject: ClassVar[str] = "the ledger"

    url: Annotated[SecretStr, Option("--ledger", takes=Given.LEDGER, confirmed=True)] = Field(
        title="Address",
        description="sqlite:////path/ledger.sqlite, or postgresql+psycopg://user:password@host/name",
    )


class MailForm(Form):
    """The mail server for people without a device, and its login."""

    panel: ClassVar[str] = "Mail server"
    subject: ClassVar[str] = "the mail server"
    switch: ClassVar[str] = "host"

    host: Annotated[str, Option("--smtp-host")] = Field(
        title="Server", description="Name of the mail server, such as smtp.example.org"
    )
    sender: Annotated[str, Option("--smtp-sender")] = Field(
        title="Sender",
        description="Sender of mails, such as Vigil <vigil@example.org>; undeliverable mails return to this address",
    )
    security: Annotated[Security, Option("--smtp-security")] = Field(
        default="starttls",
        title="Security",
        description="starttls (port 587), tls (465), or none for an internal relay (25)",
    )
    port: Annotated[
        int | None,
        WithJsonSchema({"type": "integer"}),
        BeforeValidator(_nothing),
        Option("--smtp-port"),
    ] = Field(default=None, ge=1, le=65535, title="Port", description="Port, if it is not the usual one")
    username: Annotated[Text, Option("--smtp-user")] = Field(
        default=None, title="User", description="Login, if the server requires one"
    )
    password: Annotated[Secret, Option("--smtp-password", "VIGIL_SMTP_PASSWORD", login="username")] = Field(
        default=None, title="Password", description="The mail user's password"
    )
    gateway: Annotated[Text, AfterValidator(_address), Option("--smtp-gateway")] = Field(
        default=None,
        title="Gateway",
        description="Address of `vigil gateway` in people's browsers, for acknowledgement links; empty for no links",
    )
    link_secrets: Annotated[Secret, Option("--smtp-link-secrets", "VIGIL_LINK_SECRETS")] = Field(
        default=None, title="Secrets of links", description="The same as the gateway's VIGIL_LINK_SECRETS"
    )
    ca: Annotated[Text, Option("--smtp-ca", takes=Given.FILE)] = Field(
        default=None,
        title="Certificate authority",
        description="PEM file of your own certificate authority, on the machine where flows run",
    )

    @model_validator(mode="after")
    def _usable(self) -> Self:
        self.settings(lambda: datetime.now(UTC))
        return self

    def settings(self, now: Callable[[], datetime]) -> SmtpSettings:
        """The settings of the transport, which signs links at `now`. Raises ValueError for settings that contradict each other."""
        from vigil.delivery.email.settings import SmtpSettings  # slow to import
        from vigil.delivery.links import Links

        try:
            links = None
            if self.gateway and self.link_secrets is not None:
                links = Links(self.gateway, self.link_secrets.get_secret_value().split(), clock=now)
            return SmtpSettings(
                host=self.host,
                sender=self.sender,
                port=self.port,
                security=self.security,
                username=self.username,
                password=self.password,
                links=links,
                ca_file=self.ca,
            )
        except DeliveryError as wrong:
            raise ValueError(str(wrong)) from None


class WebhookForm(Form):
    """The secrets that sign notices to webhooks, and the proxy and certificate authority with which Vigil reaches the receivers."""

    panel: ClassVar[str] = "Webhooks"
    subject: ClassVar[str] = "the webhook sender"
    switch: ClassVar[str] = "secrets"

    secrets: Annotated[SecretStr, Option("--webhook-secrets", "VIGIL_WEBHOOK_SECRETS")] = Field(
        title="Secrets",
        description="whsec_ and at least 24 random bytes in base64; while receivers change to a new one, both with a space between",
    )
    ca: Annotated[Text, Option("--webhook-ca", takes=Given.FILE)] = Field(
        default=None,
        title="Certificate authority",
        description="PEM file of your own certificate authority, on the machine where flows run",
    )
    proxy: Annotated[Secret, AfterValidator(_proxy), Option("--webhook-proxy", "VIGIL_WEBHOOK_PROXY")] = (
        Field(
            default=None,
            title="Proxy",
            description="Proxy to use, such as http://user:password@proxy:3128",
        )
    )

    @model_validator(mode="after")
    def _usable(self) -> Self:
        self.settings()
        return self

    def settings(self) -> WebhookSettings:
        """The settings of the transport. Raises ValueError for secrets that cannot be used."""
        try:
            return WebhookSettings(
                secrets=self.secrets.get_secret_value().split(), ca_file=self.ca, proxy=_open(self.proxy)
            )
        except DeliveryError as wrong:
            raise ValueError(str(wrong)) from None


class SiteForm(Form):
    """A site that Vigil watches. Flows take its name as a parameter."""

    panel: ClassVar[str] = "Site"
    subject: ClassVar[str] = "the site"

    ecm: Annotated[str, Option("--ecm-block")] = Field(
        title="Extended ECM",
        description='Name of the "Extended ECM" block with this connection',
    )
    fcm: Annotated[str, Option("--fcm-block")] = Field(
        title="Firebase project",
        description='Name of the "Firebase project" block with this connection',
    )
    ledger: Annotated[str, Option("--ledger-block", confirmed=True)] = Field(
        title="Ledger",
        description='Name of the "Vigil ledger" block with this connection',
    )
    smtp: Annotated[Text, Option("--smtp-block")] = Field(
        default=None,
        title="Mail server",
        description='Name of the "SMTP server" block with this connection; empty for no mails',
    )
    webhook: Annotated[Text, Option("--webhook-block")] = Field(
        default=None,
        title="Webhook sender",
        description='Name of the "Webhook sender" block with this connection; empty for no webhooks',
    )
    public_url: Annotated[Text, AfterValidator(_address), Option("--public-url")] = Field(
        default=None,
        title="Address in browsers",
        description="Address of Extended ECM in people's browsers, such as https://ecm.example.org, with or without the service's "
        "path (/cs/cs); empty for the service's own address",
    )
    rules: Annotated[str, Option("--rules", takes=Given.FOLDER)] = Field(
        default="rules",
        title="Rules",
        description="Folder of the rules, absolute or below the project's (`vigil project`); `rules` for the shipped ones",
    )
    templates: Annotated[str, Option("--templates", takes=Given.FOLDER)] = Field(
        default="templates",
        title="Templates",
        description="Folder of the templates, absolute or below the project's (`vigil project`); `templates` for the shipped ones",
    )
    sensitive: Annotated[list[str], AfterValidator(_attributes), Option("--sensitive", confirmed=True)] = (
        Field(
            default_factory=list,
            title="Sensitive attributes",
            description="Attributes, as Category.attribute, whose values no notice or report shows",
        )
    )
    expiry: Annotated[str, AfterValidator(_attribute), Option("--expiry")] = Field(
        default=EXPIRY,
        title="Validity of documents",
        description="Attribute with the expiry date of documents, as Category.attribute",
    )
    guard_hours: Annotated[int, Option("--guard-hours")] = Field(
        default=24,
        ge=1,
        le=720,
        title="Hours for a guard",
        description="Hours for which a guard waits for an answer",
    )
    retry_seconds: Annotated[int, Option("--retry-seconds")] = Field(
        default=60,
        ge=0,
        le=900,
        title="Retry seconds",
        description="Seconds for which a run retries failed sends before it ends as Undelivered",
    )
    verify_requests: Annotated[int, Option("--verify-requests")] = Field(
        default=LOOKUPS,
        ge=1,
        title="Lookups per run",
        description="Lookups of known items in each run, 250 items each",
    )
    rescan_days: Annotated[int, Option("--rescan-days")] = Field(
        default=7,
        ge=1,
        title="Days between rescans",
        description="Days between two complete scans of the lists",
    )
    dask: Annotated[str, AfterValidator(_dask), Option("--dask")] = Field(
        default="",
        title="Dask",
        description="Dask cluster that reads and evaluates: the address of a scheduler, such as tcp://dask:8786, or local:2 for two "
        "processes beside each run; empty for none",
    )


SITE = "site"
FORMS: dict[str, type[Form]] = {
    "ecm": EcmForm,
    "fcm": FirebaseForm,
    "ledger": LedgerForm,
    "smtp": MailForm,
    "webhook": WebhookForm,
    SITE: SiteForm,
}
"""The parts of a site. The field `ecm` of the site's own form is the name of the block with the part `ecm`."""
OPTIONAL = tuple(part for part, form in FORMS.items() if form.switch)
REQUIRED = tuple(part for part in FORMS if part not in (*OPTIONAL, SITE))


def option_of(field: FieldInfo) -> Option:
    """The option of `vigil connect` that sets a field of a form."""
    return next(m for m in field.metadata if isinstance(m, Option))


def is_secret(field: FieldInfo) -> bool:
    """Whether a field's value is never shown."""
    return field.annotation in (SecretStr, SecretStr | None)


def project_of(account: str) -> str:
    """The Firebase project of a service account's JSON. Raises ValueError for JSON without `project_id`."""
    try:
        return str(json.loads(account)["project_id"])
    except (ValueError, KeyError, TypeError):
        raise ValueError("not the JSON of a Firebase service account: it has no project_id") from None


def _open(secret: Any) -> str | None:
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret
