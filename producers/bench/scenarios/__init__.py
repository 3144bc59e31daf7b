"""The scenarios by their names on the command line."""

from collections.abc import Mapping

from producers.bench.scenario import Scenario
from producers.bench.scenarios import (
    backlog,
    bulk,
    cold,
    enqueue,
    limits,
    memory,
    otp,
    reports,
    shards,
    soak,
    submit,
)

SCENARIOS: Mapping[str, Scenario] = {
    "submit": submit.SCENARIO,
    "bulk": bulk.SCENARIO,
    "otp-under-bulk": otp.SCENARIO,
    "enqueue": enqueue.SCENARIO,
    "backlog": backlog.SCENARIO,
    "limits": limits.SCENARIO,
    "shards": shards.SCENARIO,
    "reports": reports.SCENARIO,
    "memory": memory.SCENARIO,
    "cold": cold.SCENARIO,
    "soak": soak.SCENARIO,
}
