"""Small /proc and /sys trees of platforms, as the kernel files read there; laid out in a folder
for `Host(root)`.
"""

from pathlib import Path

X86_GUEST = (
    "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Xeon\nflags\t\t: fpu hypervisor\n"
)
X86_METAL = "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: EPYC\nflags\t\t: fpu vme\n"

CLOCKS = "/sys/devices/system/clocksource/clocksource0/available_clocksource"

KVM_FIRECRACKER = {"/proc/cpuinfo": X86_GUEST, CLOCKS: "tsc kvm-clock\n"}
KVM_QEMU = {
    "/proc/cpuinfo": X86_GUEST,
    CLOCKS: "kvm-clock tsc acpi_pm\n",
    "/sys/class/dmi/id/sys_vendor": "QEMU\n",
    "/sys/class/dmi/id/product_name": "Standard PC (Q35 + ICH9, 2009)\n",
    "/sys/class/dmi/id/product_serial": "SECRET-SERIAL\n",
    "/sys/class/dmi/id/product_uuid": "deadbeef-0000-4000-8000-0123456789ab\n",
}
QEMU_WITHOUT_KVM = {
    "/proc/cpuinfo": X86_GUEST,
    CLOCKS: "tsc hpet acpi_pm\n",
    "/sys/class/dmi/id/sys_vendor": "QEMU\n",
}
XEN_PV = {
    "/proc/cpuinfo": X86_METAL,
    "/proc/xen/capabilities": "",
    "/sys/hypervisor/type": "xen\n",
    "/sys/hypervisor/version/major": "4\n",
    "/sys/hypervisor/version/minor": "1\n",
    "/sys/hypervisor/version/extra": ".0\n",
    "/sys/bus/xen/devices/vif-0": "",
    CLOCKS: "xen\n",
}
XEN_DOM0 = {
    **XEN_PV,
    "/proc/xen/capabilities": "control_d\n",
    "/sys/class/dmi/id/sys_vendor": "Dell Inc.\n",
}
XEN_PVHVM = {
    "/proc/cpuinfo": X86_GUEST,
    "/sys/hypervisor/type": "xen\n",
    "/sys/hypervisor/guest_type": "HVM\n",
    "/sys/bus/xen/devices/vif-0": "",
    "/sys/class/dmi/id/sys_vendor": "Xen\n",
    "/sys/class/dmi/id/product_name": "HVM domU\n",
}
XEN_PVH = {**XEN_PV, "/sys/hypervisor/guest_type": "PVH\n"}
HYPERV = {
    "/proc/cpuinfo": X86_GUEST,
    CLOCKS: "hyperv_clocksource_tsc_page acpi_pm\n",
    "/sys/class/dmi/id/sys_vendor": "Microsoft Corporation\n",
    "/sys/class/dmi/id/product_name": "Virtual Machine\n",
}
SURFACE_LAPTOP = {
    "/proc/cpuinfo": X86_METAL,
    "/sys/class/dmi/id/sys_vendor": "Microsoft Corporation\n",
    "/sys/class/dmi/id/product_name": "Surface Laptop 3\n",
}
VMWARE = {
    "/proc/cpuinfo": X86_GUEST,
    "/sys/class/dmi/id/sys_vendor": "VMware, Inc.\n",
    "/sys/class/dmi/id/product_name": "VMware7,1\n",
}
AMAZON_NITRO = {
    "/proc/cpuinfo": X86_GUEST,
    CLOCKS: "kvm-clock tsc\n",
    "/sys/class/dmi/id/sys_vendor": "Amazon EC2\n",
    "/sys/class/dmi/id/product_name": "c5.xlarge\n",
}
AMAZON_METAL = {
    "/proc/cpuinfo": X86_METAL,
    "/sys/class/dmi/id/sys_vendor": "Amazon EC2\n",
    "/sys/class/dmi/id/product_name": "c5.metal\n",
}
BARE_METAL = {
    "/proc/cpuinfo": X86_METAL,
    "/sys/class/dmi/id/sys_vendor": "Supermicro\n",
    "/sys/class/dmi/id/chassis_serial": "SECRET-CHASSIS\n",
}
ARM_SERVER = {
    "/proc/cpuinfo": "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n",
    "/sys/class/dmi/id/sys_vendor": "Ampere\n",
}
ARM_KVM = {
    "/proc/cpuinfo": "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n",
    "/proc/device-tree/hypervisor/compatible": "linux,kvm\0",
}
POWERVM = {"/proc/cpuinfo": "cpu\t: POWER9\n", "/proc/device-tree/hmc-managed?": ""}
ZVM = {
    "/proc/sysinfo": "Serial: SECRET-SERIAL\nVM00 Name:            SECRET\n"
    "VM00 Control Program: z/VM    7.3.0\n"
}
WSL = {
    "/proc/cpuinfo": X86_GUEST,
    "/proc/version": "Linux version 5.15.1-microsoft-standard-WSL2 (root@secret-build-host)\n",
}
GVISOR = {
    "/proc/cpuinfo": X86_METAL,
    "/proc/version": "Linux version 4.4.0 #1 SMP Sun Jan 10 15:06:54 PST 2016\n",
}
DOCKER_ON_METAL = {**BARE_METAL, "/.dockerenv": ""}
LXC = {**BARE_METAL, "/proc/1/environ": "PATH=/bin\0container=lxc\0TOKEN=SECRET-TOKEN\0"}


def lay_out(folder, files):
    """Write the files below the folder; returns the folder as text, for Host."""
    for path, content in files.items():
        target = Path(folder, path.lstrip("/"))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    return str(folder)
