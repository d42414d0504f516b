"""The manifests of `examples/kubernetes.md`, against the schemas of Kubernetes."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

kubernetes_validate = pytest.importorskip("kubernetes_validate")

PAGE = Path(__file__).parent.parent / "examples" / "kubernetes.md"
VERSIONS = ("1.25", kubernetes_validate.latest_version())


def manifests() -> Iterator[Any]:
    """Each document of the page's blocks of YAML."""
    page = PAGE.read_text(encoding="utf-8")
    for block in re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        yield from YAML(typ="safe").load_all(block)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_fits_its_schema(version: str) -> None:
    kinds = []
    for manifest in manifests():
        kubernetes_validate.validate(manifest, version, strict=True)
        kinds.append(manifest["kind"])

    assert kinds == ["Service", "Deployment", "Deployment", "Job"]


def test_a_key_that_kubernetes_does_not_know_is_found() -> None:
    *_, job = manifests()
    job["spec"]["backofLimit"] = job["spec"].pop("backoffLimit")

    with pytest.raises(kubernetes_validate.ValidationError, match="backofLimit"):
        kubernetes_validate.validate(job, VERSIONS[-1], strict=True)


def test_the_service_finds_the_scheduler_and_pods_have_the_labels_of_their_deployment() -> None:
    service, *deployments, _ = manifests()

    assert service["spec"]["selector"] == deployments[0]["spec"]["template"]["metadata"]["labels"]
    for each in deployments:
        labels = each["spec"]["template"]["metadata"]["labels"]
        assert each["spec"]["selector"]["matchLabels"] == labels
