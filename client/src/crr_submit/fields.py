"""The field table: every field a report may hold and every field a result may have, each with type,
unit and meaning.

The client collects only what stands here; the registry validates, documents and labels from the
same rows. `ENVELOPE` describes what is sent (report_version 1), `RESULT` what netperf text says.
"""

from dataclasses import dataclass
from typing import Optional, Tuple

TEXT_LENGTH = 1_000
OUTPUT_LENGTH = 512 * 1024
VALUE_LIMIT = 1e15  # a stored value is 0 <= value < VALUE_LIMIT

STREAM_UNIT = "bit/s"
TRANSACTION_UNIT = "trans/s"


@dataclass(frozen=True)
class Field:
    """One row of the table.

    `path` is dotted, with `[]` after a list (`runs[].outputs[]`). `type` is string, integer,
    number, boolean, object, list or map; a map has free keys and values of the types named in
    `values`. `unit` is written after the value. `better` says which direction is good, where there
    is one. `selectors` are netperf's omni output selectors. `private` fields never leave the
    registry. Null is allowed everywhere but where `required` is set.
    """

    path: str
    type: str
    text: str
    unit: Optional[str] = None
    better: Optional[str] = None
    selectors: Tuple[str, ...] = ()
    choices: Tuple[str, ...] = ()
    values: Tuple[str, ...] = ()
    minimum: Optional[float] = None
    maximum: Optional[float] = None
    max_length: int = TEXT_LENGTH
    max_items: int = 1_000
    pattern: Optional[str] = None
    required: bool = False
    private: bool = False


def _count(path: str, text: str, maximum: float = 2**53, **more: object) -> Field:
    return Field(path, "integer", text, minimum=0, maximum=maximum, **more)  # type: ignore[arg-type]


def _percent(path: str, text: str, **more: object) -> Field:
    return Field(path, "number", text, unit="percent", minimum=0, maximum=100, **more)  # type: ignore[arg-type]


_ENV = "environment"
_RUN = "runs[]"
_CPU = "runs[].telemetry.cpu[]"

ENVELOPE: Tuple[Field, ...] = (
    Field(
        "report_version", "integer", "Version of this format.", minimum=1, maximum=1, required=True
    ),
    Field("client", "object", "The program that made the report."),
    Field("client.name", "string", "Its name.", max_length=64),
    Field("client.version", "string", "Its version.", max_length=64),
    Field(
        "machine_id",
        "string",
        "Random number made and kept by the client: one machine, one vote. Never published.",
        pattern="^[0-9a-f]{32}$",
        max_length=32,
        private=True,
    ),
    Field(_ENV, "object", "What the measured host is: the side that runs netperf."),
    Field(_ENV + ".kernel", "object", "The kernel."),
    Field(_ENV + ".kernel.release", "string", "uname -r.", max_length=128),
    Field(_ENV + ".kernel.version", "string", "uname -v.", max_length=256),
    Field(_ENV + ".kernel.architecture", "string", "uname -m.", max_length=32),
    Field(_ENV + ".os", "object", "The distribution, from os-release."),
    Field(_ENV + ".os.id", "string", "ID of os-release.", max_length=64),
    Field(_ENV + ".os.version_id", "string", "VERSION_ID of os-release.", max_length=64),
    Field(_ENV + ".virtualization", "object", "What the host runs on."),
    Field(
        _ENV + ".virtualization.type",
        "string",
        "Hypervisor under systemd-detect-virt's name; none is bare metal.",
        max_length=64,
    ),
    Field(
        _ENV + ".virtualization.mode", "string", "Xen: pv, hvm, pvhvm, pvh or dom0.", max_length=32
    ),
    Field(_ENV + ".virtualization.version", "string", "Version of the hypervisor.", max_length=64),
    Field(_ENV + ".virtualization.role", "string", "guest or host.", choices=("guest", "host")),
    Field(
        _ENV + ".virtualization.container",
        "string",
        "Container, systemd-detect-virt's name.",
        max_length=64,
    ),
    Field(
        _ENV + ".virtualization.signals",
        "map",
        "Every raw signal seen, kept as it was, so that the decision can be made again.",
        values=("string", "number", "boolean"),
        max_items=100,
    ),
    Field(_ENV + ".cloud", "object", "The cloud, where there is one."),
    Field(_ENV + ".cloud.provider", "string", "aws, gce, azure, ...", max_length=64),
    Field(
        _ENV + ".cloud.instance_type", "string", "The provider's name of the size.", max_length=128
    ),
    Field(_ENV + ".cloud.region", "string", "Region.", max_length=64),
    Field(_ENV + ".cloud.image", "string", "Machine image.", max_length=256),
    Field(_ENV + ".cpu", "object", "The processors."),
    Field(_ENV + ".cpu.model", "string", "Model name as the kernel prints it.", max_length=256),
    Field(_ENV + ".cpu.vendor", "string", "Vendor.", max_length=64),
    _count(_ENV + ".cpu.sockets", "Sockets.", 65_536),
    _count(_ENV + ".cpu.cores", "Physical cores.", 65_536),
    _count(_ENV + ".cpu.threads", "Hardware threads.", 65_536),
    _count(_ENV + ".cpu.online", "CPUs that the run could use.", 65_536),
    Field(
        _ENV + ".cpu.mitigations",
        "map",
        "/sys/devices/system/cpu/vulnerabilities, file by file.",
        values=("string",),
        max_items=100,
    ),
    _count(_ENV + ".memory_bytes", "Memory.", unit="bytes"),
    Field(_ENV + ".clocksource", "string", "The kernel's current clock source.", max_length=64),
    _percent(_ENV + ".spin_steal_percent", "Taken by others from CPUs that spun before the runs."),
    Field(_ENV + ".nic", "object", "The network card of the path, when the run left the host."),
    Field(_ENV + ".nic.driver", "string", "Driver.", max_length=64),
    _count(_ENV + ".nic.queues", "Receive queues.", 65_536),
    _count(_ENV + ".nic.mtu_bytes", "MTU.", 2**31, unit="bytes"),
    Field(
        _ENV + ".nic.offloads",
        "map",
        "Offloads under ethtool's names.",
        values=("boolean",),
        max_items=100,
    ),
    Field(
        _ENV + ".tuning",
        "map",
        "Accept-path settings: dotted sysctls, conntrack, rps.lo, rps.nic, firewall_rules, ...",
        values=("string", "number", "boolean"),
        max_items=200,
    ),
    Field(
        "runs",
        "list",
        "One row a netperf invocation, or N started together as N streams.",
        max_items=2_000,
        required=True,
    ),
    Field(_RUN + ".tool", "string", "netperf, crr-submit app, ab or wrk.", max_length=64),
    Field(_RUN + ".tool_version", "string", "Its version.", max_length=64),
    Field(_RUN + ".command", "string", "The command line of one stream.", max_length=2_000),
    Field(
        _RUN + ".topology",
        "string",
        "Where the far end is.",
        choices=("loopback", "same_host", "same_lan", "same_zone", "cross_zone", "wan"),
    ),
    Field(
        _RUN + ".streams",
        "integer",
        "netperf instances started together.",
        minimum=1,
        maximum=10_000,
    ),
    Field(
        _RUN + ".placement",
        "string",
        "Where netperf and netserver ran, read back and not assumed.",
        choices=("unpinned", "same_cpu", "cross_cpu"),
    ),
    Field(
        _RUN + ".warm_up", "boolean", "Declared a warm-up by the plan, so never part of a figure."
    ),
    Field(_RUN + ".partial", "boolean", "The run was cut short."),
    Field(_RUN + ".started_at", "string", "UTC, RFC 3339.", max_length=64),
    Field(_RUN + ".ended_at", "string", "UTC, RFC 3339.", max_length=64),
    Field(
        _RUN + ".outputs",
        "list",
        "Raw text of each netperf instance.",
        max_items=1_000,
        required=True,
    ),
    Field(
        _RUN + ".outputs[]",
        "string",
        "What netperf printed.",
        max_length=OUTPUT_LENGTH,
        required=True,
    ),
    Field(_RUN + ".remote_environment", "object", "The far end: the fields of environment."),
    Field(_RUN + ".telemetry", "object", "Read inside the active window of the run."),
    Field(_RUN + ".telemetry.cpu", "list", "One row a CPU.", max_items=4_096),
    _count(_CPU + ".cpu", "CPU number.", 65_536),
    _percent(_CPU + ".busy_percent", "Not idle."),
    _percent(_CPU + ".softirq_percent", "In softirq."),
    _percent(_CPU + ".steal_percent", "Stolen by the hypervisor."),
    _count(_CPU + ".idle_entries", "Times the CPU entered an idle state."),
    Field(
        _RUN + ".telemetry.netstat",
        "map",
        "TcpExt counters, difference over the run.",
        values=("number",),
        max_items=200,
    ),
    Field(
        _RUN + ".telemetry.softnet",
        "map",
        "/proc/net/softnet_stat: received_rps, difference over the run.",
        values=("number",),
        max_items=20,
    ),
    Field(
        _RUN + ".telemetry.interrupts",
        "map",
        "/proc/interrupts rows, difference over the window.",
        values=("number",),
        max_items=100,
    ),
    Field(
        _RUN + ".telemetry.softirqs",
        "map",
        "/proc/softirqs rows, difference over the window.",
        values=("number",),
        max_items=100,
    ),
    Field(
        _RUN + ".telemetry.conntrack",
        "map",
        "conntrack: count, max, drop.",
        values=("number",),
        max_items=20,
    ),
    _count(
        _RUN + ".telemetry.cgroup_throttled", "Periods in which the CPU quota throttled the run."
    ),
    Field(
        _RUN + ".telemetry.connect_times_us", "list", "Connect times.", unit="us", max_items=10_000
    ),
    Field(
        _RUN + ".telemetry.connect_times_us[]",
        "number",
        "One connect time.",
        unit="us",
        minimum=0,
        maximum=1e12,
        required=True,
    ),
    Field("experiment", "object", "Set when the report is a paired one."),
    Field("experiment.factor", "string", "The factor that was changed.", max_length=128),
    Field("experiment.blocks", "list", "Order of the arms: ABBA or BAAB a block.", max_items=64),
    Field("experiment.blocks[]", "string", "One block.", choices=("ABBA", "BAAB"), required=True),
    Field("experiment.arms", "list", "The two arms; A is the first.", max_items=2),
    Field("experiment.arms[].value", "string", "The factor's value in this arm.", max_length=128),
    Field("experiment.arms[].runs", "list", "Indexes into runs.", max_items=2_000),
    Field(
        "experiment.arms[].runs[]", "integer", "One index.", minimum=0, maximum=2_000, required=True
    ),
    Field("notes", "string", "Free text.", max_length=10_000),
    Field("visibility", "string", "Who sees it in lists.", choices=("public", "unlisted")),
)


def _size(path: str, text: str, *selectors: str) -> Field:
    return Field(path, "integer", text, unit="bytes", selectors=selectors, minimum=0)


def _latency(path: str, text: str, *selectors: str) -> Field:
    return Field(path, "number", text, unit="us", better="lower", selectors=selectors, minimum=0)


RESULT: Tuple[Field, ...] = (
    Field(
        "test",
        "string",
        "netperf's name of the test in capitals; OMNI where the output names none; HTTP_ACCEPT and "
        "HTTP_KEEPALIVE of crr-submit app.",
        required=True,
    ),
    Field(
        "value",
        "number",
        "Transactions per second, or bits per second that the receiver got.",
        unit="trans/s or bit/s",
        better="higher",
        selectors=("THROUGHPUT",),
        minimum=0,
        maximum=VALUE_LIMIT,
        required=True,
    ),
    Field(
        "unit",
        "string",
        "trans/s or bit/s.",
        choices=(TRANSACTION_UNIT, STREAM_UNIT),
        selectors=("THROUGHPUT_UNITS",),
        required=True,
    ),
    Field(
        "elapsed_time_s",
        "number",
        "How long netperf measured.",
        unit="s",
        selectors=("ELAPSED_TIME",),
        minimum=0,
    ),
    _size("request_size_bytes", "Request.", "REQUEST_SIZE"),
    _size("response_size_bytes", "Response.", "RESPONSE_SIZE"),
    _size("message_size_bytes", "Bytes of one send, for stream tests.", "LOCAL_SEND_SIZE"),
    _size("local_send_socket_bytes", "Send socket, netperf side.", "LSS_SIZE_END", "LSS_SIZE"),
    _size("local_recv_socket_bytes", "Receive socket, netperf side.", "LSR_SIZE_END", "LSR_SIZE"),
    _size("remote_send_socket_bytes", "Send socket, netserver side.", "RSS_SIZE_END", "RSS_SIZE"),
    _size(
        "remote_recv_socket_bytes", "Receive socket, netserver side.", "RSR_SIZE_END", "RSR_SIZE"
    ),
    Field(
        "sent_value",
        "number",
        "UDP_STREAM: what the sender sent.",
        unit="bit/s",
        selectors=("LOCAL_SEND_THROUGHPUT",),
        minimum=0,
    ),
    Field(
        "local_cpu_percent",
        "number",
        "CPU in use, netperf side.",
        unit="percent",
        better="lower",
        selectors=("LOCAL_CPU_UTIL",),
        minimum=0,
    ),
    Field(
        "remote_cpu_percent",
        "number",
        "CPU in use, netserver side.",
        unit="percent",
        better="lower",
        selectors=("REMOTE_CPU_UTIL",),
        minimum=0,
    ),
    Field(
        "local_service_demand_us",
        "number",
        "CPU time a transaction or KB, netperf side.",
        unit="us",
        better="lower",
        selectors=("LOCAL_SD",),
        minimum=0,
    ),
    Field(
        "remote_service_demand_us",
        "number",
        "CPU time a transaction or KB, netserver side.",
        unit="us",
        better="lower",
        selectors=("REMOTE_SD",),
        minimum=0,
    ),
    _latency("mean_latency_us", "Mean latency.", "MEAN_LATENCY"),
    _latency("min_latency_us", "Least latency.", "MIN_LATENCY"),
    _latency("max_latency_us", "Greatest latency.", "MAX_LATENCY"),
    _latency("p50_latency_us", "Median latency.", "P50_LATENCY"),
    _latency("p90_latency_us", "90th percentile.", "P90_LATENCY"),
    _latency("p99_latency_us", "99th percentile.", "P99_LATENCY"),
    _latency("stddev_latency_us", "Standard deviation of latency.", "STDDEV_LATENCY"),
    Field(
        "netperf_confidence_level",
        "number",
        "Level netperf was asked for with -I.",
        unit="percent",
        selectors=("CONFIDENCE_LEVEL",),
    ),
    Field(
        "netperf_confidence_width_percent",
        "number",
        "Full width of netperf's own interval that it reached.",
        unit="percent",
        better="lower",
        selectors=("THROUGHPUT_CONFID",),
    ),
    Field(
        "migrated",
        "boolean",
        "The banner says MIGRATED: netperf 2.5 or later ran the test by its omni code.",
    ),
    Field(
        "address_family",
        "string",
        "inet, inet6 or unix, from the banner.",
        choices=("inet", "inet6", "unix"),
    ),
    Field("warnings", "list", "What netperf or the parser says about this result."),
)
