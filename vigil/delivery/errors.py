"""Errors of delivery. The outcome of one message is a `Sent`, not an error; these are about everything else.

DeliveryError
├── InvalidMessage         this message can never be sent as it is: `code` gives the reason
├── BadServiceAccount      the service account cannot be used: which field, what to do
├── CredentialUnavailable  the token endpoint could not be reached: retry later
├── TopicsUnavailable      the topic service could not make the change now: retry later
└── CredentialRefused      a credential was refused after one refresh: names it; `sent` has the outcomes until then
"""

from __future__ import annotations

from collections.abc import Sequence

from vigil.delivery.transport import Sent
from vigil.errors import VigilError
from vigil.redaction import redacted

NO_TOKEN, WAS_REFUSED = "no access token for", "was refused"
"""The words of errors about credentials, by which the cause of a waiting notice is recognised."""


class DeliveryError(VigilError):
    """Base of the errors of delivery."""


class InvalidMessage(DeliveryError):
    """A message that no transport can send. `code` is stable and stored with the attempt."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        super().__init__(detail)


class BadServiceAccount(DeliveryError):
    """The service account's JSON cannot be used. The text names the field, never its value."""


class CredentialUnavailable(DeliveryError):
    """No access token could be obtained now, and nothing indicates that the credential is wrong."""


class TopicsUnavailable(DeliveryError):
    """The topic service could not be reached, or could not make the change now. The state of every device of the request is
    unknown.
    """


class CredentialRefused(DeliveryError):
    """A person must correct a credential, named by `credential`.

    `sent` has one outcome for each message of the batch, in its order: record them before raising the error further, because some
    messages were accepted.
    """

    def __init__(self, credential: str, why: str, sent: Sequence[Sent] = ()) -> None:
        self.credential = credential
        self.why = redacted(why)
        self.sent = tuple(sent)
        super().__init__(f"{credential} {WAS_REFUSED}: {self.why}")
