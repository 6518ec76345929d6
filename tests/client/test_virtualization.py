import json
import tempfile
import unittest

from crr_submit import virtualization
from tests.client import trees


def described(files):
    with tempfile.TemporaryDirectory() as folder:
        return virtualization.describe(trees.Captured(folder, files))


class PlatformTest(unittest.TestCase):
    def test_every_platform_is_told(self):
        for name, (files, wanted) in trees.PLATFORMS.items():
            with self.subTest(name):
                found = described(files)
                told = tuple(found[key] for key in ("type", "mode", "role", "container"))
                self.assertEqual(told, wanted, found["signals"])

    def test_every_rule_is_the_first_to_hold_somewhere(self):
        reached = set()
        for files, _ in trees.PLATFORMS.values():
            with tempfile.TemporaryDirectory() as folder:
                host = trees.Captured(folder, files)
                seen, cpu = virtualization.signals(host), virtualization.cpu_names(host)
            known = virtualization.evidence(seen, cpu)
            held = [virtualization.holds(when, known) for _, when in virtualization.RULES]
            reached.update([held.index(True)] if any(held) else [])
        left = [rule for n, rule in enumerate(virtualization.RULES) if n not in reached]
        self.assertEqual(left, [])

    def test_xen_version_is_put_together(self):
        self.assertEqual(described(trees.XEN_PV)["version"], "4.1.0")


class SignalsTest(unittest.TestCase):
    def test_signals_are_kept_as_they_are(self):
        signals = described(trees.XEN_PVHVM)["signals"]
        self.assertEqual(signals["dmi_product_name"], "HVM domU")
        self.assertEqual(signals["sys_hypervisor_guest_type"], "HVM")
        self.assertIs(signals["cpuinfo_hypervisor_flag"], True)

    def test_a_guest_that_can_have_guests_says_so(self):
        signals = described({**trees.X86_NESTING, "/dev/kvm": ""})["signals"]
        self.assertEqual((signals["cpuinfo_can_nest"], signals["dev_kvm"]), (True, True))

    def test_signs_of_ibm_s_hypervisors(self):
        self.assertIs(described(trees.POWERVM)["signals"]["device_tree_hmc_managed"], True)
        signals = described(trees.ZVM)["signals"]
        self.assertEqual(signals["sysinfo_control_program"], "z/VM 7.3.0")
        self.assertNotIn("SECRET", json.dumps(signals))

    def test_a_missing_signal_is_left_out(self):
        self.assertNotIn("dmi_sys_vendor", described(trees.KVM_FIRECRACKER)["signals"])

    def test_no_serial_no_uuid_no_build_host_no_other_variable(self):
        for files, _ in trees.PLATFORMS.values():
            text = json.dumps(described(files)).lower()
            self.assertNotIn("secret", text)
            self.assertNotIn("deadbeef", text)


if __name__ == "__main__":
    unittest.main()
