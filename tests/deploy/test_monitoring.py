"""monitoring/: what is shown and alarmed exists in the code, and every alarm has its page."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from producers.cli import command
from worker.telemetry.metrics import METRICS, By

from .conftest import DEPLOY, ROOT, compose, documents, scaled

MONITORING = DEPLOY / "monitoring"
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text("utf-8")
#: Prometheus's own, and those of each process.
OTHERS = {"up", "process_cpu_seconds_total", "process_resident_memory_bytes"}
ADDED = {"instance", "job", "le"}  # labels that Prometheus or a histogram puts there
FUNCTIONS = {
    *("absent", "delta", "histogram_quantile", "increase", "min_over_time", "rate"),
    *("count", "max", "min", "sum"),
}
WORDS = FUNCTIONS | {"by", "or", "and", "unless"}


def panels() -> list[dict[str, Any]]:
    found = json.loads((MONITORING / "dashboard.json").read_text("utf-8"))["panels"]
    assert isinstance(found, list)
    return found


def alerts() -> list[dict[str, Any]]:
    (rules,) = documents(MONITORING / "alerts.yml")
    return [each for group in rules["groups"] for each in group["rules"]]


def queries() -> Iterator[tuple[str, str]]:
    """Every expression, and where it stands."""
    for alert in alerts():
        yield alert["alert"], alert["expr"]
    for panel in panels():
        for target in panel.get("targets", ()):
            yield f"{panel['title']} {target['refId']}", target["expr"]
    for name, triggers in scaled("prometheus").items():
        for trigger in triggers:
            yield f"scales {name}", trigger["metadata"]["query"]


def shape(query: str) -> tuple[set[str], set[str]]:
    """The metrics and the labels that a query names; fails where it is no query."""
    bare = re.sub(r'"[^"]*"', '""', query)
    assert [bare.count(each) for each in "({["] == [bare.count(each) for each in ")}]"]
    labels = {each for part in re.findall(r"\bby \(([\w, ]+)\)", bare) for each in part.split(", ")}
    for part in re.findall(r"\{([^}]*)\}", bare):
        labels |= set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", part))
    rest = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\bby \([\w, ]+\)", " ", bare)
    names = set(re.findall(r"\b[a-z_][a-z_0-9]*\b", rest))
    assert set(re.findall(r"\b([a-z_]+)\(", rest)) <= FUNCTIONS
    return names - WORDS, labels


def base(name: str) -> str:
    """A metric's own name, where a histogram's part is asked for."""
    found = re.sub(r"_(bucket|sum|count)$", "", name)
    return found if METRICS.get(found, None) and METRICS[found].kind == "histogram" else name


@pytest.mark.parametrize(("where", "query"), [*queries()], ids=lambda each: str(each)[:60])
def test_a_query_asks_for_what_the_code_tells(where: str, query: str) -> None:
    names, labels = shape(query)

    assert names, where
    assert {base(name) for name in names} - OTHERS <= METRICS.keys()
    told = {
        label for name in names if base(name) in METRICS for label in METRICS[base(name)].labels
    }
    assert labels <= told | ADDED


@pytest.mark.parametrize(("where", "query"), [*queries()], ids=lambda each: str(each)[:60])
def test_a_counter_is_asked_for_its_pace_and_a_store_gauge_once(where: str, query: str) -> None:
    for name in shape(query)[0]:
        metric = METRICS.get(base(name))
        if metric and metric.kind != "gauge":
            assert re.search(rf"(rate|increase|min_over_time)\({name}\b[^(]*\[", query), where
        if metric and metric.by is By.STORE:
            assert query.startswith(("max", "min", "absent")), f"{where}: gateways say the same"


def test_the_dashboard_shows_every_metric() -> None:
    shown = {
        base(name)
        for panel in panels()
        for target in panel.get("targets", ())
        for name in shape(target["expr"])[0]
    }

    assert METRICS.keys() - shown == set()


def test_the_dashboard_has_its_rows_and_can_be_provisioned() -> None:
    found = panels()
    rows = [panel["title"] for panel in found if panel["type"] == "row"]

    assert rows == [
        "Traffic",
        "Latency",
        "Queues",
        "Accounts",
        "Money",
        "Reports",
        "Webhooks",
        "Process",
    ]
    assert len({panel["id"] for panel in found}) == len(found)
    taken: set[tuple[int, int]] = set()
    for panel in found:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, "panels lie over each other"
        assert at["x"] + at["w"] <= 24
        taken |= cells
    (provider,) = documents(MONITORING / "dashboards.yml")
    (folder,) = (each["options"]["path"] for each in provider["providers"])
    mounted = [volume.split(":")[1] for volume in compose()["services"]["grafana"]["volumes"]]
    assert any(path.startswith(f"{folder}/") and path.endswith(".json") for path in mounted)


@pytest.mark.parametrize("alert", alerts(), ids=lambda each: str(each["alert"]))
def test_an_alarm_says_what_it_means_and_leads_to_its_page(alert: dict[str, Any]) -> None:
    said = alert["annotations"]
    page, _, anchor = said["runbook_url"].partition("#")

    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert said.keys() == {"summary", "description", "runbook_url"}
    assert page == "docs/runbook.md"
    assert anchor in anchors()
    labels = set(re.findall(r"\$labels\.(\w+)", "".join(said.values())))
    kept = re.findall(r"\bby \(([\w, ]+)\)", alert["expr"])
    if "up{" not in alert["expr"]:
        assert labels <= {each for part in kept for each in part.split(", ")}


def test_an_alarm_about_one_of_several_servers_names_it() -> None:
    found = {each["alert"]: each for each in alerts()}

    assert found["XinshiRedisAway"]["expr"] == "max by (shard) (xinshi_redis_up) == 0"
    assert found["XinshiNoWorker"]["expr"] == "max by (queue, shard) (xinshi_workers) == 0"
    for name in ("XinshiRedisAway", "XinshiNoWorker"):
        assert "{{ $labels.shard }}" in found[name]["annotations"]["summary"]


def test_only_what_is_told_while_all_servers_are_there_is_compared_with_what_it_was() -> None:
    """Else a server that comes back looks like a rise; counters are told so as well."""
    compared = {name for _, query in queries() for name in re.findall(r"delta\((\w+)", query)}

    assert compared == {"xinshi_unknown_messages"}


def anchors() -> set[str]:
    """What the headings of the runbook can be linked by."""
    headings = re.findall(r"^## (.+)$", RUNBOOK, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each).strip().lower().replace(" ", "-") for each in headings}


def test_every_kind_of_trouble_has_an_alarm() -> None:
    asked = {base(name) for alert in alerts() for name in shape(alert["expr"])[0]}

    for name in (
        *("ready_oldest_seconds", "unknown_messages", "breaker_state", "account_suspended"),
        *("balance_runway_hours", "poll_age_seconds", "webhook_resting", "unreadable_pages"),
        *("workers", "loop_lag_seconds", "mirror_drift_total", "redis_up", "account_prompt_left"),
    ):
        assert f"xinshi_{name}" in asked
    hours = [int(each["expr"].rpartition("< ")[2]) for each in alerts() if "runway" in each["expr"]]
    assert hours == [72, 24, 6]


def test_the_runbook_tells_of_commands_that_exist() -> None:
    named = set(re.findall(r"(?:^|[`$(] ?)xinshi ([a-z]+)\b", RUNBOOK, re.MULTILINE))

    assert {"doctor", "vendors", "explain", "balances", "spool", "webhooks"} <= named
    assert named <= command.commands.keys()
    for page, anchor in re.findall(r"\]\(([\w.]*)#([\w-]+)\)", RUNBOOK):
        assert (page, anchor in anchors()) == ("", True)
    for page in re.findall(r"\]\((\w+\.md)\)", RUNBOOK):
        assert (ROOT / "docs" / page).is_file()


def test_the_page_of_the_metrics_is_the_codes_table() -> None:
    text = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `xinshi_")]

    assert rows == [
        f"| `{each.name}` | {each.kind} | {', '.join(each.labels)} | {each.help} |"
        for by in By
        for each in METRICS.values()
        if each.by is by
    ]


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not on this machine")
def test_prometheus_itself_reads_the_rules_and_the_queries(tmp_path: Any) -> None:
    rules = [
        {"alert": f"Q{at}", "expr": query.replace("$__rate_interval", "5m")}
        for at, (_, query) in enumerate(queries())
    ]
    path = tmp_path / "rules.json"
    path.write_text(json.dumps({"groups": [{"name": "all", "rules": rules}]}), "utf-8")

    for each in (path, MONITORING / "alerts.yml"):
        done = subprocess.run(
            ["promtool", "check", "rules", str(each)],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
