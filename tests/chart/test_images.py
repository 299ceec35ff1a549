"""The images: built and tried as the chart runs them. What `make images` does for real is here without the minutes it takes."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.chart.rendering import ROOT, objects, pods
from tools.image_trial import GROUPS, USER, restricted
from tools.images import EXTRAS, compressed_bytes

DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
SPEC = {
    "process": {"args": ["x"], "capabilities": {"bounding": ["CAP_KILL"]}, "terminal": True},
    "root": {"path": "rootfs"},
    "mounts": [],
    "linux": {
        "namespaces": [{"type": kind} for kind in ("pid", "network", "user", "mount")],
        "uidMappings": [],
    },
}


def test_both_ways_of_building_put_the_same_into_an_image():
    targets = dict(re.findall(r"AS (\w+)-files\nRUN .*whl\)\[([\w,]+)\]", DOCKERFILE))
    assert targets == EXTRAS
    assert set(re.findall(r'ENTRYPOINT \["/usr/bin/python3", "-m", "(\w+)"\]', DOCKERFILE)) == set(EXTRAS)
    assert f"USER {USER}:{USER}" in DOCKERFILE


def test_an_image_is_tried_as_the_chart_runs_it():
    for name, pod in pods(objects({})):
        security = pod["securityContext"]
        assert (security["runAsUser"], security["runAsGroup"]) == (USER, USER)
        if name.endswith("-portmon"):
            assert tuple(security["supplementalGroups"]) == GROUPS


def test_a_tried_image_has_no_rights_and_one_device():
    spec = restricted(SPEC, groups=GROUPS, device=(4, 10))
    assert not any(spec["process"]["capabilities"].values())
    assert spec["process"]["noNewPrivileges"] is True
    assert spec["process"]["user"] == {"uid": USER, "gid": USER, "additionalGids": list(GROUPS)}
    assert spec["root"]["readonly"] is True
    assert spec["linux"]["resources"]["devices"] == [
        {"allow": False, "access": "rwm"},
        {"allow": True, "type": "c", "major": 4, "minor": 10, "access": "rw"},
    ]
    assert {one["type"] for one in spec["linux"]["namespaces"]} == {"pid", "mount"}
    assert SPEC["root"] == {"path": "rootfs"}


def test_what_a_registry_sends_is_all_that_an_image_names(tmp_path: Path):
    manifest = {"config": {"size": 7}, "layers": [{"size": 100}, {"size": 20}]}
    blob = tmp_path / "blobs" / "sha256" / "ab"
    blob.parent.mkdir(parents=True)
    blob.write_text(json.dumps(manifest))
    named = {
        "digest": "sha256:ab",
        "size": 3,
        "annotations": {"org.opencontainers.image.ref.name": "portmon"},
    }
    (tmp_path / "index.json").write_text(json.dumps({"manifests": [named]}))
    assert compressed_bytes(tmp_path, "portmon") == 130
