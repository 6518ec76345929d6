"""What the host runs on: every raw signal, and what they say by simple rules.

The signals are sent as they are, so that the registry can decide again when a rule turns out
wrong; names of hypervisors and containers are systemd-detect-virt's. Called by
`crr_submit.collect`.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Mapping, Optional, Tuple

from crr_submit.host import Host

# No serial numbers, no uuids, and not the asset tag, which some vendors use as one.
DMI_NAMES = (
    "sys_vendor",
    "product_name",
    "product_version",
    "bios_vendor",
    "bios_version",
    "board_vendor",
    "board_name",
    "chassis_vendor",
    "chassis_type",
    "chassis_version",
)
TEXT_SIGNALS = {
    "sys_hypervisor_type": "/sys/hypervisor/type",
    "sys_hypervisor_guest_type": "/sys/hypervisor/guest_type",
    "sys_hypervisor_features": "/sys/hypervisor/properties/features",
    "proc_xen_capabilities": "/proc/xen/capabilities",
    "clocksource_available": "/sys/devices/system/clocksource/clocksource0/available_clocksource",
    "device_tree_hypervisor": "/proc/device-tree/hypervisor/compatible",
}
PRESENCE_SIGNALS = {
    "proc_xen": "/proc/xen",
    "sys_bus_xen": "/sys/bus/xen",
    "sys_bus_vmbus": "/sys/bus/vmbus",
    "dev_kvm": "/dev/kvm",
    "dockerenv": "/.dockerenv",
    "containerenv": "/run/.containerenv",
    "device_tree_hmc_managed": "/proc/device-tree/hmc-managed?",
}
# (words in vendor, product or BIOS, name). First match wins, so the particular stand before the
# general.
_DMI_RULES: Tuple[Tuple[str, str], ...] = (
    ("vmware", "vmware"),
    ("virtualbox", "oracle"),
    ("innotek", "oracle"),
    ("amazon ec2", "amazon"),
    ("google compute engine", "google"),
    ("hvm domu", "xen"),
    ("xen", "xen"),
    ("parallels", "parallels"),
    ("bhyve", "bhyve"),
    ("bochs", "bochs"),
    ("apple virtualization", "apple"),
    ("kvm", "kvm"),
    ("openstack", "kvm"),
    ("digitalocean", "kvm"),
    ("qemu", "qemu"),
)
_CLOCK_RULES = (("kvm-clock", "kvm"), ("hyperv", "microsoft"), ("xen", "xen"))
# The date in the kernel version that gVisor pretends to have.
_GVISOR_VERSION = "#1 SMP Sun Jan 10 15:06:54 PST 2016"


def describe(host: Host) -> Dict[str, Any]:
    """Type, mode, version, role and container, with all signals."""
    seen = signals(host)
    kind = hypervisor(seen)
    return {
        "type": kind,
        "mode": xen_mode(seen) if kind == "xen" else None,
        "version": seen.get("sys_hypervisor_version"),
        "role": _role(kind, seen),
        "container": container(seen),
        "signals": seen,
    }


def signals(host: Host) -> Dict[str, Any]:
    """Every signal that can be read, as it is."""
    seen: Dict[str, Any] = {name: host.text(path) for name, path in TEXT_SIGNALS.items()}
    seen.update(("dmi_" + name, host.text("/sys/class/dmi/id/" + name)) for name in DMI_NAMES)
    seen.update((name, host.exists(path) or None) for name, path in PRESENCE_SIGNALS.items())
    seen.update(
        sys_hypervisor_version=_xen_version(host),
        cpuinfo_hypervisor_flag=_hypervisor_flag(host),
        kernel_hint=_kernel_hint(host),
        container_env=_container_variable(host),
        sysinfo_control_program=_control_program(host),
        detect_virt_vm=host.output("systemd-detect-virt", "--vm"),
        detect_virt_container=host.output("systemd-detect-virt", "--container"),
    )
    return {name: value for name, value in seen.items() if value is not None}


def hypervisor(seen: Mapping[str, Any]) -> Optional[str]:
    """systemd-detect-virt's name; `none` on bare metal, None when nothing tells."""
    if seen.get("sys_hypervisor_type") == "xen" or seen.get("proc_xen"):
        return "xen"
    if seen.get("kernel_hint") == "wsl" or seen.get("sys_bus_vmbus"):
        return "microsoft"
    if "metal" in str(seen.get("dmi_product_name", "")).rpartition(".")[2]:
        return "none"  # Amazon's metal instances name Amazon EC2 like all others
    detected = seen.get("detect_virt_vm")
    if detected not in (None, "none"):
        return str(detected)
    return _from_dmi(seen) or _from_device_tree(seen) or _from_cpu(seen)


def xen_mode(seen: Mapping[str, Any]) -> Optional[str]:
    """pv, hvm, pvhvm, pvh or dom0; kernels before 4.13 do not say, so the rest tells."""
    if "control_d" in str(seen.get("proc_xen_capabilities", "")):
        return "dom0"
    said = str(seen.get("sys_hypervisor_guest_type", "")).lower()
    if said in ("pv", "pvh"):
        return said
    has_firmware = any(name.startswith("dmi_") for name in seen)
    if said == "hvm" or has_firmware:
        return "pvhvm" if seen.get("sys_bus_xen") else "hvm"
    return "pv" if seen.get("sys_hypervisor_type") else None


def container(seen: Mapping[str, Any]) -> Optional[str]:
    """systemd-detect-virt's name of the container, else what the usual signs say; None outside of
    one.
    """
    detected = seen.get("detect_virt_container")
    if detected not in (None, "none"):
        return str(detected)
    if seen.get("container_env") or seen.get("kernel_hint"):
        return str(seen.get("container_env") or seen.get("kernel_hint"))
    if seen.get("containerenv"):
        return "podman"
    return "docker" if seen.get("dockerenv") else None


def _role(kind: Optional[str], seen: Mapping[str, Any]) -> Optional[str]:
    if kind in (None, "none"):
        return None
    return "host" if "control_d" in str(seen.get("proc_xen_capabilities", "")) else "guest"


def _from_dmi(seen: Mapping[str, Any]) -> Optional[str]:
    names = (
        "dmi_sys_vendor",
        "dmi_product_name",
        "dmi_board_vendor",
        "dmi_bios_vendor",
        "dmi_product_version",
    )
    words = " ".join(str(seen.get(name, "")) for name in names).lower()
    if "microsoft corporation" in words and "virtual machine" in words:
        return "microsoft"
    found = next((kind for word, kind in _DMI_RULES if word in words), None)
    # QEMU names itself with and without KVM below; the paravirtual clock is there only with it.
    if found == "qemu" and "kvm-clock" in str(seen.get("clocksource_available", "")):
        return "kvm"
    return found


def _from_device_tree(seen: Mapping[str, Any]) -> Optional[str]:
    compatible = str(seen.get("device_tree_hypervisor", ""))
    return next(
        (kind for word, kind in (("kvm", "kvm"), ("xen", "xen")) if word in compatible), None
    )


def _from_cpu(seen: Mapping[str, Any]) -> Optional[str]:
    """x86 sets a CPU flag in every guest; other architectures have none, so there DMI must name a
    maker.
    """
    flag = seen.get("cpuinfo_hypervisor_flag")
    if flag:
        clocks = str(seen.get("clocksource_available", ""))
        return next((kind for word, kind in _CLOCK_RULES if word in clocks), "vm-other")
    if flag is False or seen.get("dmi_sys_vendor"):
        return "none"
    return None


def _xen_version(host: Host) -> Optional[str]:
    parts = [host.text("/sys/hypervisor/version/" + name) for name in ("major", "minor")]
    if None in parts:
        return None
    return ".".join(str(part) for part in parts) + (
        host.text("/sys/hypervisor/version/extra") or ""
    )


def _hypervisor_flag(host: Host) -> Optional[bool]:
    """Is the x86 flag `hypervisor` set? None where there is no line of flags."""
    for line in host.lines("/proc/cpuinfo"):
        if re.match(r"flags\s*:", line):
            return "hypervisor" in line.split(":", 1)[1].split()
    return None


def _control_program(host: Host) -> Optional[str]:
    """What guests on IBM Z run under: `z/VM 7.3.0`. The other lines of /proc/sysinfo name
    machines and are not kept.
    """
    for line in host.lines("/proc/sysinfo"):
        name, _, value = line.partition(":")
        if name.strip() == "VM00 Control Program":
            return " ".join(value.split()) or None
    return None


def _kernel_hint(host: Host) -> Optional[str]:
    """gvisor or wsl, from the kernel's version; the text itself may name a build host and is not
    kept.
    """
    text = host.text("/proc/version") or ""
    if "gvisor" in text.lower() or _GVISOR_VERSION in text:
        return "gvisor"
    return "wsl" if "microsoft" in text.lower() else None


def _container_variable(host: Host) -> Optional[str]:
    """`container=` of the first process, which container managers set; nothing else of its
    environment.
    """
    for entry in (host.text("/proc/1/environ") or "").split("\0"):
        name, _, value = entry.partition("=")
        if name == "container" and value:
            return value
    return None
