import os
import socket
import struct
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from crr_submit import collect, nic
from crr_submit.host import Host
from tests.client import trees
from tests.client.namespace import Namespace, needs_conntrack, needs_namespace

ROUTES = (
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
    "wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n"
    "eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
    "eth1\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
)
ROUTE_6 = " ".join(
    ["0" * 32, "00", "0" * 32, "00", "fe80" + "0" * 28, "400"] + ["0"] * 3 + ["eth6"]
)
CARD = {
    "/proc/net/route": ROUTES,
    "/proc/sys/net/core/rps_sock_flow_entries": "32768\n",
    "/sys/class/net/eth0/mtu": "9001\n",
    "/sys/class/net/eth0/queues/rx-0/rps_cpus": "00000000,00000000\n",
    "/sys/class/net/eth0/queues/rx-0/rps_flow_cnt": "0\n",
    "/sys/class/net/eth0/queues/rx-1/rps_cpus": "00000000,00000003\n",
    "/sys/class/net/eth0/queues/rx-1/rps_flow_cnt": "4096\n",
    "/sys/class/net/eth0/queues/tx-0/xps_cpus": "0\n",
    "/sys/class/net/eth0/device/msi_irqs/24": "msi\n",
    "/sys/class/net/eth0/device/msi_irqs/25": "msi\n",
    "/proc/irq/24/effective_affinity_list": "0\n",
    "/proc/irq/25/effective_affinity_list": "3\n",
}

QUEUES = """
import subprocess
from crr_submit import nic
for command in (
    "ip link add near numtxqueues 2 type veth peer name far",
    "tc qdisc add dev near root mq",
    "tc qdisc add dev far root pfifo",
):
    subprocess.run(command.split(), check=True)
print(*map(nic.qdisc, ("near", "far", "none")))
"""
RULES = """
import os, subprocess, sys
from crr_submit import collect
from crr_submit.host import Host

class Live(Host):
    is_live = True

print(collect.firewall_rules(Live(sys.argv[1])))
rules = "add table ip t; add chain ip t c; add rule ip t c accept; add rule ip t c drop"
subprocess.run(["nft", rules], check=True)
print(collect.firewall_rules(Live(sys.argv[1])))
os.setuid(65534)
print(collect.firewall_rules(Live(sys.argv[1])))
"""


class NicTest(unittest.TestCase):
    def host(self, files):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return Host(trees.lay_out(folder.name, files))

    def test_card_of_the_default_route_with_the_lowest_metric(self):
        host = self.host(CARD)
        os.symlink("../../bus/pci/drivers/ena", str(host.path("/sys/class/net/eth0/device/driver")))
        wanted = {"driver": "ena", "queues": 2, "mtu_bytes": 9001, "offloads": {}}
        self.assertEqual(nic.describe(host, nic.default_interface(host)), wanted)

    def test_how_its_load_is_spread(self):
        wanted = {"rps.nic": "on", "rfs.nic": "on", "xps.nic": "off"}
        wanted["irq_spread"] = "2 interrupts on 2 CPUs"
        self.assertEqual(nic.spread(self.host(CARD), "eth0"), wanted)

    def test_ipv6_alone(self):
        host = self.host(
            {"/proc/net/route": ROUTES.split("\n")[0], "/proc/net/ipv6_route": ROUTE_6}
        )
        self.assertEqual(nic.default_interface(host), "eth6")

    def test_host_without_a_route_has_no_card(self):
        host = self.host({})
        self.assertIsNone(nic.default_interface(host))
        self.assertIsNone(nic.describe(host, None))
        self.assertEqual(nic.spread(host, None), {})

    @unittest.skipUnless(Path("/sys/class/net/lo").exists(), "needs Linux")
    def test_the_card_on_the_way_to_an_address(self):
        self.assertEqual(nic.towards("127.0.0.1"), "lo")
        self.assertIsNone(nic.towards("no.such.host.invalid"))

    def test_a_name_that_is_no_name(self):
        for name in ("../../etc", "..", "a" * 16, "a/b"):
            host = self.host({"/proc/net/route": ROUTES.replace("eth0", name)})
            self.assertIsNone(nic.default_interface(host), name)

    @unittest.skipUnless(Path("/sys/class/net/lo").exists(), "needs Linux")
    def test_offloads_of_loopback_by_the_real_ioctl(self):
        found = nic.offloads("lo")
        self.assertIs(found["scatter-gather"], True)
        self.assertEqual(nic.offloads("no-such-card"), {})

    @needs_namespace
    def test_the_queueing_discipline_and_that_of_queues(self):
        usual = Path("/proc/sys/net/core/default_qdisc").read_text().strip()
        with Namespace() as namespace:
            printed = namespace.run("/", "-c", QUEUES)
        self.assertEqual(printed, (0, "mq/%s pfifo None\n" % usual, ""))

    @unittest.skipUnless(Path("/sys/class/net/lo").exists(), "needs Linux")
    def test_what_hangs_on_a_card_beside_its_queues_is_no_discipline(self):
        rows = [
            struct.pack("iiIIIHH", 0, socket.if_nametoindex("lo"), 0, parent, 0, 4 + len(kind), 1)
            + kind
            for parent, kind in ((0xFFFFFFFF, b"fq\0"), (0xFFFFFFF1, b"clsact\0"))
        ]
        with mock.patch.object(nic, "netlink", return_value=rows):
            self.assertEqual(nic.qdisc("lo"), "fq")


class SettingsTest(NicTest):
    def test_kernel_parameters_are_an_allow_list(self):
        line = "BOOT_IMAGE=/vmlinuz root=UUID=secret mitigations=off nopti user=jo threadirqs\n"
        found = collect.kernel_parameters(self.host({"/proc/cmdline": line}))
        wanted = {"boot.mitigations": "off", "boot.nopti": "on", "boot.threadirqs": "on"}
        self.assertEqual(found, wanted)

    def test_no_firewall_and_one_that_cannot_be_counted(self):
        files = {"/proc/modules": "ext4 1 0\n", "/proc/sys/net/core/somaxconn": "128\n"}
        self.assertIsNone(collect.firewall_rules(self.host(files)))  # it may be built in
        files["/proc/sys/kernel/osrelease"] = "6.1.0\n"
        built_in = "/lib/modules/6.1.0/modules.builtin"
        files[built_in] = "kernel/fs/ext4/ext4.ko\n"
        self.assertEqual(collect.firewall_rules(self.host(files)), 0)
        files[built_in] += "kernel/net/netfilter/nf_tables.ko\n"
        self.assertIsNone(collect.firewall_rules(self.host(files)))
        files["/proc/modules"] = "nf_tables 3 12 - Live\n"
        self.assertIsNone(collect.firewall_rules(self.host(files)))
        self.assertIsNone(collect.firewall_rules(self.host({})))

    @needs_conntrack
    @needs_namespace
    def test_rules_of_nftables_are_counted_by_root(self):
        files = {"/proc/modules": "nf_tables 3 12 - Live\n", "/proc/sys/net/core/somaxconn": "1\n"}
        root = self.host(files).root
        os.chmod(root, 0o755)
        with Namespace() as namespace:
            self.assertEqual(namespace.run("/", "-c", RULES, root), (0, "0\n2\nNone\n", ""))

    def test_connections_in_time_wait(self):
        text = "sockets: used 180\nTCP: inuse 7 orphan 0 tw 1234 alloc 9 mem 2\nUDP: inuse 3\n"
        self.assertEqual(collect.time_wait(self.host({"/proc/net/sockstat": text})), 1234)
        self.assertIsNone(collect.time_wait(self.host({"/proc/net/sockstat": "TCP: tw\n"})))


if __name__ == "__main__":
    unittest.main()
