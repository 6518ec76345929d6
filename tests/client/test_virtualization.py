import json
import tempfile
import unittest

from crr_submit import virtualization
from crr_submit.host import Host
from tests.client import trees


def described(files):
    with tempfile.TemporaryDirectory() as folder:
        return virtualization.describe(Host(trees.lay_out(folder, files)))


class PlatformTest(unittest.TestCase):
    def assert_platform(self, files, kind, mode=None, role="guest", container=None):
        found = described(files)
        seen = {name: found[name] for name in ("type", "mode", "role", "container")}
        self.assertEqual(
            seen, {"type": kind, "mode": mode, "role": role, "container": container}, found
        )

    def test_kvm_by_its_clock_where_there_is_no_firmware(self):
        self.assert_platform(trees.KVM_FIRECRACKER, "kvm")

    def test_qemu_is_kvm_only_with_the_paravirtual_clock(self):
        self.assert_platform(trees.KVM_QEMU, "kvm")
        self.assert_platform(trees.QEMU_WITHOUT_KVM, "qemu")

    def test_xen_modes(self):
        self.assert_platform(trees.XEN_PV, "xen", "pv")
        self.assert_platform(trees.XEN_PVHVM, "xen", "pvhvm")
        self.assert_platform(trees.XEN_PVH, "xen", "pvh")

    def test_dom0_is_a_host_although_it_runs_on_xen(self):
        self.assert_platform(trees.XEN_DOM0, "xen", "dom0", role="host")

    def test_xen_version_is_put_together(self):
        self.assertEqual(described(trees.XEN_PV)["version"], "4.1.0")

    def test_hyper_v_and_not_every_microsoft_machine(self):
        self.assert_platform(trees.HYPERV, "microsoft")
        self.assert_platform(trees.SURFACE_LAPTOP, "none", role=None)

    def test_vmware(self):
        self.assert_platform(trees.VMWARE, "vmware")

    def test_amazon_metal_is_no_guest(self):
        self.assert_platform(trees.AMAZON_NITRO, "amazon")
        self.assert_platform(trees.AMAZON_METAL, "none", role=None)

    def test_bare_metal(self):
        self.assert_platform(trees.BARE_METAL, "none", role=None)
        self.assert_platform(trees.ARM_SERVER, "none", role=None)

    def test_arm_guest_by_device_tree(self):
        self.assert_platform(trees.ARM_KVM, "kvm")

    def test_containers_are_told_apart_from_hypervisors(self):
        self.assert_platform(trees.DOCKER_ON_METAL, "none", role=None, container="docker")
        self.assert_platform(trees.LXC, "none", role=None, container="lxc")
        self.assert_platform(trees.WSL, "microsoft", container="wsl")
        self.assert_platform(trees.GVISOR, "none", role=None, container="gvisor")

    def test_nothing_known_is_null(self):
        self.assert_platform({}, None, role=None)


class SignalsTest(unittest.TestCase):
    def test_signals_are_kept_as_they_are(self):
        signals = described(trees.XEN_PVHVM)["signals"]
        self.assertEqual(signals["dmi_product_name"], "HVM domU")
        self.assertEqual(signals["sys_hypervisor_guest_type"], "HVM")
        self.assertIs(signals["cpuinfo_hypervisor_flag"], True)

    def test_signs_of_ibm_s_hypervisors(self):
        self.assertIs(described(trees.POWERVM)["signals"]["device_tree_hmc_managed"], True)
        signals = described(trees.ZVM)["signals"]
        self.assertEqual(signals["sysinfo_control_program"], "z/VM 7.3.0")
        self.assertNotIn("SECRET", json.dumps(signals))

    def test_a_missing_signal_is_left_out(self):
        self.assertNotIn("dmi_sys_vendor", described(trees.KVM_FIRECRACKER)["signals"])

    def test_no_serial_no_uuid_no_build_host_no_other_variable(self):
        for files in (trees.KVM_QEMU, trees.BARE_METAL, trees.WSL, trees.LXC):
            text = json.dumps(described(files)).lower()
            self.assertNotIn("secret", text)
            self.assertNotIn("deadbeef", text)


if __name__ == "__main__":
    unittest.main()
