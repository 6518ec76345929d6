"""What the host runs on: every raw signal, and what they say by simple rules.

The signals are sent as they are, so that the registry can decide again when a rule turns out
wrong; names of hypervisors and containers are systemd-detect-virt's.
"""

import re
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple

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
    "container_manager": "/run/systemd/container",
}
PRESENCE_SIGNALS = {
    "proc_xen": "/proc/xen",
    "sys_bus_xen": "/sys/bus/xen",
    "sys_bus_vmbus": "/sys/bus/vmbus",
    "dev_kvm": "/dev/kvm",
    "dockerenv": "/.dockerenv",
    "containerenv": "/run/.containerenv",
    "proc_vz": "/proc/vz",
    "proc_bc": "/proc/bc",
    "device_tree_hmc_managed": "/proc/device-tree/hmc-managed?",
    "device_tree_opal": "/proc/device-tree/ibm,opal",
}
# The first row whose signals all hold decides. One of the words must be in the signal, whose values
# `|` surrounds; True: it is there; False: it is said to be off. `dmi` and `clocks` are all of those
# names. The registry's rules give a reason for each.
_QEMU = "qemu; bochs; seabios; nutanix; openstack"
_CLOUDS = (
    "digitalocean; hetzner; alibaba cloud; tencent cloud; scaleway; vultr; upcloud; akamai; linode"
    "; exoscale; yandex"
)
RULES: Tuple[Tuple[str, Dict[str, Any]], ...] = (
    ("uml", {"cpu": "user mode linux"}),
    ("microsoft", {"kernel_hint": "wsl2"}),
    ("", {"kernel_hint": "wsl"}),  # WSL 1: below it is Windows, and nothing tells more
    ("xen", {"sys_hypervisor_type": "xen"}),
    ("xen", {"proc_xen": True}),
    ("xen", {"dmi": "hvm domu; |xen|; xenserver; xcp-ng"}),
    ("xen", {"device_tree_hypervisor": "xen"}),
    ("oracle", {"dmi": "virtualbox; innotek"}),
    ("parallels", {"dmi": "parallels"}),
    ("apple", {"dmi": "apple virtualization"}),
    ("vmware", {"dmi": "vmware; |vmw"}),
    ("bhyve", {"dmi": "bhyve"}),
    ("acrn", {"dmi": "acrn"}),
    ("none", {"dmi": "amazon ec2", "dmi_product_name": ".metal"}),
    ("none", {"dmi": "amazon ec2; google compute engine", "cpuinfo_hypervisor_flag": False}),
    ("amazon", {"dmi": "amazon ec2"}),
    ("google", {"dmi": "google compute engine"}),
    ("oracle", {"clocks": "kvm-clock", "detect_virt_vm": "oracle"}),
    ("kvm", {"clocks": "kvm-clock"}),
    ("kvm", {"device_tree_hypervisor": "linux,kvm"}),
    ("kvm", {"dmi": "kvm; kubevirt"}),
    # Over KVM, QEMU offers what Windows wants of Hyper-V.
    ("kvm", {"dmi": _QEMU, "clocks": "hyperv"}),
    ("kvm", {"dmi": _QEMU, "detect_virt_vm": "microsoft"}),
    ("qemu", {"cpu": "qemu tcg"}),
    ("kvm", {"detect_virt_vm": "kvm"}),
    ("qemu", {"detect_virt_vm": "qemu", "cpuinfo_hypervisor_flag": True}),
    ("kvm", {"dmi": "openstack nova; openstack compute; rhev hypervisor; ovirt node; |ahv|"}),
    ("qemu", {"dmi": "qemu; bochs"}),
    ("microsoft", {"dmi_sys_vendor": "microsoft", "dmi_product_name": "virtual machine"}),
    ("microsoft", {"sys_bus_vmbus": True}),
    # On the firmware of real hardware: no guest of Hyper-V.
    ("microsoft root", {"dmi": True, "cpuinfo_hypervisor_flag": True, "clocks": "hyperv"}),
    (
        "microsoft root",
        {"dmi": True, "detect_virt_vm": "microsoft", "cpuinfo_hypervisor_flag": True},
    ),
    ("xen", {"clocks": "|xen|"}),
    ("none", {"cpuinfo_hypervisor_flag": False}),
    ("kvm", {"dmi": _CLOUDS}),
    ("microsoft", {"clocks": "hyperv"}),
    ("powervm", {"device_tree_hmc_managed": True}),
    ("none", {"device_tree_opal": True}),
    ("zvm", {"sysinfo_control_program": "z/vm"}),
    ("kvm", {"sysinfo_control_program": "kvm"}),
    ("vmware", {"device_tree_hypervisor": "vmware"}),
)
# Bits of /sys/hypervisor/properties/features (xen/include/public/features.h).
_XEN_TRANSLATED, _XEN_DOM0 = 1 << 2, 1 << 11
# Where the files of a container come from: words in the mount of its root or of /etc/hosts.
_MOUNT_WORDS = (
    ("kubernetes", "/kubelet/"),
    ("container-other", "containerd"),
)
# The date in the kernel version that gVisor pretends to have.
_GVISOR_VERSION = "#1 SMP Sun Jan 10 15:06:54 PST 2016"


def describe(host: Host) -> Dict[str, Any]:
    """Type, mode, version, role and container, with all signals."""
    seen = signals(host)
    kind, mode = platform(seen, cpu_names(host))
    return {
        "type": kind,
        "mode": mode,
        "version": seen.get("sys_hypervisor_version"),
        "role": None if kind in (None, "none") else "host" if mode in ("dom0", "root") else "guest",
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
        cpuinfo_hypervisor_flag=_cpu_flag(host, "hypervisor"),
        cpuinfo_can_nest=_cpu_flag(host, "vmx", "svm"),
        kernel_hint=_kernel_hint(host),
        container_env=_container_variable(host),
        container_mounts=_container_mounts(host),
        sysinfo_control_program=_control_program(host),
        detect_virt_vm=host.output("systemd-detect-virt", "--vm"),
        detect_virt_container=host.output("systemd-detect-virt", "--container"),
    )
    return {name: value for name, value in seen.items() if value is not None}


def platform(seen: Mapping[str, Any], cpu: str = "") -> Tuple[Optional[str], Optional[str]]:
    """(systemd-detect-virt's name, mode); `none` on bare metal, None when nothing tells. `cpu` is
    the CPU's vendor and model.
    """
    known = evidence(seen, cpu)
    found = next((name for name, when in RULES if holds(when, known)), None)
    kind, _, mode = (_otherwise(seen) if found is None else found).partition(" ")
    return kind or None, (xen_mode(known) if kind == "xen" else mode) or None


def evidence(seen: Mapping[str, Any], cpu: str) -> Dict[str, Any]:
    """The signals, and what rules ask of several at once."""
    return {
        **seen,
        "cpu": cpu,
        "dmi": _joined(seen.get("dmi_" + name) for name in DMI_NAMES),
        "clocks": _joined(str(seen.get("clocksource_available", "")).split()),
    }


def holds(when: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    return all(_is(known.get(name), wanted) for name, wanted in when.items())


def xen_mode(seen: Mapping[str, Any]) -> Optional[str]:
    """pv, hvm, pvhvm, pvh or dom0; kernels before 4.13 do not say. Xen on ARM has one kind of
    guest, and no name for it.
    """
    features = _number(seen.get("sys_hypervisor_features"))
    if "control_d" in str(seen.get("proc_xen_capabilities")) or (features or 0) & _XEN_DOM0:
        return "dom0"
    said = str(seen.get("sys_hypervisor_guest_type", "")).lower()
    if said in ("pv", "pvh"):
        return said
    if seen.get("cpuinfo_hypervisor_flag") is None:
        return None
    if features is not None and not features & _XEN_TRANSLATED:
        return "pv"
    # A kernel that knows nothing of Xen has neither /sys/hypervisor nor its clock.
    knows_xen = bool(seen.get("sys_hypervisor_type")) or "|xen|" in str(seen.get("clocks"))
    if said == "hvm" or seen.get("dmi_sys_vendor"):
        return "pvhvm" if knows_xen else "hvm"
    return "pv" if features is None else "pvh"


def container(seen: Mapping[str, Any]) -> Optional[str]:
    """What the usual signs say, else systemd-detect-virt; None outside of one."""
    hint = str(seen.get("kernel_hint", ""))[:3]
    signs = (
        ("gvisor", hint == "gvi"),
        (seen.get("container_env"), True),
        (seen.get("container_manager"), True),
        ("podman", seen.get("containerenv")),
        ("docker", seen.get("dockerenv")),
        (seen.get("container_mounts"), True),
        ("openvz", seen.get("proc_vz") and not seen.get("proc_bc")),
        ("wsl", hint == "wsl"),
        (seen.get("detect_virt_container"), seen.get("detect_virt_container") != "none"),
    )
    return next((str(name) for name, is_so in signs if name and is_so), None)


def _is(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, bool):
        return bool(found) if wanted else found is False
    text = str(found or "").lower()
    return any(word in text for word in wanted.split("; "))


def _otherwise(seen: Mapping[str, Any]) -> str:
    """x86 sets a CPU flag in every guest; elsewhere unknown firmware is a machine's own."""
    detected = str(seen.get("detect_virt_vm", ""))
    if seen.get("cpuinfo_hypervisor_flag") and detected in ("", "none"):
        return "vm-other"
    return detected or ("none" if seen.get("dmi_sys_vendor") else "")


def _joined(values: Iterable[Any]) -> str:
    """`|Xen|HVM domU|`, empty without a value."""
    known = [str(value).lower() for value in values if value]
    return "|%s|" % "|".join(known) if known else ""


def _number(text: Any) -> Optional[int]:
    try:
        return int(str(text), 16)
    except ValueError:
        return None


def _xen_version(host: Host) -> Optional[str]:
    parts = [host.text("/sys/hypervisor/version/" + name) for name in ("major", "minor")]
    if None in parts:
        return None
    return ".".join(str(part) for part in parts) + (
        host.text("/sys/hypervisor/version/extra") or ""
    )


def _cpu_flag(host: Host, *names: str) -> Optional[bool]:
    """Is one of these x86 flags set? None where there is no line of flags."""
    for line in host.lines("/proc/cpuinfo"):
        if re.match(r"flags\s*:", line):
            return not set(names).isdisjoint(line.split(":", 1)[1].split())
    return None


def cpu_names(host: Host) -> str:
    names = ("vendor_id", "model name")
    lines = [line.partition(":") for line in host.lines("/proc/cpuinfo")]
    return _joined(value.strip() for name, _, value in lines if name.strip() in names)


def _control_program(host: Host) -> Optional[str]:
    """What guests on IBM Z run under: `z/VM 7.3.0`. Other lines of /proc/sysinfo name machines."""
    for line in host.lines("/proc/sysinfo"):
        name, _, value = line.partition(":")
        if name.strip() == "VM00 Control Program":
            return " ".join(value.split()) or None
    return None


def _kernel_hint(host: Host) -> Optional[str]:
    """gvisor, wsl or wsl2, from the kernel's version, which is not kept: it may name a host."""
    text = host.text("/proc/version") or ""
    if "gvisor" in text.lower() or _GVISOR_VERSION in text:
        return "gvisor"
    if "microsoft-standard" in text or "WSL2" in text:
        return "wsl2"
    return "wsl" if "-Microsoft" in text else None


def _container_variable(host: Host) -> Optional[str]:
    """`container=` in the environment of the first process, and nothing else of that."""
    for entry in (host.text("/proc/1/environ") or "").split("\0"):
        name, _, value = entry.partition("=")
        if name == "container" and value:
            return value
    return None


def _container_mounts(host: Host) -> Optional[str]:
    """Whose files the root and /etc/hosts are; nothing else of their mounts."""
    rows = [line for line in host.lines("/proc/self/mountinfo") if _is_of_root(line.split())]
    found = (name for name, word in _MOUNT_WORDS if any(word in row for row in rows))
    return next(found, None)


def _is_of_root(words: List[str]) -> bool:
    return len(words) > 4 and words[4] in ("/", "/etc/hosts")
