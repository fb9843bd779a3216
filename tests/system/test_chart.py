"""The Helm chart, rendered by Helm over a matrix of values, and held to the schemas of what it makes."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import Counter, Histogram

import gateway.metrics
import inference.metrics
import vedette.process.metrics
from tests.system.chart import Chart, Manifest, of_kind, one_of, pod_specs
from tests.system.chart_values import GPU, MATRIX

pytestmark = pytest.mark.system
PINNED = re.compile(r"@sha256:[0-9a-f]{64}$|:\d[\w.-]*$")


@pytest.fixture(scope="module")
def chart() -> Iterator[Chart]:
    chart = Chart()
    yield chart
    chart.close()


@pytest.fixture(params=MATRIX.values(), ids=list(MATRIX), scope="module")
def manifests(request: pytest.FixtureRequest, chart: Chart) -> list[Manifest]:
    return chart.render(request.param)


def test_helm_finds_nothing_to_lint_but_the_icon(chart: Chart) -> None:
    assert [message["error"] for message in chart.lint()] == ["icon is recommended"]


def test_every_manifest_is_as_its_schema_says(chart: Chart, manifests: list[Manifest]) -> None:
    problems = [(one["kind"], one["metadata"]["name"], chart.problems(one)) for one in manifests]
    assert [problem for problem in problems if problem[2]] == []


def test_schemas_find_unknown_keys(chart: Chart) -> None:
    manifests = chart.render(MATRIX["in a mesh"] | {"modelDefaults": {"autoscaling": {"mode": "keda"}}})
    for kind in ("Deployment", "ServiceMonitor", "VirtualService", "PeerAuthentication", "ScaledObject"):
        spoilt = of_kind(manifests, kind)[0]
        assert chart.problems(spoilt) == []
        spoilt["spec"]["nonsense"] = 1
        assert chart.problems(spoilt), kind


def test_no_name_is_taken_twice_or_too_long(manifests: list[Manifest]) -> None:
    names = [(one["kind"], one["metadata"]["name"]) for one in manifests]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 63 for _, name in names)


def test_every_image_is_pinned(manifests: list[Manifest]) -> None:
    images = [container["image"] for pod in pod_specs(manifests) for container in pod["containers"]]
    assert images
    assert [image for image in images if not PINNED.search(image)] == []


def test_pods_keep_to_the_restricted_profile_and_have_no_token(manifests: list[Manifest]) -> None:
    for pod in pod_specs(manifests):
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert security["readOnlyRootFilesystem"] is True
            assert container["resources"].keys() == {"requests", "limits"}
        assert all(volume.keys() - {"name"} <= RESTRICTED_VOLUMES for volume in pod["volumes"])
    accounts = of_kind(manifests, "ServiceAccount")
    assert all(account["automountServiceAccountToken"] is False for account in accounts)
    used = {pod["serviceAccountName"] for pod in pod_specs(manifests)}
    assert used == {account["metadata"]["name"] for account in accounts}


RESTRICTED_VOLUMES = {"configMap", "secret", "emptyDir", "persistentVolumeClaim"}


def test_selectors_find_pods(manifests: list[Manifest]) -> None:
    labels = [
        one["spec"]["template"]["metadata"]["labels"]
        for kind in ("Deployment", "StatefulSet")
        for one in of_kind(manifests, kind)
    ]
    selectors = [one["spec"]["selector"] for one in of_kind(manifests, "Service")]
    selectors += [one["spec"]["selector"]["matchLabels"] for one in of_kind(manifests, "PodDisruptionBudget")]
    selectors += [one["spec"]["podSelector"]["matchLabels"] for one in of_kind(manifests, "NetworkPolicy")]
    assert selectors
    for selector in selectors:
        assert any(selector.items() <= one.items() for one in labels), selector
    services = [one["metadata"]["labels"] for one in of_kind(manifests, "Service")]
    for monitor in of_kind(manifests, "ServiceMonitor"):
        wanted = monitor["spec"]["selector"]["matchLabels"]
        assert any(wanted.items() <= one.items() for one in services), wanted


def test_a_model_is_a_deployment_on_its_gpus(chart: Chart) -> None:
    manifests = chart.render({"models": {"coco-detector": GPU, "face-detector": {}}})
    pod = one_of(manifests, "Deployment", "site-vedette-coco-detector")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert "/vedette-inference-gpu:" in container["image"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert pod["nodeSelector"] == {"nvidia.com/gpu.product": "NVIDIA-L4"}
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in pod["tolerations"]
    assert environment(container)["VEDETTE_DEVICE"] == "cuda"
    assert container["startupProbe"]["failureThreshold"] * container["startupProbe"]["periodSeconds"] == 1800
    beside = one_of(manifests, "Deployment", "site-vedette-face-detector")["spec"]["template"]["spec"]
    assert "/vedette-inference:" in beside["containers"][0]["image"]
    assert environment(beside["containers"][0])["VEDETTE_DEVICE"] == "cpu"


def test_sessions_and_threads_fit_into_the_cpu_limit(chart: Chart) -> None:
    for cpu, sessions, threads in (("4", "4", "1"), ("1500m", "1", "1"), (8, "8", "1"), ("500m", "1", "1")):
        limits = {"resources": {"limits": {"cpu": cpu}}}
        manifests = chart.render({"models": {"coco-detector": limits}, "gateway": limits})
        model = one_of(manifests, "Deployment", "site-vedette-coco-detector")
        said = environment(model["spec"]["template"]["spec"]["containers"][0])
        assert (said["VEDETTE_SESSIONS"], said["VEDETTE_THREADS"]) == (sessions, threads)
        gateway = one_of(manifests, "Deployment", "site-vedette-gateway")
        said = environment(gateway["spec"]["template"]["spec"]["containers"][0])
        assert said["VEDETTE_DECODE_PROCESSES"] == sessions


def test_an_edit_of_cameras_restarts_nothing_and_one_of_pipelines_does(chart: Chart) -> None:
    def checksum(config: dict[str, Any]) -> str:
        pod = one_of(chart.render({"config": config}), "Deployment", "site-vedette-gateway")["spec"]["template"]
        return str(pod["metadata"]["annotations"]["checksum/config"])

    camera = {"cameras": {"gate": {"url": "rtsp://10.0.0.5/1", "pipeline": "people"}}}
    assert checksum(camera) == checksum({})
    assert checksum({"pipelines": {"people": {"sampling": {"fps": 5}}}}) != checksum({})


def test_scaling_by_saturation_asks_for_the_pipelines_of_the_model(chart: Chart) -> None:
    pipelines = {name: {"stages": [{"model": "face-detector@^1"}]} for name in ("doors", "gates")}
    values = {
        "config": {"pipelines": pipelines},
        "models": {"face-detector": {"autoscaling": {"mode": "keda", "maxReplicas": 7}}},
    }
    manifests = chart.render(values)
    (scaled,) = of_kind(manifests, "ScaledObject")
    queries = {one["name"]: one["metadata"]["query"] for one in scaled["spec"]["triggers"]}
    assert queries.keys() == {"share-superseded", "queue-to-compute", "frame-age"}
    assert 'namespace="cameras",pipeline=~"doors|gates"' in queries["share-superseded"]
    assert 'model="face-detector"' in queries["queue-to-compute"]
    assert "replicas" not in one_of(manifests, "Deployment", "site-vedette-face-detector")["spec"]


def test_metrics_that_are_scaled_by_exist(chart: Chart) -> None:
    known = {
        f"{metric}{end}"
        for module in (gateway.metrics, inference.metrics, vedette.process.metrics)
        for collector in vars(module).values()
        if isinstance(collector, Counter | Histogram)
        for metric in [one.name for one in collector.describe()]
        for end in (("_total",) if isinstance(collector, Counter) else ("_sum", "_count", "_bucket"))
    }
    (scaled,) = of_kind(chart.render({"modelDefaults": {"autoscaling": {"mode": "keda"}}}), "ScaledObject")
    queries = " ".join(one["metadata"]["query"] for one in scaled["spec"]["triggers"])
    used = set(re.findall(r"(?:vedette|model_inference)_\w+", queries))
    assert len(used) == 7
    assert used <= known


def test_a_weight_of_requests_goes_to_the_canary_by_media_type(chart: Chart) -> None:
    manifests = chart.render(MATRIX["in a mesh"])
    routes = one_of(manifests, "VirtualService", "site-vedette")["spec"]["http"]
    assert [route["name"] for route in routes] == ["detect-v2", "detect-version-asked", "detect"]
    assert {route["match"][0]["uri"]["prefix"] for route in routes} == {"/api/v1/detect"}
    stable, canary = routes[-1]["route"]
    assert (stable["weight"], canary["weight"]) == (90, 10)
    assert canary["headers"]["request"]["set"] == {"accept": "application/vnd.vedette.vision.v1.1+json"}
    asked = routes[0]["match"][0]["headers"]["accept"]["regex"]
    for media_type, matches in (("v2+json", True), ("v2.1+x-ndjson", True), ("v21+json", False), ("v1+json", False)):
        assert bool(re.fullmatch(asked, f"application/vnd.vedette.vision.{media_type}")) == matches
    security = one_of(manifests, "PeerAuthentication", "site-vedette")["spec"]
    assert security["mtls"] == {"mode": "STRICT"}


def test_a_pod_has_time_to_drain_before_it_is_killed(chart: Chart) -> None:
    values = {"config": {"inference": {"request_timeout_s": 30}}}
    for deployment in of_kind(chart.render(values), "Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        hook = pod["containers"][0].get("lifecycle", {"preStop": {"sleep": {"seconds": 0}}})["preStop"]
        assert pod["terminationGracePeriodSeconds"] >= hook["sleep"]["seconds"] + 10
        if deployment["metadata"]["labels"]["app.kubernetes.io/component"] == "inference":
            assert hook["sleep"]["seconds"] == 35


def test_notes_warn_of_models_that_nobody_serves(chart: Chart) -> None:
    pipelines = {"access": {"stages": [{"model": "face-detector@^1"}]}}
    assert "access uses the model face-detector, which no entry" in chart.notes({"config": {"pipelines": pipelines}})
    assert "WARNING" not in chart.notes({})


def environment(container: Manifest) -> dict[str, str | None]:
    """The variables that a container gets, without those of Secrets."""
    return {one["name"]: one.get("value") for one in container["env"]}
