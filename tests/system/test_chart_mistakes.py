"""Values with a mistake are refused by Helm, with words that name the value."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.system.chart import Chart, Refused

pytestmark = pytest.mark.system

MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "a misspelt key": ({"gateway": {"replica": 3}}, "at '/gateway': additional properties 'replica' not allowed"),
    "a misspelt key of a model": ({"models": {"a": {"gpus": 1}}}, "at '/models/a': additional properties 'gpus'"),
    "a number as text": ({"gateway": {"replicas": "3"}}, "at '/gateway/replicas': got string, want integer"),
    "an image of no version": ({"image": {"tag": "latest"}}, "image.tag: latest is another image tomorrow"),
    "a NATS image of no version": ({"nats": {"image": "nats:latest"}}, "at '/nats/image'"),
    "no URL of an existing server": ({"nats": {"enabled": False}}, "nats.url: is needed where nats.enabled is false"),
    "two servers": ({"nats": {"url": "nats://n:4222"}}, "nats.enabled: true runs another one"),
    "half of the certificates": (
        {"nats": {"tls": {"serverSecret": "mine"}}},
        "nats.tls: serverSecret and clientSecret go together",
    ),
    "a certificate in plain text": (
        {"nats": {"enabled": False, "url": "nats://n:4222", "tls": {"clientSecret": "mine"}}},
        "nats.tls.clientSecret: wants a nats.url tls://",
    ),
    "sites without their users": ({"nats": {"leaf": {"sites": ["a"]}}}, "wants nats.enabled, nats.tls.enabled and"),
    "a site that the server doesn't know": (
        {"config": {"hub": {"sites": ["a"]}}},
        "config.hub: a is not in nats.leaf.sites",
    ),
    "a link without its file": ({"nats": {"uplink": {"site": "main"}}}, "nats.uplink: site and secret go together"),
    "a link of another site": (
        {"nats": {"uplink": {"site": "plant-1", "secret": "uplink"}}},
        "nats.uplink.site: is plant-1, and site is main",
    ),
    "a link of no bundled server": (
        {"nats": {"enabled": False, "url": "nats://n:4222", "uplink": {"site": "main", "secret": "uplink"}}},
        "nats.uplink: is of the bundled server",
    ),
    "a hub with a link": (
        {"config": {"hub": {"sites": []}}, "nats": {"uplink": {"site": "main", "secret": "uplink"}}},
        "nats.uplink: and a hub exclude each other",
    ),
    "the link in the configuration": ({"config": {"uplink": {}}}, "config.uplink: is of the embedded server"),
    "a disk that the retention doesn't fit on": (
        {"config": {"retention": {"events_gib": 25}}},
        "nats.fileStore: 40Gi is too small: config.retention asks for 47.5Gi",
    ),
    "an even cluster": ({"nats": {"replicas": 2}}, "at '/nats/replicas': value must be one of 1, 3, 5"),
    "a model's name that is no label": ({"models": {"coco_detector": {}}}, "'coco_detector' does not match pattern"),
    "a quantity that is none": (
        {"modelDefaults": {"resources": {"limits": {"cpu": "two"}}}},
        "at '/modelDefaults/resources/limits/cpu'",
    ),
    "on without quotes": (
        {"config": {"pipelines": {"p": {"stages": [{"model": "m", "true": "face"}]}}}},
        'config.pipelines.p.stages[0]: has the key true: an on, off, yes or no without quotes; write "on":',
    ),
    "off without quotes": (
        {"config": {"cameras": {"c": {"gate": {"mode": False}}}}},
        "at '/config/cameras/c/gate/mode': got boolean, want string",
    ),
    "the site in the configuration": ({"config": {"site": "x"}}, "config.site: is set by site"),
    "listen in the configuration": ({"config": {"listen": {}}}, "config.listen: is set by the chart"),
    "a type of no GPU": ({"models": {"a": {"gpu": {"type": "L4"}}}}, "models.a.gpu.type: says which GPU"),
    "less time than the drain": (
        {"config": {"inference": {"request_timeout_s": 120}}},
        "models.coco-detector.terminationGracePeriodSeconds: 60 s is too short: 125 s of drain",
    ),
    "a gateway killed while it drains": ({"gateway": {"drainSeconds": 60}}, "gateway.terminationGracePeriodSeconds"),
    "fewest above most": (
        {"models": {"a": {"autoscaling": {"minReplicas": 20}}}},
        "models.a.autoscaling: minReplicas is above maxReplicas",
    ),
    "an unknown scaling": ({"modelDefaults": {"autoscaling": {"mode": "vpa"}}}, "'none', 'hpa', 'keda'"),
    "a canary of no version": (
        {"istio": {"enabled": True, "detect": {"canaryWeight": 10}}},
        "there is no canary without istio.detect.canaryVersion",
    ),
    "a route to no model": (
        {"istio": {"enabled": True, "detect": {"model": "other"}}},
        "istio.detect.model: other is no key of models (coco-detector)",
    ),
}


@pytest.fixture(scope="module")
def chart() -> Iterator[Chart]:
    chart = Chart()
    yield chart
    chart.close()


@pytest.mark.parametrize(("values", "said"), MISTAKES.values(), ids=list(MISTAKES))
def test_a_mistake_is_refused_in_words(chart: Chart, values: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused) as refused:
        chart.render(values)
    assert said in str(refused.value)
