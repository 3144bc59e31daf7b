"""What can go wrong, as one tree.

    XinshiError
    ├── SettingsError      xinshi.toml or the environment is wrong: names the key and the rule
    ├── MessageError       one message breaks a rule: names the field and the rule
    ├── BatchError         some messages of a batch did; the others were stored
    ├── ConflictError      an idempotency key came back with another message
    ├── NotFoundError      no message has this id (or its retention is over)
    ├── WebhookError       a request is no webhook of ours, or not a fresh one
    └── StoreError         Redis did not answer in time, or refused
        └── SealError      what it holds is sealed with a key that the settings do not have

No text of an error holds a secret, a whole phone number or a message's text.
"""

from collections.abc import Mapping, Sequence


class XinshiError(Exception):
    """Every error that Xinshi raises on purpose."""


class SettingsError(XinshiError, ValueError):
    """A setting is missing, unknown or wrong."""

    def __init__(self, key: str, rule: str) -> None:
        super().__init__(f"{key}: {rule}")
        self.key = key
        self.rule = rule


class MessageError(XinshiError, ValueError):
    """A message cannot be accepted as it is; nothing of it was stored."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule


class ConflictError(MessageError):
    """The idempotency key belongs to a message with another content; see ``id``."""

    def __init__(self, message_id: str) -> None:
        super().__init__(
            "idempotency_key", f"already used for message {message_id}, which says something else"
        )
        self.id = message_id


class BatchError(XinshiError):
    """Some messages of a batch were refused; every other one was stored.

    ``ids`` has one entry a message, in order, None where it was refused;
    ``errors`` maps the index of each refused message to its error.
    """

    def __init__(self, ids: Sequence[str | None], errors: Mapping[int, MessageError]) -> None:
        first = min(errors)
        super().__init__(
            f"{len(errors)} of {len(ids)} messages refused, the others are stored; "
            f"the first is number {first + 1}: {errors[first]}"
        )
        self.ids = list(ids)
        self.errors = dict(errors)


class NotFoundError(XinshiError, LookupError):
    """No message has this id."""

    def __init__(self, message_id: str) -> None:
        super().__init__(f"no message has the id {message_id[:40]!r}")
        self.id = message_id


class WebhookError(XinshiError, ValueError):
    """A request cannot be believed to be a webhook of ours: its signature, its age or its form."""


class StoreError(XinshiError):
    """Redis could not be reached in time, or refused the command.

    Where it struck in the middle of a batch, ``ids`` has the ids of what is surely stored, in
    order, and None for the rest. With idempotency keys all of it may be sent again.
    """

    ids: Sequence[str | None] = ()


class SealError(StoreError):
    """What the store holds was sealed with a key that ``[privacy] text_keys`` does not have."""

    rule = "cannot be opened: [privacy] text_keys"

    def __init__(self) -> None:
        super().__init__(f"a text in the store {self.rule}")
