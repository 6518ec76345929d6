"""Names of factors, wherever something is grouped or filtered."""

RECIPE_FACTORS = ("test", "topology", "streams", "placement")
SYSTEM_FACTORS = (
    "virtualization",
    "virtualization_mode",
    "hypervisor_version",
    "container",
    "kernel_release",
    "kernel_series",
    "os",
    "provider",
    "instance_type",
    "cpu_model",
    "cpus",
    "nic_driver",
    "clocksource",
)
FACTORS = (*SYSTEM_FACTORS, "topology", "streams", "placement")
