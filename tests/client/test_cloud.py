"""Clouds by cloud-init's file and by a metadata service that speaks each cloud's own protocol."""

import json
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, HTTPServer
from unittest import mock

from crr_submit import cloud
from crr_submit.host import Host
from tests.client import trees

DMI = "/sys/class/dmi/id/"
AZURE_TAG = "7783-7084-3265-9085-8269-3286-77"
INSTANCE_DATA = {
    "v1": {"cloud_name": "aws", "region": "eu-west-1", "instance_id": "i-0123456789abcdef0"},
    "ds": {"meta_data": {"instance-type": "c5.xlarge", "ami-id": "ami-1", "hostname": "ip-10-0"}},
}


class Metadata(BaseHTTPRequestHandler):
    """AWS with IMDSv2 only, Google, Azure and Oracle at once: each by its own path and header."""

    asked = []
    TEXTS = {
        "/latest/meta-data/instance-type": "c5.xlarge",
        "/latest/meta-data/placement/region": "eu-west-1",
        "/latest/meta-data/ami-id": "ami-1",
        "/computeMetadata/v1/instance/machine-type": "projects/12/machineTypes/e2-medium",
        "/computeMetadata/v1/instance/zone": "projects/12/zones/europe-west1-b",
        "/computeMetadata/v1/instance/image": "projects/debian-cloud/global/images/debian-12",
        "/metadata/v1/region": "fra1",
    }
    OBJECTS = {
        "/metadata/instance/compute?api-version=2021-02-01": {
            "vmSize": "Standard_D2s_v3",
            "location": "westeurope",
            "storageProfile": {},
            "publisher": "debian",
            "offer": "debian-12",
            "sku": "12",
        },
        "/opc/v2/instance/": {"shape": "VM.Standard3.Flex", "region": "fra", "id": "ocid1.secret"},
    }

    def do_PUT(self):
        is_good = self.headers["X-aws-ec2-metadata-token-ttl-seconds"] == "60"
        self.answer("TOKEN" if is_good and self.path == "/latest/api/token" else None)

    def do_GET(self):
        self.asked.append(self.path)
        if self.path in self.OBJECTS:
            wanted = {"Metadata": "true"} if "metadata" in self.path else {}
            wanted = wanted or {"Authorization": "Bearer Oracle"}
            is_good = all(self.headers[name] == value for name, value in wanted.items())
            self.answer(json.dumps(self.OBJECTS[self.path]) if is_good else None)
        elif self.path.startswith("/latest/"):
            with_token = self.headers["X-aws-ec2-metadata-token"] == "TOKEN"
            self.answer(self.TEXTS.get(self.path) if with_token else None)
        elif self.path.startswith("/computeMetadata/"):
            is_good = self.headers["Metadata-Flavor"] == "Google"
            self.answer(self.TEXTS.get(self.path) if is_good else None)
        else:
            self.answer(self.TEXTS.get(self.path))

    def answer(self, text):
        self.send_response(404 if text is None else 200)
        self.send_header("Content-Length", str(len(text or "")))
        self.end_headers()
        self.wfile.write((text or "").encode())

    def log_message(self, *args):
        pass


class CloudTest(unittest.TestCase):
    def setUp(self):
        Metadata.asked = []
        self.server = HTTPServer(("127.0.0.1", 0), Metadata)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        address = "127.0.0.1:%d" % self.server.server_port
        patch = mock.patch.multiple(cloud, ADDRESS=address, ALIBABA_ADDRESS=address)
        patch.start()
        self.addCleanup(patch.stop)

    def describe(self, files):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return cloud.describe(Host(trees.lay_out(folder.name, files)))

    def assert_found(self, files, provider, instance_type, region, image):
        wanted = {"provider": provider, "instance_type": instance_type}
        self.assertEqual(self.describe(files), {**wanted, "region": region, "image": image})

    def test_no_cloud_asks_nobody(self):
        self.assertIsNone(self.describe(trees.BARE_METAL))
        self.assertIsNone(self.describe(trees.KVM_QEMU))
        self.assertEqual(Metadata.asked, [])

    def test_aws_with_a_token(self):
        found = ("aws", "c5.xlarge", "eu-west-1", "ami-1")
        self.assert_found(trees.AMAZON_NITRO, *found)
        self.assert_found({"/sys/hypervisor/uuid": "ec2f1b2c-0000\n"}, *found)

    def test_google_without_the_project(self):
        files = {DMI + "sys_vendor": "Google\n"}
        self.assert_found(files, "gce", "e2-medium", "europe-west1", "debian-12")

    def test_azure_by_its_asset_tag(self):
        files = {DMI + "sys_vendor": "Microsoft Corporation", DMI + "chassis_asset_tag": AZURE_TAG}
        self.assert_found(files, "azure", "Standard_D2s_v3", "westeurope", "debian:debian-12:12")

    def test_oracle(self):
        files = {DMI + "chassis_asset_tag": "OracleCloud.com\n"}
        self.assert_found(files, "oci", "VM.Standard3.Flex", "fra", None)

    def test_digitalocean_tells_its_region_only(self):
        self.assert_found({DMI + "sys_vendor": "DigitalOcean"}, "digitalocean", None, "fra1", None)

    def test_cloud_init_first(self):
        files = {**trees.AMAZON_NITRO, cloud.CLOUD_INIT: json.dumps(INSTANCE_DATA)}
        self.assert_found(files, "aws", "c5.xlarge", "eu-west-1", "ami-1")
        self.assertEqual(Metadata.asked, [])

    def test_cloud_init_of_another_shape(self):
        for text in ("", "null", "[]", "{", '{"v1": {}}', '{"v1": {"cloud_name": "none"}}'):
            self.assertIsNone(self.describe({cloud.CLOUD_INIT: text}), text)
        odd = {"v1": {"cloud_name": "openstack", "region": 7}, "ds": "secret"}
        self.assert_found({cloud.CLOUD_INIT: json.dumps(odd)}, "openstack", None, None, None)

    def test_service_that_is_not_there(self):
        self.server.shutdown()
        self.server.server_close()
        self.assert_found(trees.AMAZON_NITRO, "aws", None, None, None)


if __name__ == "__main__":
    unittest.main()
