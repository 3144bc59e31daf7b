"""Every Redis key, its type and its life, one line each.

Scripts build the same names from the same prefixes (see worker.store.scripts). Celery's own
queues are the lists named in worker.contract.jobs.
"""

PREFIX = "xinshi:"

MESSAGE = PREFIX + "m:"  # + id: string, the record; validity + retention
ONCE = PREFIX + "once:"  # + idempotency key: string, "id digest"; the key's memory (a day)
READY = PREFIX + "ready:"  # + stream: list of ids, first in first out; while they wait
WAITING = PREFIX + "waiting"  # sorted set, id -> due time in ms; while they wait
OPEN = PREFIX + "open:"  # + account: sorted set, id -> deadline in ms; one entry an open attempt
ACCOUNTS = PREFIX + "accounts"  # set of the accounts that ever opened an attempt; for ever
STATE = PREFIX + "account:"  # + account: hash, its rate, limits learned and breaker; for ever
UNKNOWN = PREFIX + "unknown"  # sorted set, id -> when to look at it again in ms; until resolved
DEAD = PREFIX + "dead"  # sorted set, id -> when it ended untaken in ms; as long as the record
NUMBER = PREFIX + "n:"  # + account:number: string, the windows' memory; the longest window
VENDOR_ID = PREFIX + "v:"  # + account:vendor id:number: string, our id; 72 h
AWAKE = PREFIX + "awake:"  # + stream: string, a pump will look again; one second
HELP = PREFIX + "help:"  # + stream: string, another pump was called; a quarter of a second
CLAIMED = PREFIX + "claimed:"  # + pump: string, its last claim and what that opened; an hour
SPOOL = PREFIX + "spool"  # stream, what vendors handed us, raw; until parsed
UNREADABLE = PREFIX + "unreadable"  # stream, pages no parser understands; until somebody acts
EARLY = PREFIX + "early:"  # + account:number: hash, vendor's id -> report without a message; 72 h
LOST = PREFIX + "lost:"  # + account:number: sorted set, id -> when its answer was lost; 72 h
SUPPRESSED = PREFIX + "suppressed:"  # + "all" or account or signature: set of numbers; for ever
HEARD = PREFIX + "heard:"  # + account and what it is known by: an inbound message's mark; 72 h
LAST = PREFIX + "last:"  # + account:number: string, our last message to it there; 72 h
POLLED = PREFIX + "polled:"  # + account:kind: string, when it was polled last, ms; for ever
LEASE = PREFIX + "lease:"  # + account:kind: string, who polls it now; the call's time-out
INBOUND = PREFIX + "inbound"  # stream, inbound messages; the last hundred thousand
RINGS = PREFIX + "rings"  # integer, the rings so far (their ids); for ever


def message(message_id: str) -> str:
    return MESSAGE + message_id


def ready(stream: str) -> str:
    return READY + stream
