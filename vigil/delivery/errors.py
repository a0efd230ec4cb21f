"""Errors of delivery. What happens to one message is a `Sent`, not an error; these are about everything else.

DeliveryError
├── InvalidMessage         this message can never be sent as it is: `code` says why
├── BadServiceAccount      the service account cannot be used: which field, what to do
├── CredentialUnavailable  the token endpoint could not be reached: try again later
├── TopicsUnavailable      the topic service could not do it now: try again later
└── CredentialRefused      a credential was refused after one refresh: names it; `sent` holds what was done
until then
"""

from __future__ import annotations

from collections.abc import Sequence

from vigil.delivery.transport import Sent
from vigil.errors import VigilError
from vigil.redaction import redacted

NO_TOKEN, WAS_REFUSED = "no access token for", "was refused"
"""What the errors about credentials say, by which the cause of a notice that waits is known for one of them."""


class DeliveryError(VigilError):
    """Base of the errors of delivery."""


class InvalidMessage(DeliveryError):
    """A message that no transport can send. `code` is stable and stored with the attempt."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        super().__init__(detail)


class BadServiceAccount(DeliveryError):
    """The service account's JSON is not usable. The text names the field, never its value."""


class CredentialUnavailable(DeliveryError):
    """No access token could be had now, and nothing says that the credential is wrong."""


class TopicsUnavailable(DeliveryError):
    """The topic service could not be reached, or would not do it now. Nothing is known of any device of the request."""


class CredentialRefused(DeliveryError):
    """A person has to mend a credential. `credential` says which one.

    `sent` has one outcome for each message of the batch that was being sent, in its order: record them before
    raising further, some were accepted.
    """

    def __init__(self, credential: str, why: str, sent: Sequence[Sent] = ()) -> None:
        self.credential = credential
        self.why = redacted(why)
        self.sent = tuple(sent)
        super().__init__(f"{credential} {WAS_REFUSED}: {self.why}")
