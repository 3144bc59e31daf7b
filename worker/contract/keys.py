"""Every Redis key, its type and its life, one line each.

No number is in a name, but its alias (worker.contract.privacy).

Scripts build the same names from the same prefixes (see worker.store.scripts). Celery's own
queues are the lists named in worker.contract.jobs.
"""

PREFIX = "xinshi:"

MESSAGE = PREFIX + "m:"  # + id: string, the record; validity + retention
TEXT = PREFIX + "text:"  # + digest: string, what several messages say; as their records
ONCE = PREFIX + "once:"  # + idempotency key's alias: string, "id digest"; the key's memory (a day)
READY = PREFIX + "ready:"  # + stream: list of ids, first in first out; while they wait
WAITING = PREFIX + "waiting"  # sorted set, id -> due time in ms; while they wait
OPEN = PREFIX + "open:"  # + account: sorted set, id -> deadline in ms; one entry an open attempt
ACCOUNTS = PREFIX + "accounts"  # set of the accounts that ever opened an attempt; for ever
STATE = PREFIX + "account:"  # + account: hash, its rate, limits learned and breaker; for ever
UNKNOWN = PREFIX + "unknown"  # sorted set, id -> when to look at it again in ms; until resolved
DEAD = PREFIX + "dead"  # sorted set, id -> when it ended untaken in ms; as long as the record
NUMBER = PREFIX + "n:"  # + account:alias: string, the windows' memory; the longest window
VENDOR_ID = PREFIX + "v:"  # + account:vendor id:alias: string, our id, before the last one; 72 h
AWAKE = PREFIX + "awake:"  # + stream: string, a pump will look again; one second
BELL = PREFIX + "bell"  # list, one entry a wake-up for who listens for codes, a few; for ever
HELP = PREFIX + "help:"  # + stream: string, another pump was called; a quarter of a second
CLAIMED = PREFIX + "claimed:"  # + pump: string, its last claim and what that opened; an hour
SPOOL = PREFIX + "spool"  # stream, what vendors handed us, raw; until parsed
UNREADABLE = PREFIX + "unreadable"  # stream, pages no parser understands; until somebody acts
EARLY = PREFIX + "early:"  # + account:alias: hash, vendor's id -> report without a message; 72 h
LOST = PREFIX + "lost:"  # + account:alias: sorted set, id -> when its answer was lost; 72 h
SUPPRESSED = PREFIX + "suppressed:"  # + "all", account or "sign:" + signature: numbers; for ever
SIGNATURES = PREFIX + "signatures"  # set of the signatures that numbers opted out of; for ever
HEARD = PREFIX + "heard:"  # + account and what it is known by: an inbound message's mark; 72 h
PROMPT = PREFIX + "prompt:"  # + account: hash, messages and prompt reports by 5 minutes; 26 h
LAST = PREFIX + "last:"  # + account:alias: string, "id vendor's id", the last one to it there; 72 h
POLLED = PREFIX + "polled:"  # + account:kind: string, when it was polled last, ms; for ever
LEASE = PREFIX + "lease:"  # + account:kind: string, who polls it now; the call's time-out
ASKED = PREFIX + "asked:"  # + account: string, its balance was asked for; `balance_every`
BALANCE = PREFIX + "balance:"  # + account: hash, what it has left, and when that was; for ever
HISTORY = PREFIX + "history:"  # + account: list of "ms amount", what it had; 48 h, 600 of them
WORKERS = PREFIX + "workers"  # sorted set, worker process -> its last beat in ms; ten minutes
HEARTBEAT = PREFIX + "heartbeat:"  # + worker process: hash, what it says of itself; 20 s
INBOUND = PREFIX + "inbound"  # stream, inbound messages; the last hundred thousand
RENEWED = PREFIX + "renewed:"  # + chance: stream, sealed anew until it takes its place; ten minutes
EVENTS = PREFIX + "events"  # stream, what happened; the last ones, as many as the next says
OUTLIVED = PREFIX + "outlived"  # sorted set, id -> when its text is removed, ms; `keep_texts`
TEXTS_KEPT = PREFIX + "keep-texts"  # integer, ms after the end, -1: the record's; as workers start
NUMBER_KEY = PREFIX + "number-key"  # string, tells `number_key` from others; as workers start
EVENTS_KEPT = PREFIX + "keep-events"  # integer, how many; 0: none; written as workers start
WEBHOOKS = PREFIX + "webhooks:"  # + endpoint: hash, what came of its posts, its rest; for ever
WEBHOOK_DUE = PREFIX + "webhook-due:"  # + endpoint: sorted set, event -> when to post it; 2 days
WEBHOOK_HELD = PREFIX + "webhook-held:"  # + endpoint: hash, event -> tries and body; 2 days
WEBHOOK_LEASE = PREFIX + "webhook-lease:"  # + endpoint: string, who posts to it now; 15 seconds
SHARES = PREFIX + "shares"  # hash, the shares of accounts that this shard may use; for ever
LEDGER = PREFIX + "ledger"  # hash, shard -> what it may use; on the first one, for ever
SHARD = PREFIX + "shard"  # string, the name of this one of several shards; for ever
RINGS = PREFIX + "rings"  # integer, the rings so far (their ids); for ever


def message(message_id: str) -> str:
    return MESSAGE + message_id


def ready(stream: str) -> str:
    return READY + stream
