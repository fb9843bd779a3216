"""Values that installations of different kinds would have: the matrix that the chart is rendered over."""

from typing import Any

CASCADE = {
    "cameras": {
        "gate": {"url": "rtsp://operator:${GATE_PASSWORD}@10.0.0.5:554/stream1", "pipeline": "access"},
        "lobby": {"url": "whip", "token": "${LOBBY_TOKEN}", "pipeline": "access"},
    },
    "pipelines": {
        "access": {
            "sampling": {"fps": 2},
            "frame": {"width": 1280},
            "stages": [{"model": "face-detector@^1"}, {"model": "face-liveness@^1", "on": "face"}],
        }
    },
}
SECRETS = {"create": {"GATE_PASSWORD": "p:1/@", "LOBBY_TOKEN": "17"}}
FACES = {"coco-detector": None, "face-detector": {}, "face-liveness": {"replicas": 1}}
GPU = {
    "gpu": {"count": 1, "type": "NVIDIA-L4"},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "cacheClaim": "engines",
    "startSeconds": 1800,
}
EXTERNAL_NATS: dict[str, Any] = {
    "enabled": False,
    "url": "tls://hub.example:4222",
    "streamReplicas": 3,
    "credentials": {"gateway": "nats-gateway", "inference": "nats-inference", "events": "nats-events"},
}
HUB = {"hub": {"sites": ["plant-1"], "frames_from": ["kiosk"]}}
LEAF = {"sites": ["plant-1", "kiosk"], "users": "sites", "serviceType": "LoadBalancer"}
ALL_MONITORING = {"serviceMonitor": True, "rules": True, "dashboards": True, "labels": {"release": "prometheus"}}

MATRIX: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "a cascade with secrets": {"config": CASCADE, "secrets": SECRETS, "models": FACES},
    "existing server and secrets": {
        "nats": EXTERNAL_NATS,
        "secrets": {"existing": ["passwords"], "files": ["tls"], "keys": "keys"},
        "image": {"digests": {"gateway": "sha256:" + "0" * 64}, "pullSecrets": ["registry"]},
    },
    "a hub with a cluster of NATS": {"config": HUB, "nats": {"replicas": 3, "leaf": LEAF}},
    "a site of a hub": {"site": "plant-1", "nats": {"uplink": {"site": "plant-1", "secret": "uplink"}}},
    "a hub on an existing server": {
        "config": HUB,
        "nats": {
            **EXTERNAL_NATS,
            "credentials": {**EXTERNAL_NATS["credentials"], "operator": "nats-operator"},
            "tls": {"clientSecret": "nats-client"},
        },
    },
    "certificates of one's own": {"nats": {"tls": {"serverSecret": "server", "clientSecret": "client"}}},
    "a bus in plain text": {"nats": {"tls": {"enabled": False}}},
    "GPUs and a cluster of NATS": {"models": {"coco-detector": GPU}, "nats": {"replicas": 3, "storageClass": "fast"}},
    "scaled by CPU and requests": {"modelDefaults": {"autoscaling": {"mode": "hpa"}}},
    "scaled by saturation": {"modelDefaults": {"autoscaling": {"mode": "keda"}}},
    "watched": {"monitoring": ALL_MONITORING, "config": {"serving": {"tls": {"server_cert": "a", "server_key": "b"}}}},
    "in a mesh": {
        "istio": {
            "enabled": True,
            "gateways": ["istio-system/public"],
            "detect": {
                "canaryVersion": "1.1",
                "canaryWeight": 10,
                "versions": [{"version": "2", "model": "next"}],
            },
            "peerAuthentication": {"plainPorts": [8080]},
        },
        "models": {"next": {"model": "coco-detector"}},
        "monitoring": ALL_MONITORING,
        "config": HUB,
        "nats": {"leaf": LEAF},
    },
    "the least": {
        "nats": {"enabled": False, "url": "nats://nats:4222"},
        "networkPolicy": {"enabled": False},
        "podDisruptionBudget": {"enabled": False},
        "topologySpread": "",
        "gateway": {"hostNetwork": True, "replicas": 1},
        "models": {"coco-detector": {"resources": {"requests": {}, "limits": {}}}},
    },
}
