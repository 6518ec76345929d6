"""Clouds and instance types: one spelling, and a provider only where the name leaves no doubt."""

import pytest

from registry.vocabulary import clouds
from registry.vocabulary.clouds import Cloud


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("c5.xlarge", Cloud("aws", "c5.xlarge", "c5")),
        ("M6G.Metal", Cloud("aws", "m6g.metal", "m6g")),
        ("c7i.metal-24xl", Cloud("aws", "c7i.metal-24xl", "c7i")),
        ("c7gn.16xlarge", Cloud("aws", "c7gn.16xlarge", "c7gn")),
        ("EC2 c1.xlarge", Cloud("aws", "c1.xlarge", "c1")),
        ("Amazon EC2 cc1.4xlarge", Cloud("aws", "cc1.4xlarge", "cc1")),
        ("standard_d4s_v5", Cloud("azure", "Standard_D4s_v5", "Dsv5")),
        ("Standard_DS2_v2_Promo", Cloud("azure", "Standard_DS2_v2_Promo", "DSv2promo")),
        ("STANDARD_NC24ADS_A100_V4", Cloud("azure", "Standard_NC24ads_A100_v4", "NCadsa100v4")),
        ("n2-standard-4", Cloud("gce", "n2-standard-4", "n2")),
        ("E2-MICRO", Cloud("gce", "e2-micro", "e2")),
        ("c3-highcpu-192-metal", Cloud("gce", "c3-highcpu-192-metal", "c3")),
        ("vm.standard.e4.flex", Cloud("oci", "VM.Standard.E4.Flex", "vm.standard")),
        ("BM.DENSEIO2.52", Cloud("oci", "BM.DenseIO2.52", "bm.denseio2")),
        ("ecs.g6.large", Cloud("alibaba", "ecs.g6.large", "ecs.g6")),
        ("s-2vcpu-4gb", Cloud("digitalocean", "s-2vcpu-4gb", "s-2vcpu")),
        ("g6-standard-2", Cloud("linode", "g6-standard-2", "g6-standard")),
        ("cpx31", Cloud("hetzner", "cpx31", "cpx")),
        ("c3.small.x86", Cloud("equinix", "c3.small.x86", "c3")),
        ("dev1-s", Cloud("scaleway", "DEV1-S", "dev1")),
        # OpenStack's own names, and names of nobody's.
        ("m1.small", Cloud(None, "m1.small", None)),
        ("s6.large.2", Cloud(None, "s6.large.2", None)),
        ("my flavour", Cloud(None, "my flavour", None)),
        (None, Cloud()),
        ("", Cloud()),
    ],
)
def test_instance_types(text: str | None, expected: Cloud) -> None:
    assert clouds.read(text) == expected


def test_the_sender_s_provider_decides_what_is_ambiguous() -> None:
    assert clouds.read("m1.small", "aws").family == "m1"
    assert clouds.read("m1.small", "rackspace") == Cloud("rackspace", "m1.small", None)
    # A type of another cloud does not move the report there.
    assert clouds.read("c5.xlarge", "gce") == Cloud("gce", "c5.xlarge", None)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Amazon EC2", "aws"),
        ("GCP", "gce"),
        ("Microsoft  Azure", "azure"),
        ("Rackspace", "rackspace"),
        ("Basement", "basement"),
        (" ", None),
        (None, None),
    ],
)
def test_providers(name: str | None, expected: str | None) -> None:
    assert clouds.provider(name) == expected


def test_the_firmware_of_ec2_names_the_instance_type() -> None:
    signals = {"dmi_sys_vendor": "Amazon EC2", "dmi_product_name": "c5.xlarge"}
    found = clouds.of({"virtualization": {"signals": signals}})
    assert found == Cloud("aws", "c5.xlarge", "c5")


@pytest.mark.parametrize(
    ("signals", "provider"),
    [
        ({"dmi_sys_vendor": "Xen", "dmi_bios_version": "4.11.amazon"}, "aws"),
        ({"dmi_sys_vendor": "Google", "dmi_product_name": "Google Compute Engine"}, "gce"),
        ({"dmi_sys_vendor": "DigitalOcean"}, "digitalocean"),
        ({"dmi_sys_vendor": "Microsoft Corporation", "dmi_product_name": "Virtual Machine"}, None),
        ({"dmi_sys_vendor": "Dell Inc."}, None),
    ],
)
def test_a_firmware_names_a_cloud_only_without_doubt(
    signals: dict[str, str], provider: str | None
) -> None:
    assert clouds.of({"virtualization": {"signals": signals}}) == Cloud(provider)


def test_what_the_sender_says_of_the_cloud_stays() -> None:
    signals = {"dmi_sys_vendor": "Amazon EC2", "dmi_product_name": "c5.xlarge"}
    cloud = {"provider": "GCP", "instance_type": "N2-standard-4"}
    found = clouds.of({"cloud": cloud, "virtualization": {"signals": signals}})
    assert found == Cloud("gce", "n2-standard-4", "n2")


def test_families_of_ec2_on_xen() -> None:
    assert [clouds.read(name).is_xen for name in ("c1.xlarge", "m5.large", "cx21", "x")] == [
        *(True, False, None, None)
    ]
