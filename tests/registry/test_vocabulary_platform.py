"""What a host runs on, from all its signals: the traps that detectors are known to fall into, each
with the signals it has in the field.
"""

from typing import Any

import pytest

from registry.vocabulary import platform
from registry.vocabulary.clouds import Cloud
from registry.vocabulary.platform import Platform

QEMU = {"dmi_sys_vendor": "QEMU", "dmi_product_name": "Standard PC (Q35 + ICH9, 2009)"}
XEN_FIRMWARE = {"dmi_sys_vendor": "Xen", "dmi_product_name": "HVM domU", "dmi_bios_vendor": "Xen"}
AZURE = {"dmi_sys_vendor": "Microsoft Corporation", "dmi_product_name": "Virtual Machine"}
DELL = {"dmi_sys_vendor": "Dell Inc.", "dmi_product_name": "PowerEdge R640"}
EC2 = {"dmi_sys_vendor": "Amazon EC2", "dmi_bios_vendor": "Amazon EC2"}
GOOGLE = {"dmi_sys_vendor": "Google", "dmi_product_name": "Google Compute Engine"}
FLAG = {"cpuinfo_hypervisor_flag": True}
NO_FLAG = {"cpuinfo_hypervisor_flag": False}
KVM_CLOCK = {"clocksource_available": "kvm-clock tsc acpi_pm"}
HYPERV_CLOCK = {"clocksource_available": "hyperv_clocksource_tsc_page acpi_pm"}
XEN_SYSFS = {"sys_hypervisor_type": "xen"}


def decided(signals: dict[str, Any], said: str | None = None, **environment: Any) -> Platform:
    virtual = {"type": said, "signals": signals}
    return platform.decide({"virtualization": virtual, **environment})


def kernel(release: str, architecture: str = "x86_64") -> dict[str, Any]:
    return {"release": release, "architecture": architecture}


@pytest.mark.parametrize(
    ("signals", "mode"),
    [
        # Kernels since 4.13 say so themselves.
        (XEN_SYSFS | {"sys_hypervisor_guest_type": "PV"}, "pv"),
        (XEN_SYSFS | {"sys_hypervisor_guest_type": "PVH"}, "pvh"),
        (XEN_SYSFS | XEN_FIRMWARE | {"sys_hypervisor_guest_type": "HVM"}, "pvhvm"),
        # Older ones do not. A translated domain has feature bit 2, and PV has no firmware.
        (XEN_SYSFS | NO_FLAG | {"sys_hypervisor_features": "000003f0"}, "pv"),
        (XEN_SYSFS | XEN_FIRMWARE | FLAG | {"sys_hypervisor_features": "00002705"}, "pvhvm"),
        (XEN_SYSFS | FLAG | {"sys_hypervisor_features": "00002305"}, "pvh"),
        (XEN_SYSFS | NO_FLAG, "pv"),
        ({"proc_xen": True} | NO_FLAG, "pv"),
        # A kernel that knows nothing of Xen has no /sys/hypervisor: fully virtualised.
        (XEN_FIRMWARE | FLAG, "hvm"),
        (XEN_FIRMWARE | FLAG | {"clocksource_available": "xen tsc"}, "pvhvm"),
        # /sys/bus/xen is in every kernel built for Xen, wherever it runs.
        (XEN_FIRMWARE | FLAG | {"sys_bus_xen": True}, "hvm"),
    ],
)
def test_modes_of_xen(signals: dict[str, Any], mode: str) -> None:
    found = decided(signals)
    assert (found.type, found.mode, found.role) == ("xen", mode, "guest")


@pytest.mark.parametrize(
    "sign",
    [
        {"proc_xen_capabilities": "control_d"},
        {"sys_hypervisor_features": "00002f00"},
        # systemd#22511 calls dom0 a guest, systemd#28113 another hypervisor.
        {"proc_xen_capabilities": "control_d", "detect_virt_vm": "xen"},
        {"proc_xen_capabilities": "control_d", "detect_virt_vm": "vm-other"} | FLAG,
        {"proc_xen_capabilities": "control_d", "detect_virt_vm": "none"} | NO_FLAG,
    ],
)
def test_dom0_is_a_host(sign: dict[str, Any]) -> None:
    found = decided(XEN_SYSFS | DELL | sign, said="none")
    assert (found.type, found.mode, found.role) == ("xen", "dom0", "host")
    assert "bare metal was sent, read as Xen" in found.warnings[0]
    assert "(rule xen-dom0)" in found.warnings[0]


def test_a_guest_that_is_not_dom0_says_so() -> None:
    found = decided(XEN_SYSFS | {"proc_xen_capabilities": "", "sys_hypervisor_features": "2705"})
    assert found.role == "guest"


def test_dom0_inside_another_hypervisor_is_told() -> None:
    vmware = {"dmi_sys_vendor": "VMware, Inc.", "proc_xen_capabilities": "control_d"}
    found = decided(XEN_SYSFS | vmware)
    assert (found.type, found.mode) == ("xen", "dom0")
    assert "Xen runs inside VMware" in found.warnings[0]


TRAPS: list[tuple[dict[str, Any], str]] = [
    # systemd#8844: XenServer shows Windows guests, and others, the CPU of Hyper-V.
    (XEN_SYSFS | XEN_FIRMWARE | FLAG | {"detect_virt_vm": "microsoft"}, "xen"),
    (XEN_FIRMWARE | FLAG | HYPERV_CLOCK | {"detect_virt_vm": "microsoft"}, "xen"),
    # systemd#7165: the CPU tells nothing of Xen PV.
    ({"proc_xen": True, "detect_virt_vm": "vm-other"} | FLAG, "xen"),
    # systemd PR 20971: Xen PV inside VMware shows VMware's CPU.
    ({"proc_xen": True, "detect_virt_vm": "vmware"} | FLAG, "xen"),
    # systemd#17894, #28001: QEMU over KVM with Hyper-V's enlightenments.
    (QEMU | FLAG | HYPERV_CLOCK | {"detect_virt_vm": "microsoft"}, "kvm"),
    (QEMU | FLAG | {"detect_virt_vm": "microsoft"}, "kvm"),
    ({"dmi_sys_vendor": "Nutanix", "dmi_product_name": "AHV"} | FLAG | HYPERV_CLOCK, "kvm"),
    (DELL | FLAG | KVM_CLOCK | {"detect_virt_vm": "microsoft"}, "kvm"),
    # facter PR 1700: on Nitro's kernels there is /sys/bus/xen.
    (EC2 | {"dmi_product_name": "c5.xlarge", "sys_bus_xen": True} | FLAG | KVM_CLOCK, "amazon"),
    # systemd#18929: EC2 on ARM, where no CPU flag and no clock of KVM tells.
    (EC2 | {"dmi_product_name": "m6g.large", "detect_virt_vm": "none"}, "amazon"),
    (EC2 | {"dmi_product_name": "c5.metal"} | NO_FLAG, "none"),
    (EC2 | {"dmi_product_name": "m7g.metal", "detect_virt_vm": "amazon"}, "none"),
    (EC2 | {"dmi_product_name": "c7i.metal-24xl", "detect_virt_vm": "amazon"}, "none"),
    # The same word elsewhere is no metal.
    (QEMU | {"dmi_product_name": "vm.metal"} | FLAG | KVM_CLOCK, "kvm"),
    (XEN_FIRMWARE | {"dmi_bios_version": "4.11.amazon"} | FLAG | XEN_SYSFS, "xen"),
    # systemd#38125: Google's metal has Google's firmware.
    (GOOGLE | FLAG | KVM_CLOCK | {"detect_virt_vm": "kvm"}, "google"),
    (GOOGLE | NO_FLAG | {"detect_virt_vm": "google"}, "none"),
    # VirtualBox offers KVM's clock, systemd#21100: Oracle makes hardware too.
    ({"dmi_sys_vendor": "innotek GmbH", "dmi_product_name": "VirtualBox"} | KVM_CLOCK, "oracle"),
    ({"dmi_sys_vendor": "Oracle Corporation", "detect_virt_vm": "oracle"} | NO_FLAG, "none"),
    # systemd#21468, #21816: Microsoft makes hardware too.
    (AZURE | FLAG | HYPERV_CLOCK | {"dmi_product_version": "7.0"}, "microsoft"),
    (AZURE | {"sys_bus_vmbus": True}, "microsoft"),
    (
        {
            "dmi_sys_vendor": "Microsoft Corporation",
            "dmi_product_name": "Surface Laptop 3",
            "detect_virt_vm": "microsoft",
        }
        | NO_FLAG,
        "none",
    ),
    # Firecracker has no firmware at all.
    (FLAG | KVM_CLOCK, "kvm"),
    # QEMU with and without KVM; on ARM the product tells.
    (QEMU | FLAG | {"clocksource_available": "tsc hpet acpi_pm"}, "qemu"),
    (QEMU | FLAG | {"detect_virt_vm": "kvm", "clocksource_available": "tsc"}, "kvm"),
    (
        {
            "dmi_sys_vendor": "QEMU",
            "dmi_product_name": "KVM Virtual Machine",
            "detect_virt_vm": "qemu",
        },
        "kvm",
    ),
    # systemd#23116: OpenStack on ARM.
    ({"dmi_product_name": "OpenStack Nova", "detect_virt_vm": "none"}, "kvm"),
    ({"dmi_sys_vendor": "VMware, Inc.", "dmi_product_name": "VMware7,1"} | FLAG, "vmware"),
    ({"dmi_sys_vendor": "Parallels International GmbH."} | FLAG | KVM_CLOCK, "parallels"),
    (
        {
            "dmi_sys_vendor": "Apple Inc.",
            "dmi_product_name": "Apple Virtualization Generic Platform",
        },
        "apple",
    ),
    ({"dmi_sys_vendor": "FreeBSD", "dmi_product_name": "BHYVE"} | FLAG, "bhyve"),
    ({"detect_virt_vm": "acrn"} | FLAG, "acrn"),
    ({"device_tree_hypervisor": "linux,kvm"}, "kvm"),
    ({"device_tree_hypervisor": "xen,xen-4.17\0xen,xen"}, "xen"),
    ({"device_tree_hmc_managed": True}, "powervm"),
    ({"detect_virt_vm": "powervm"}, "powervm"),
    ({"sysinfo_control_program": "z/VM    7.3.0"}, "zvm"),
    ({"sysinfo_control_program": "KVM/Linux"}, "kvm"),
    ({"clocksource_available": "xen"} | NO_FLAG, "xen"),
    (FLAG | {"detect_virt_vm": "none"}, "vm-other"),
    (DELL | NO_FLAG, "none"),
    ({"dmi_sys_vendor": "Ampere(R)"}, "none"),
    ({"dmi_sys_vendor": "ACRN"}, "acrn"),
    (QEMU | FLAG | HYPERV_CLOCK, "kvm"),
    ({"dmi_sys_vendor": "Hetzner", "dmi_product_name": "vServer"} | FLAG, "kvm"),
    (FLAG | HYPERV_CLOCK, "microsoft"),
    ({"device_tree_hypervisor": "vmware"}, "vmware"),
    (KVM_CLOCK | {"detect_virt_vm": "google"}, "google"),
    (QEMU, "qemu"),
    (FLAG, "vm-other"),
    # Clouds on ARM, where no flag tells, and their metal on x86.
    ({"dmi_sys_vendor": "Hetzner", "dmi_product_name": "vServer", "detect_virt_vm": "none"}, "kvm"),
    ({"dmi_sys_vendor": "Alibaba Cloud"} | NO_FLAG, "none"),
    # Nutanix makes hardware too.
    ({"dmi_sys_vendor": "Nutanix", "dmi_product_name": "NX-3060-G5"} | NO_FLAG, "none"),
    ({"dmi_sys_vendor": "Nutanix", "dmi_product_name": "AHV"} | FLAG, "kvm"),
    # OpenStack without KVM below.
    ({"dmi_product_name": "OpenStack Nova", "detect_virt_vm": "qemu"} | FLAG, "qemu"),
]


@pytest.mark.parametrize(("signals", "kind"), TRAPS)
def test_known_traps(signals: dict[str, Any], kind: str) -> None:
    assert decided(signals).type == kind


@pytest.mark.parametrize("sign", [HYPERV_CLOCK, {"detect_virt_vm": "microsoft"}])
def test_the_root_partition_of_hyper_v_is_a_host(sign: dict[str, Any]) -> None:
    found = decided(DELL | FLAG | sign)
    assert (found.type, found.mode, found.role) == ("microsoft", "root", "host")
    guest = decided(DELL | FLAG | sign | {"sys_bus_vmbus": True})
    assert (guest.type, guest.mode, guest.role) == ("microsoft", None, "guest")


def test_user_mode_linux_is_seen_by_its_cpu() -> None:
    assert decided({}, cpu={"vendor": "User Mode Linux"}).type == "uml"


@pytest.mark.parametrize(
    ("release", "signals", "kind", "container"),
    [
        ("5.15.90.1-microsoft-standard-WSL2", FLAG, "microsoft", "wsl"),
        ("4.4.0-19041-Microsoft", FLAG, None, "wsl"),
        ("6.6.1-custom", FLAG | {"kernel_hint": "wsl"}, "microsoft", "wsl"),
        ("5.15.90.1-microsoft-standard-WSL2", FLAG | {"dockerenv": True}, "microsoft", "docker"),
        ("5.15.0-1041-azure", AZURE | FLAG, "microsoft", None),
    ],
)
def test_wsl(
    release: str, signals: dict[str, Any], kind: str | None, container: str | None
) -> None:
    found = decided(signals, kernel=kernel(release))
    assert (found.type, found.container) == (kind, container)


@pytest.mark.parametrize(
    ("signals", "container"),
    [
        ({"kernel_hint": "gvisor", "dockerenv": True}, "gvisor"),
        ({"container_env": "lxc"}, "lxc"),
        ({"containerenv": True}, "podman"),
        ({"dockerenv": True}, "docker"),
        ({"detect_virt_container": "systemd-nspawn"}, "systemd-nspawn"),
        ({"detect_virt_container": "none"}, None),
    ],
)
def test_a_container_in_a_guest_keeps_both(signals: dict[str, Any], container: str | None) -> None:
    found = decided(signals | QEMU | FLAG | KVM_CLOCK)
    assert (found.type, found.container) == ("kvm", container)


@pytest.mark.parametrize(
    "release", ["2.6.18-164.2.1.el5xen", "2.6.18-6-xen-amd64", "2.6.16.33-xenU"]
)
def test_old_kernels_with_xen_in_their_name_boot_on_xen_only(release: str) -> None:
    assert decided({"clocksource_available": "jiffies"}, kernel=kernel(release)).type == "xen"


def test_later_kernels_with_xen_in_their_name_boot_on_anything() -> None:
    found = decided(NO_FLAG | DELL, kernel=kernel("2.6.32-5-xen-amd64"))
    assert found.type == "none"


def test_xen_on_arm_has_one_kind_of_guest() -> None:
    signals = XEN_SYSFS | {"sys_hypervisor_guest_type": "HVM"}
    assert decided(signals, kernel=kernel("6.1.0-18-arm64", "aarch64")).mode is None


def test_without_signals_the_sender_s_word_stays() -> None:
    given: dict[str, Any] = {"type": "Hyper-V", "mode": None, "signals": {}}
    found = platform.decide({"virtualization": given, "clocksource": "kvm-clock"})
    assert (found.type, found.rule, found.warnings) == ("microsoft", None, ())
    given = {"type": "XEN", "mode": "PV on HVM", "version": "4.1.0"}
    found = platform.decide({"virtualization": given})
    assert (found.type, found.mode, found.version) == ("xen", "pvhvm", "4.1.0")
    nothing = platform.decide({})
    assert nothing == Platform(None, None, None, None, None, None, Cloud(), ())


@pytest.mark.parametrize(
    ("signals", "said"),
    [
        (FLAG | KVM_CLOCK, "firecracker"),
        (QEMU, "kvm"),
        (QEMU, "qemu"),
        (FLAG, "sre"),
    ],
)
def test_a_more_particular_name_that_no_signal_speaks_against_stays(
    signals: dict[str, Any], said: str
) -> None:
    found = decided(signals, said)
    assert (found.type, found.warnings) == (said, ())


def test_signals_go_before_the_sender_s_word_and_the_reading_says_so() -> None:
    virtual = {"type": "microsoft", "mode": "root", "version": "10.0", "signals": QEMU | KVM_CLOCK}
    found = platform.decide({"virtualization": virtual})
    assert (found.type, found.mode, found.version, found.rule) == ("kvm", None, None, "kvm-clock")
    assert found.warnings == (
        "environment.virtualization.type: Hyper-V was sent, read as KVM:"
        " the kernel found KVM's paravirtual clock (rule kvm-clock)",
    )
    unheard = decided(QEMU | KVM_CLOCK, "<script>")
    assert "another name was sent" in unheard.warnings[0]


def test_a_mode_that_the_signals_deny_is_told() -> None:
    virtual = {"type": "xen", "mode": "pvhvm", "signals": XEN_FIRMWARE | FLAG}
    found = platform.decide({"virtualization": virtual})
    assert (found.mode, len(found.warnings)) == ("hvm", 1)


@pytest.mark.parametrize("value", ["", "\0", "|xen|" * 200, 7, 1.5, True, False])
def test_no_signal_upsets_the_rules(value: Any) -> None:
    names = {name for rule in platform.RULES for name in rule.when}
    signals = dict.fromkeys([*names, "sys_hypervisor_features", "clocksource_available"], value)
    assert isinstance(decided(signals, "kvm"), Platform)


def test_every_rule_has_an_example() -> None:
    """The traps above, and what they do not reach."""
    google_metal = {"instance_type": "c3-highcpu-192-metal"}
    more = [
        decided({}, cpu={"vendor": "User Mode Linux"}),
        decided(FLAG, kernel=kernel("5.15.90.1-microsoft-standard-WSL2")),
        decided(FLAG, kernel=kernel("4.4.0-19041-Microsoft")),
        decided(FLAG | {"kernel_hint": "wsl"}),
        decided(XEN_SYSFS | {"proc_xen_capabilities": "control_d"}),
        decided(GOOGLE, cloud=google_metal),
        decided(EC2 | {"dmi_product_name": "c5.9xlarge"} | NO_FLAG),
        decided(QEMU | FLAG, cpu={"model": "QEMU TCG CPU version 2.5+"}),
        decided(DELL | FLAG | HYPERV_CLOCK),
        decided(DELL | FLAG | {"detect_virt_vm": "microsoft"}),
        decided({"sys_bus_vmbus": True}),
        decided({}, kernel=kernel("2.6.18-164.2.1.el5xen")),
        decided({}, "EC2 c1.xlarge"),
        decided({}, "EC2 c5.xlarge"),
        decided({}, "EC2 c5.metal"),
    ]
    reached = {found.rule for found in (*more, *(decided(signals) for signals, _ in TRAPS))}
    assert {rule.id for rule in platform.RULES} - reached == set()


def test_every_rule_can_be_the_first_to_match() -> None:
    """A rule that an earlier one always goes before would be dead."""
    ids = [rule.id for rule in platform.RULES]
    assert len(set(ids)) == len(ids)
    for number, rule in enumerate(platform.RULES):
        for earlier in platform.RULES[:number]:
            assert not _covers(earlier, rule), f"{earlier.id} always goes before {rule.id}"


def _covers(earlier: platform.Rule, later: platform.Rule) -> bool:
    return all(
        name in later.when and _is_within(later.when[name], wanted)
        for name, wanted in earlier.when.items()
    )


def _is_within(narrow: Any, wide: Any) -> bool:
    if isinstance(narrow, list) and isinstance(wide, list):
        return all(any(word in own for word in wide) for own in narrow)
    return (isinstance(narrow, list) and wide is True) or narrow is wide
