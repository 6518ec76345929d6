"""Which cloud, instance type, region and image: from cloud-init's file, else from the cloud itself.

The metadata service is asked only where DMI or Xen names its cloud, so that no other host sends a
packet for it; each question has 300 ms, and proxies are not used. Identities of the instance are
never asked for.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Callable, Dict, Mapping, Optional, Tuple

from crr_submit.host import Host

LIMIT_S = 0.3
LENGTH_LIMIT = 65_536
ADDRESS = "169.254.169.254"
ALIBABA_ADDRESS = "100.100.100.200"
CLOUD_INIT = "/run/cloud-init/instance-data.json"

Found = Dict[str, Optional[str]]
# (method, path, headers) → body, None when there is no good answer.
Ask = Callable[[str, str, Mapping[str, str]], Optional[str]]

# cloud-init's names of clouds that others know under another name.
_CLOUD_INIT_NAMES = {"ec2": "aws", "gcp": "gce", "aliyun": "alibaba", "oracle": "oci"}
# (signal, words in it, provider): the particular stand before the general.
_SIGNS: Tuple[Tuple[str, str, str], ...] = (
    ("sys_vendor", "Amazon EC2", "aws"),
    ("bios_version", "amazon", "aws"),
    ("bios_vendor", "Google", "gce"),
    ("sys_vendor", "Google", "gce"),
    ("chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77", "azure"),
    ("chassis_asset_tag", "OracleCloud.com", "oci"),
    ("sys_vendor", "DigitalOcean", "digitalocean"),
    ("sys_vendor", "Hetzner", "hetzner"),
    ("sys_vendor", "Alibaba Cloud", "alibaba"),
    ("sys_vendor", "OpenStack", "openstack"),
    ("product_name", "OpenStack", "openstack"),
)


def describe(host: Host, ask: Optional[Ask] = None) -> Optional[Found]:
    """provider, instance_type, region and image, each null when unknown; None off every cloud."""
    provider = provider_of(host)
    found = from_cloud_init(host) or (_nothing(provider) if provider else None)
    if found is None or provider is None or (found["instance_type"] and found["image"]):
        return found
    asked = _ASKERS[provider](ask or _questions(provider))
    return {name: found[name] or asked.get(name) for name in found}


def provider_of(host: Host) -> Optional[str]:
    """The cloud that firmware or Xen names. Asset tags are compared, never kept or sent."""
    for name, words, provider in _SIGNS:
        if words.lower() in (host.text("/sys/class/dmi/id/" + name) or "").lower():
            return provider
    # Amazon's Xen instances: only the first three letters of the uuid are looked at.
    is_ec2 = (host.text("/sys/hypervisor/uuid") or "")[:3].lower() == "ec2"
    return "aws" if is_ec2 else None


def from_cloud_init(host: Host) -> Optional[Found]:
    """What cloud-init wrote for everybody to read; None without it or without a cloud."""
    try:
        data = json.loads(host.text(CLOUD_INIT) or "null")
        standard = data["v1"]
        name = str(standard["cloud_name"]).lower()
    except (ValueError, TypeError, KeyError):
        return None
    if name in ("none", "nocloud", "unknown", "configdrive"):
        return None
    metadata = data.get("ds", {}).get("meta_data", {}) if isinstance(data.get("ds"), dict) else {}
    return {
        "provider": _CLOUD_INIT_NAMES.get(name, name),
        "instance_type": _text(metadata, "instance-type", "instance_type"),
        "region": _text(standard, "region"),
        "image": _text(metadata, "ami-id"),
    }


def _text(values: Any, *names: str) -> Optional[str]:
    if not isinstance(values, dict):
        return None
    found = (values.get(name) for name in names)
    return next((value for value in found if isinstance(value, str) and value), None)


def _nothing(provider: str) -> Found:
    return {"provider": provider, "instance_type": None, "region": None, "image": None}


@dataclass(frozen=True)
class _Service:
    """A metadata service over plain HTTP on its link-local address."""

    address: str

    def __call__(self, method: str, path: str, headers: Mapping[str, str]) -> Optional[str]:
        import http.client

        connection = http.client.HTTPConnection(self.address, timeout=LIMIT_S)
        try:
            connection.request(method, path, headers=dict(headers))
            answer = connection.getresponse()
            body = answer.read(LENGTH_LIMIT).decode("utf-8", "replace")
            return body.strip() if answer.status == http.client.OK else None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


def _questions(provider: str) -> Ask:
    return _Service(ALIBABA_ADDRESS if provider == "alibaba" else ADDRESS)


def _aws(ask: Ask) -> Found:
    """IMDSv2: a token first; without one nothing more is asked."""
    headers = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
    token = ask("PUT", "/latest/api/token", headers)
    if token is None:
        return {}
    with_token = {"X-aws-ec2-metadata-token": token}
    return {
        "instance_type": ask("GET", "/latest/meta-data/instance-type", with_token),
        "region": ask("GET", "/latest/meta-data/placement/region", with_token),
        "image": ask("GET", "/latest/meta-data/ami-id", with_token),
    }


def _gce(ask: Ask) -> Found:
    """Answers are paths such as projects/1/machineTypes/e2-medium, whose project is left out."""
    headers = {"Metadata-Flavor": "Google"}
    kind, zone, image = (
        (ask("GET", "/computeMetadata/v1/instance/" + name, headers) or "").rpartition("/")[2]
        for name in ("machine-type", "zone", "image")
    )
    return {
        "instance_type": kind or None,
        "region": re.sub(r"-[a-z]$", "", zone) or None,
        "image": image or None,
    }


def _azure(ask: Ask) -> Found:
    text = ask("GET", "/metadata/instance/compute?api-version=2021-02-01", {"Metadata": "true"})
    values = _object(text)
    parts = [_text(values, name) for name in ("publisher", "offer", "sku")]
    return {
        "instance_type": _text(values, "vmSize"),
        "region": _text(values, "location"),
        "image": ":".join(part for part in parts if part) or None,
    }


def _oci(ask: Ask) -> Found:
    values = _object(ask("GET", "/opc/v2/instance/", {"Authorization": "Bearer Oracle"}))
    return {
        "instance_type": _text(values, "shape"),
        "region": _text(values, "canonicalRegionName", "region"),
        "image": None,  # the identity of an image there is one of the tenant's
    }


def _digitalocean(ask: Ask) -> Found:
    return {"region": ask("GET", "/metadata/v1/region", {})}


def _hetzner(ask: Ask) -> Found:
    return {"region": ask("GET", "/hetzner/v1/metadata/region", {})}


def _alibaba(ask: Ask) -> Found:
    headers = {"X-aliyun-ecs-metadata-token-ttl-seconds": "60"}
    token = ask("PUT", "/latest/api/token", headers)
    with_token = {"X-aliyun-ecs-metadata-token": token} if token else {}
    return {
        "instance_type": ask("GET", "/latest/meta-data/instance/instance-type", with_token),
        "region": ask("GET", "/latest/meta-data/region-id", with_token),
        "image": ask("GET", "/latest/meta-data/image-id", with_token),
    }


def _openstack(ask: Ask) -> Found:
    return {"instance_type": ask("GET", "/latest/meta-data/instance-type", {})}


def _object(text: Optional[str]) -> Any:
    try:
        return json.loads(text or "null")
    except ValueError:
        return None


_ASKERS: Dict[str, Callable[[Ask], Found]] = {
    "aws": _aws,
    "gce": _gce,
    "azure": _azure,
    "oci": _oci,
    "digitalocean": _digitalocean,
    "hetzner": _hetzner,
    "alibaba": _alibaba,
    "openstack": _openstack,
}
