"""kubernetes/: what the pods may do, who scales them, and that kustomize puts it together."""

import shutil
import subprocess
from typing import Any

import pytest
import yaml

from worker.contract import keys
from worker.contract.status import Stream
from worker.telemetry.metrics import READY_AGE

from .conftest import DEPLOY, KUBERNETES, ROLES, deployments, documents, manifests, scaled

EACH = pytest.mark.parametrize("role", ROLES)


def pod(role: str) -> dict[str, Any]:
    found: dict[str, Any] = deployments()[role]["spec"]["template"]["spec"]
    return found


def component(document: dict[str, Any], *path: str) -> str:
    place: Any = document
    for each in path:
        place = place[each]
    found: str = place["app.kubernetes.io/component"]
    return found


@EACH
def test_a_pod_may_do_nothing_but_its_work(role: str) -> None:
    (container,) = pod(role)["containers"]

    assert pod(role)["automountServiceAccountToken"] is False
    assert pod(role)["enableServiceLinks"] is False, "they would be variables XINSHI_..."
    assert pod(role)["securityContext"]["runAsNonRoot"] is True
    assert pod(role)["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@EACH
def test_a_pod_sees_secrets_as_files_and_has_one_place_to_write(role: str) -> None:
    (container,) = pod(role)["containers"]
    mounts = {each["mountPath"]: each for each in container["volumeMounts"]}
    volumes = {each["name"]: each for each in pod(role)["volumes"]}

    assert mounts.keys() == {"/etc/xinshi", "/tmp"}
    assert mounts["/etc/xinshi"]["readOnly"] is True
    assert volumes["secrets"]["secret"] == {"secretName": "xinshi", "defaultMode": 0o440}
    assert volumes["tmp"]["emptyDir"]["medium"] == "Memory"
    assert container["envFrom"] == [{"configMapRef": {"name": "xinshi"}}]


@EACH
def test_a_pod_has_an_image_a_size_and_probes(role: str) -> None:
    (container,) = pod(role)["containers"]

    assert container["image"] == "xinshi", "an overlay says which"
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]
    assert {"startupProbe", "livenessProbe"} <= container.keys()
    assert all(
        container[probe]["timeoutSeconds"] >= 5 for probe in container if probe.endswith("Probe")
    )


@EACH
def test_the_labels_fit_together(role: str) -> None:
    spec = deployments()[role]["spec"]

    assert component(spec, "selector", "matchLabels") == role
    assert component(spec, "template", "metadata", "labels") == role
    (spread,) = spec["template"]["spec"]["topologySpreadConstraints"]
    assert component(spread, "labelSelector", "matchLabels") == role


def test_a_drained_node_never_takes_all_of_one_kind() -> None:
    guarded = {
        component(each["spec"], "selector", "matchLabels")
        for each in manifests()
        if each["kind"] == "PodDisruptionBudget"
    }

    several = {role for role in ROLES if deployments()[role]["spec"]["replicas"] > 1}
    assert guarded == several == {*ROLES} - {"flower"}


def test_a_service_leads_to_a_port_that_somebody_opens() -> None:
    services = [each for each in manifests() if each["kind"] == "Service"]

    assert len(services) == 2
    for each in services:
        (container,) = pod(component(each["spec"], "selector"))["containers"]
        (port,) = each["spec"]["ports"]
        assert port["targetPort"] in {one["name"] for one in container["ports"]}


def test_the_network_is_closed_but_for_what_is_said() -> None:
    policies = {
        each["metadata"]["name"]: each["spec"]
        for each in manifests()
        if each["kind"] == "NetworkPolicy"
    }

    everyone = policies["xinshi"]
    assert everyone["podSelector"] == {"matchLabels": {"app.kubernetes.io/name": "xinshi"}}
    assert everyone["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in everyone
    ports = [port["port"] for rule in everyone["egress"] for port in rule["ports"]]
    assert ports == [53, 53, 6379]
    (who,) = policies["xinshi-vendors"]["podSelector"]["matchExpressions"]
    assert {*who["values"]} == {role for role in ROLES if role.startswith("worker")}
    assert component(policies["xinshi-gateway"], "podSelector", "matchLabels") == "gateway"


SCALED_BY = {
    "xinshi-worker-otp": [Stream.OTP],
    "xinshi-worker": [Stream.NOTICE, Stream.MARKETING],
}


def alarmed_at(stream: Stream) -> float:
    """Seconds from which on a human is called for the age of a stream."""
    (rules,) = documents(DEPLOY / "monitoring" / "alerts.yml")
    name = "XinshiOtpQueueOld" if stream is Stream.OTP else "XinshiQueueOld"
    (expression,) = (
        each["expr"]
        for group in rules["groups"]
        for each in group["rules"]
        if each["alert"] == name
    )
    return float(expression.rpartition("> ")[2])


@pytest.mark.parametrize("name", SCALED_BY)
def test_workers_are_scaled_by_the_age_of_each_of_their_streams(name: str) -> None:
    ages = scaled("prometheus")[name]

    assert [each["metadata"]["query"] for each in ages] == [
        f'max({READY_AGE.name}{{stream="{stream}"}})' for stream in SCALED_BY[name]
    ], "every gateway says the same of Redis: the largest of them is one"
    assert READY_AGE.labels == ("stream",)
    for each, stream in zip(ages, SCALED_BY[name], strict=True):
        assert each["metricType"] == "Value", "an age is not shared among workers"
        assert each["metadata"]["ignoreNullValues"] == "false", "no answer is not an age of 0"
        assert 0 < float(each["metadata"]["threshold"]) < alarmed_at(stream), "workers come first"
        assert each["metadata"]["serverAddress"].startswith("http://")


def test_codes_are_given_seconds_and_the_rest_minutes() -> None:
    (codes,), bulk = (scaled("prometheus")[name] for name in SCALED_BY)

    assert float(codes["metadata"]["threshold"]) < 10
    assert min(float(each["metadata"]["threshold"]) for each in bulk) >= 60


def test_workers_are_scaled_by_lists_that_exist_as_well() -> None:
    lists = {
        name: [trigger["metadata"]["listName"] for trigger in triggers]
        for name, triggers in scaled("redis").items()
    }

    assert lists == {name: [*map(keys.ready, streams)] for name, streams in SCALED_BY.items()}


def test_the_example_says_to_each_trigger_that_asks_it_where_prometheus_is() -> None:
    (overlay,) = documents(KUBERNETES / "example" / "kustomization.yaml")
    told = {
        patch["target"]["name"]: [step["path"] for step in yaml.safe_load(patch["patch"])]
        for patch in overlay["patches"]
    }

    for each in documents(KUBERNETES / "autoscaling" / "workers.yaml"):
        if each["kind"] == "ScaledObject":
            assert told[each["metadata"]["name"]] == [
                f"/spec/triggers/{place}/metadata/serverAddress"
                for place, trigger in enumerate(each["spec"]["triggers"])
                if trigger["type"] == "prometheus"
            ]


def test_a_source_that_is_away_takes_no_worker_away() -> None:
    for each in documents(KUBERNETES / "autoscaling" / "workers.yaml"):
        if each["kind"] == "ScaledObject":
            assert each["spec"]["fallback"]["behavior"] == "currentReplicasIfHigher"
            assert each["spec"]["fallback"]["replicas"] == each["spec"]["minReplicaCount"]


def test_what_is_scaled_exists_and_is_never_alone() -> None:
    for path in ("workers.yaml", "gateway.yaml"):
        for each in documents(KUBERNETES / "autoscaling" / path):
            if each["kind"] != "TriggerAuthentication":
                least = each["spec"].get("minReplicaCount") or each["spec"]["minReplicas"]
                target = each["spec"]["scaleTargetRef"]["name"].removeprefix("xinshi-")
                assert deployments()[target]["spec"]["replicas"] == least == 2


def test_the_scaler_finds_its_secret_in_the_example() -> None:
    found = documents(KUBERNETES / "autoscaling" / "workers.yaml")
    (asks,) = (each for each in found if each["kind"] == "TriggerAuthentication")
    _, has = documents(KUBERNETES / "example" / "secret.yaml")

    for each in asks["spec"]["secretTargetRef"]:
        assert each["name"] == has["metadata"]["name"]
        assert each["key"] in has["stringData"]


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not on this machine")
def test_kustomize_builds_the_example_as_we_read_it() -> None:
    done = subprocess.run(
        ["kubectl", "kustomize", str(KUBERNETES / "example")],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    built = [each for each in yaml.safe_load_all(done.stdout) if each]

    found = {each["metadata"]["name"]: each for each in built if each["kind"] == "Deployment"}
    assert found.keys() == {f"xinshi-{role}" for role in ROLES}
    (config,) = (each for each in built if each["kind"] == "ConfigMap")
    assert "XINSHI_VENDORS__TENCENT__PASSWORD_FILE" in config["data"], "what an overlay adds"
    for role in ROLES:
        spec = found[f"xinshi-{role}"]["spec"]
        assert ("replicas" in spec) == (role in {"beat", "flower"}), "others are scaled"
        (ours,), (theirs,) = pod(role)["containers"], spec["template"]["spec"]["containers"]
        assert theirs["image"] == "registry.example.com/xinshi:0.1.0"
        assert theirs["envFrom"][0]["configMapRef"]["name"] == config["metadata"]["name"]
        for key in ours.keys() - {"image", "envFrom"}:
            assert theirs[key] == ours[key]
    for policy in (each["spec"] for each in built if each["kind"] == "NetworkPolicy"):
        assert policy["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == "xinshi"
