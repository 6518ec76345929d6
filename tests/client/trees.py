"""Small /proc and /sys trees of platforms, as the kernel files read there, each with what it is;
laid out in a folder for `Host(root)`.

`PLATFORMS` has (files, (type, mode, role, container)). What detectors are known to get wrong names
the report of it.
"""

from pathlib import Path
from typing import Dict, Optional, Tuple

from crr_submit.host import Host

Files = Dict[str, str]
Identity = Tuple[Optional[str], Optional[str], Optional[str], Optional[str]]

DMI = "/sys/class/dmi/id/"
XEN = "/sys/hypervisor/"
TREE = "/proc/device-tree/"
CLOCKS = "/sys/devices/system/clocksource/clocksource0/available_clocksource"
KERNEL = "/proc/sys/kernel/osrelease"
MOUNTS = "/proc/self/mountinfo"
SYSTEMD_VM = "--vm"  # what systemd-detect-virt prints there


def cpu(model: str, flags: str, vendor: str = "GenuineIntel") -> Files:
    text = "processor\t: 0\nvendor_id\t: %s\nmodel name\t: %s\nflags\t\t: %s\n"
    return {"/proc/cpuinfo": text % (vendor, model, flags), "/proc/sys/kernel/arch": "x86_64\n"}


def firmware(vendor: str, product: str = "", **more: str) -> Files:
    names = {"sys_vendor": vendor, "product_name": product, **more}
    return {DMI + name: value + "\n" for name, value in names.items() if value}


def clocks(names: str) -> Files:
    return {CLOCKS: names + "\n", "/proc/sys/kernel/version": "#1 SMP\n"}


def mounted(root: str, hosts: str) -> Files:
    rows = (
        f"620 519 0:47 / / rw,relatime master:201 - overlay overlay rw,lowerdir={root}/1/fs\n"
        "621 620 0:50 / /proc rw,nosuid - proc proc rw\n"
        f"640 620 254:1 {hosts} /etc/hosts rw,relatime - ext4 /dev/SECRET-DISK rw\n"
    )
    return {MOUNTS: rows}


X86_GUEST = cpu("Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz", "fpu vme hypervisor")
X86_NESTING = cpu("Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz", "fpu vmx hypervisor")
X86_METAL = cpu("AMD EPYC 7302P 16-Core Processor", "fpu vme svm", "AuthenticAMD")
ARM_CPU = {
    "/proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\n"
    "CPU part\t: 0xd0c\n",
    "/proc/sys/kernel/arch": "aarch64\n",
}
KVM_CLOCK = clocks("kvm-clock tsc acpi_pm")
HYPERV_CLOCK = clocks("hyperv_clocksource_tsc_page acpi_pm")
XEN_SYSFS = {
    XEN + "type": "xen\n",
    XEN + "version/major": "4\n",
    XEN + "version/minor": "1\n",
    XEN + "version/extra": ".0\n",
}
XEN_FIRMWARE = firmware("Xen", "HVM domU", bios_vendor="Xen", product_version="4.11.amazon")
DELL = firmware("Dell Inc.", "PowerEdge R640", bios_vendor="Dell Inc.")
EC2 = firmware("Amazon EC2", bios_vendor="Amazon EC2")

KVM_FIRECRACKER = {**X86_GUEST, **clocks("tsc kvm-clock")}
KVM_QEMU = {
    **X86_GUEST,
    **KVM_CLOCK,
    **firmware("QEMU", "Standard PC (Q35 + ICH9, 2009)", bios_vendor="SeaBIOS"),
    DMI + "product_serial": "SECRET-SERIAL\n",
    DMI + "product_uuid": "deadbeef-0000-4000-8000-0123456789ab\n",
}
QEMU_WITHOUT_KVM = {
    **cpu("QEMU TCG CPU version 2.5+", "fpu hypervisor"),
    **clocks("tsc hpet acpi_pm"),
    **firmware("QEMU", "Standard PC (i440FX + PIIX, 1996)"),
}
XEN_PV = {
    **cpu("Intel(R) Xeon(R) CPU E5430 @ 2.66GHz", "fpu tsc msr"),
    **XEN_SYSFS,
    **clocks("xen"),
    "/proc/xen/capabilities": "",
    "/sys/bus/xen/devices/vif-0": "",
}
XEN_DOM0 = {**XEN_PV, **DELL, "/proc/xen/capabilities": "control_d\n"}
XEN_PVHVM = {
    **X86_GUEST,
    **XEN_SYSFS,
    **XEN_FIRMWARE,
    XEN + "guest_type": "HVM\n",
    "/sys/bus/xen/devices/vif-0": "",
}
XEN_PVH = {**X86_GUEST, **XEN_SYSFS, XEN + "guest_type": "PVH\n", **clocks("xen tsc")}
HYPERV = {**X86_GUEST, **HYPERV_CLOCK, **firmware("Microsoft Corporation", "Virtual Machine")}
VMWARE = {**X86_GUEST, **firmware("VMware, Inc.", "VMware7,1", bios_vendor="VMware, Inc.")}
AMAZON_NITRO = {**X86_GUEST, **clocks("kvm-clock tsc"), **EC2, DMI + "product_name": "c5.xlarge\n"}
BARE_METAL = {
    **X86_METAL,
    **firmware("Supermicro", "AS-1114S"),
    DMI + "chassis_serial": "SECRET-CHASSIS\n",
}
ARM_SERVER = {**ARM_CPU, **firmware("Ampere(R)", "Mt. Jade")}
WSL = {
    **X86_GUEST,
    KERNEL: "5.15.90.1-microsoft-standard-WSL2\n",
    "/proc/version": "Linux version 5.15.90.1-microsoft-standard-WSL2 (root@secret-host)\n",
}
GVISOR = {
    **X86_METAL,
    "/proc/version": "Linux version 4.4.0 #1 SMP Sun Jan 10 15:06:54 PST 2016\n",
    "/.dockerenv": "",
}
LXC = {**BARE_METAL, "/proc/1/environ": "PATH=/bin\0container=lxc\0TOKEN=SECRET-TOKEN\0"}
POWERVM = {
    "/proc/cpuinfo": "processor\t: 0\ncpu\t\t: POWER9 (architected), altivec supported\n",
    TREE + "hmc-managed?": "",
    "/proc/sys/kernel/arch": "ppc64le\n",
}
ZVM = {
    "/proc/cpuinfo": "vendor_id       : IBM/S390\n",
    "/proc/sysinfo": "Serial: SECRET-SERIAL\nVM00 Name:            SECRET\n"
    "VM00 Control Program: z/VM    7.3.0\n",
    "/proc/sys/kernel/arch": "s390x\n",
}
KUBELET_HOSTS = "/var/lib/kubelet/pods/SECRET-POD/etc-hosts"
CONTAINERD = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots"

GUEST, HOST = "guest", "host"
NONE: Identity = ("none", None, None, None)


def guest(kind: str, mode: Optional[str] = None, container: Optional[str] = None) -> Identity:
    return (kind, mode, GUEST, container)


PLATFORMS: Dict[str, Tuple[Files, Identity]] = {
    "Firecracker, without firmware": (KVM_FIRECRACKER, guest("kvm")),
    "QEMU over KVM": (KVM_QEMU, guest("kvm")),
    "QEMU over KVM, clock of the host off": (
        {**X86_GUEST, **firmware("QEMU"), **clocks("tsc"), SYSTEMD_VM: "kvm"},
        guest("kvm"),
    ),
    "QEMU over KVM, Hyper-V's enlightenments (systemd#28001)": (
        {**KVM_QEMU, **HYPERV_CLOCK, SYSTEMD_VM: "microsoft"},
        guest("kvm"),
    ),
    "Nutanix": ({**X86_GUEST, **HYPERV_CLOCK, **firmware("Nutanix", "AHV")}, guest("kvm")),
    "Proxmox, nested: a guest that can have guests": (
        {**X86_NESTING, **KVM_CLOCK, **firmware("QEMU"), "/dev/kvm": ""},
        guest("kvm"),
    ),
    "QEMU that emulates": (QEMU_WITHOUT_KVM, guest("qemu")),
    "OpenStack on ARM (systemd#23116)": (
        {**ARM_CPU, **firmware("OpenStack Foundation", "OpenStack Nova"), SYSTEMD_VM: "none"},
        guest("kvm"),
    ),
    "KVM on ARM by device tree": (
        {**ARM_CPU, TREE + "hypervisor/compatible": "linux,kvm\0"},
        guest("kvm"),
    ),
    "KVM on ARM by firmware": (
        {**ARM_CPU, **firmware("QEMU", "KVM Virtual Machine")},
        guest("kvm"),
    ),
    "Hetzner Cloud on ARM": ({**ARM_CPU, **firmware("Hetzner", "vServer")}, guest("kvm")),
    "Alibaba's metal": ({**X86_METAL, **firmware("Alibaba Cloud", "ECS")}, NONE),
    "Xen PV": (XEN_PV, guest("xen", "pv")),
    "Xen PV of 2.6, without /sys/hypervisor": (
        {**X86_METAL, **clocks("xen"), "/proc/xen/capabilities": ""},
        guest("xen", "pv"),
    ),
    "Xen PV that tells nothing by CPU (systemd#7165)": (
        {**XEN_PV, **X86_GUEST, SYSTEMD_VM: "vm-other"},
        guest("xen", "pv"),
    ),
    "Xen PV below VMware (systemd PR 20971)": (
        {**XEN_PV, **X86_GUEST, XEN + "guest_type": "PV\n", SYSTEMD_VM: "vmware"},
        guest("xen", "pv"),
    ),
    "Xen HVM, a kernel without drivers for it": (
        {**X86_GUEST, **XEN_FIRMWARE, **clocks("tsc acpi_pm"), "/sys/bus/xen/devices": ""},
        guest("xen", "hvm"),
    ),
    "Xen PV on HVM": (XEN_PVHVM, guest("xen", "pvhvm")),
    "Xen PV on HVM before 4.13": (
        {**X86_GUEST, **XEN_SYSFS, **XEN_FIRMWARE, XEN + "properties/features": "00002705\n"},
        guest("xen", "pvhvm"),
    ),
    "Xen PVH": (XEN_PVH, guest("xen", "pvh")),
    "Xen PVH before 4.13": (
        {**X86_GUEST, **XEN_SYSFS, XEN + "properties/features": "00002305\n"},
        guest("xen", "pvh"),
    ),
    "XenServer that shows Hyper-V's CPU (systemd#8844)": (
        {**X86_GUEST, **XEN_FIRMWARE, **HYPERV_CLOCK, SYSTEMD_VM: "microsoft"},
        guest("xen", "hvm"),
    ),
    "Xen on EC2": (
        {**XEN_PVHVM, XEN + "uuid": "ec2f1b2c-0000-4000-8000-0123456789ab\n"},
        guest("xen", "pvhvm"),
    ),
    "Xen dom0": (XEN_DOM0, ("xen", "dom0", HOST, None)),
    "Xen dom0 called a guest (systemd#22511)": (
        {**XEN_DOM0, **X86_GUEST, SYSTEMD_VM: "xen"},
        ("xen", "dom0", HOST, None),
    ),
    "Xen dom0 by its features, /proc/xen not mounted": (
        {**X86_METAL, **XEN_SYSFS, **DELL, XEN + "properties/features": "00002f00\n"},
        ("xen", "dom0", HOST, None),
    ),
    "Xen on ARM": (
        {**ARM_CPU, XEN + "type": "xen\n", XEN + "guest_type": "HVM\n"},
        guest("xen"),
    ),
    "Nitro, a kernel built for Xen too (facter PR 1700)": (
        {**AMAZON_NITRO, "/sys/bus/xen/devices": ""},
        guest("amazon"),
    ),
    "Nitro on ARM (systemd#18929)": (
        {**ARM_CPU, **EC2, DMI + "product_name": "m6g.large\n", SYSTEMD_VM: "none"},
        guest("amazon"),
    ),
    "EC2 metal": ({**X86_METAL, **EC2, DMI + "product_name": "c5.metal\n"}, NONE),
    "EC2 metal of a size, on ARM": (
        {**ARM_CPU, **EC2, DMI + "product_name": "m7g.metal-48xl\n", SYSTEMD_VM: "amazon"},
        NONE,
    ),
    "Google": (
        {**X86_GUEST, **KVM_CLOCK, **firmware("Google", "Google Compute Engine")},
        guest("google"),
    ),
    "Google's metal (systemd#38125)": (
        {**X86_METAL, **firmware("Google", "Google Compute Engine"), SYSTEMD_VM: "google"},
        NONE,
    ),
    "VMware": (VMWARE, guest("vmware")),
    "VirtualBox, with KVM's clock": (
        {**X86_GUEST, **KVM_CLOCK, **firmware("innotek GmbH", "VirtualBox")},
        guest("oracle"),
    ),
    "Oracle's own servers (systemd#21100)": (
        {**X86_METAL, **firmware("Oracle Corporation", "SUN SERVER X4-2")},
        NONE,
    ),
    "Parallels": (
        {**X86_GUEST, **KVM_CLOCK, **firmware("Parallels International GmbH.")},
        guest("parallels"),
    ),
    "Apple's virtualisation": (
        {**ARM_CPU, **firmware("Apple Inc.", "Apple Virtualization Generic Platform")},
        guest("apple"),
    ),
    "bhyve": ({**X86_GUEST, **firmware("FreeBSD", "BHYVE")}, guest("bhyve")),
    "Hyper-V": (HYPERV, guest("microsoft")),
    "Hyper-V by its bus alone": ({**X86_GUEST, "/sys/bus/vmbus/devices": ""}, guest("microsoft")),
    "the root partition of Hyper-V": (
        {**X86_NESTING, **HYPERV_CLOCK, **DELL, SYSTEMD_VM: "microsoft"},
        ("microsoft", "root", HOST, None),
    ),
    "a laptop of Microsoft's (systemd#21468)": (
        {**X86_METAL, **firmware("Microsoft Corporation", "Surface Laptop 3")},
        NONE,
    ),
    "Xen on ARM by device tree": (
        {**ARM_CPU, TREE + "hypervisor/compatible": "xen,xen-4.17\0xen,xen\0"},
        guest("xen"),
    ),
    "a kernel of Xen's own, in a container without its files": (
        {**X86_METAL, **clocks("xen")},
        guest("xen", "pv"),
    ),
    "ACRN": ({**X86_GUEST, **firmware("ACRN")}, guest("acrn")),
    "VirtualBox without firmware": (
        {**X86_GUEST, **KVM_CLOCK, SYSTEMD_VM: "oracle"},
        guest("oracle"),
    ),
    "QEMU over KVM, Hyper-V's CPU without its clock (systemd#17894)": (
        {**X86_GUEST, **firmware("QEMU"), SYSTEMD_VM: "microsoft"},
        guest("kvm"),
    ),
    "QEMU that emulates, below OpenStack": (
        {**X86_GUEST, **firmware("OpenStack Foundation", "OpenStack Nova"), SYSTEMD_VM: "qemu"},
        guest("qemu"),
    ),
    "QEMU on ARM": ({**ARM_CPU, **firmware("QEMU", "QEMU Virtual Machine")}, guest("qemu")),
    "the root partition of Hyper-V, clock of the CPU": (
        {**X86_NESTING, **DELL, **clocks("tsc"), SYSTEMD_VM: "microsoft"},
        ("microsoft", "root", HOST, None),
    ),
    "Hyper-V without firmware": ({**X86_GUEST, **HYPERV_CLOCK}, guest("microsoft")),
    "VMware on ARM": (
        {**ARM_CPU, TREE + "hypervisor/compatible": "vmware\0"},
        guest("vmware"),
    ),
    "PowerVM": (POWERVM, guest("powervm")),
    "POWER without PowerVM": (
        {
            "/proc/cpuinfo": "cpu\t\t: POWER9, altivec supported\nplatform\t: PowerNV\n",
            TREE + "ibm,opal/compatible": "ibm,opal-v3\0",
        },
        NONE,
    ),
    "z/VM": (ZVM, guest("zvm")),
    "KVM on IBM Z": (
        {"/proc/sysinfo": "VM00 Control Program: KVM/Linux\n"},
        guest("kvm"),
    ),
    "User-mode Linux": (
        {"/proc/cpuinfo": "vendor_id\t: User Mode Linux\nmodel name\t: UML\n"},
        guest("uml"),
    ),
    "a hypervisor without a name": ({**X86_GUEST, SYSTEMD_VM: "none"}, guest("vm-other")),
    "bare metal": (BARE_METAL, NONE),
    "bare metal that hosts guests": ({**BARE_METAL, "/dev/kvm": ""}, NONE),
    "ARM server": (ARM_SERVER, NONE),
    "a small ARM board, by systemd": (
        {**ARM_CPU, TREE + "compatible": "raspberrypi,4-model-b\0", SYSTEMD_VM: "none"},
        NONE,
    ),
    "Docker on bare metal": (
        {**BARE_METAL, "/.dockerenv": ""},
        ("none", None, None, "docker"),
    ),
    "Docker in a guest of VMware": ({**VMWARE, "/.dockerenv": ""}, guest("vmware", None, "docker")),
    "Podman": ({**BARE_METAL, "/run/.containerenv": ""}, ("none", None, None, "podman")),
    "LXC": (LXC, ("none", None, None, "lxc")),
    "LXC, not as its root": (
        {**BARE_METAL, "/run/systemd/container": "lxc"},
        ("none", None, None, "lxc"),
    ),
    "systemd-nspawn": (
        {**KVM_QEMU, "/proc/1/environ": "container=systemd-nspawn\0"},
        guest("kvm", None, "systemd-nspawn"),
    ),
    "OpenVZ": ({**BARE_METAL, "/proc/vz/veinfo": ""}, ("none", None, None, "openvz")),
    "the host of OpenVZ": ({**BARE_METAL, "/proc/vz/veinfo": "", "/proc/bc/0": ""}, NONE),
    "a pod of Kubernetes on EC2": (
        {**AMAZON_NITRO, **mounted(CONTAINERD, KUBELET_HOSTS)},
        guest("amazon", None, "kubernetes"),
    ),
    "containerd without Kubernetes": (
        {**KVM_QEMU, **mounted(CONTAINERD, "/run/SECRET/hosts")},
        guest("kvm", None, "container-other"),
    ),
    "gVisor": (GVISOR, ("none", None, None, "gvisor")),
    "WSL 2": (WSL, guest("microsoft", None, "wsl")),
    "Docker in WSL 2": ({**WSL, "/.dockerenv": ""}, guest("microsoft", None, "docker")),
    "WSL 1": (
        {
            **X86_METAL,
            KERNEL: "4.4.0-19041-Microsoft\n",
            "/proc/version": "Linux version 4.4.0-19041-Microsoft (Microsoft@Microsoft.com)\n",
        },
        (None, None, None, "wsl"),
    ),
    "Azure, a kernel of Ubuntu's": (
        {**HYPERV, KERNEL: "5.15.0-1041-azure\n", "/proc/version": "Linux version 5.15.0-azure\n"},
        guest("microsoft"),
    ),
    "nothing known": ({}, (None, None, None, None)),
}


def lay_out(folder: str, files: Files) -> str:
    """Write the files below the folder; returns the folder as text, for Host."""
    for path, content in files.items():
        if path != SYSTEMD_VM:
            target = Path(folder, path.lstrip("/"))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content)
    return str(folder)


class Captured(Host):
    """The files in a folder, and what systemd-detect-virt printed there."""

    def __init__(self, folder: str, files: Files) -> None:
        super().__init__(lay_out(folder, files))
        self._said = files.get(SYSTEMD_VM)

    def output(self, *command: str) -> Optional[str]:
        return self._said if command[-1] == SYSTEMD_VM else None
