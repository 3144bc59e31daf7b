"""Names of tasks and queues, and the envelope in which Celery reads a ring of the doorbell.

A ring is one Celery protocol-2 message for the task ``sms.submit`` with the stream as its only
argument: no number and no text. The store's scripts push it in the same step that makes a
message ready, so they get a template in which they put the stream and a unique id.
"""

import json
from enum import StrEnum


class Task(StrEnum):
    """Names on the wire, declared here so that code can move."""

    SUBMIT = "sms.submit"  #: pump one stream
    RELEASE = "sms.release"  #: move what is due to its ready list
    SWEEP = "sms.sweep"  #: lost attempts, lost rings
    RESOLVE = "sms.resolve"  #: unknown messages
    PROBE = "sms.probe"  #: accounts that are left alone
    POLL = "sms.poll"  #: reports and inbound messages, where the vendor wants to be asked
    BALANCES = "sms.balances"  #: what the accounts have left, and alarms about it
    INTAKE = "sms.intake"  #: what stands in the spool
    NOTIFY = "sms.notify"  #: webhooks: somebody works for each endpoint
    SHARE = "sms.share"  #: the accounts' rates and slots among several shards


TICKS = "sms.ticks"  #: the queue of beat's periodic tasks
VISIBILITY = 120  #: seconds after which a task that a worker took and did not begin comes again
UNACKED = "unacked_index"  #: kombu's sorted set of those: tag -> when it was taken, in seconds


def queue(stream: str) -> str:
    """Return the Celery queue (a Redis list) of a stream's rings."""
    return f"sms.{stream}"


#: What the scripts replace. Neither can occur in JSON that this module writes.
STREAM, RING = "<stream>", "<ring>"


def envelope() -> str:
    """Return the template of a ring, to be pushed on ``queue(stream)``.

    The body is plain JSON and not base64, so that a script can fill in the stream.
    """
    return json.dumps(
        {
            "body": json.dumps(
                [[STREAM], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
            ),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {
                "lang": "py",
                "task": Task.SUBMIT,
                "id": RING,
                "root_id": RING,
                "parent_id": None,
                "group": None,
                "retries": 0,
                "eta": None,
                "expires": None,
                "timelimit": [None, None],
                "argsrepr": f"('{STREAM}',)",
                "kwargsrepr": "{}",
                "origin": "xinshi",
                "ignore_result": True,
            },
            "properties": {
                "correlation_id": RING,
                "reply_to": "",
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": queue(STREAM)},
                "priority": 0,
                "body_encoding": None,
                "delivery_tag": RING,
            },
        }
    )
