"""The network card that packets leave by: driver, queues, MTU, offloads, and its spread over CPUs.

Its name and addresses are looked up and never kept. Offloads are read with the ethtool ioctl, which
needs no root.
"""

import array
import contextlib
import fcntl
import os
import re
import socket
import struct
from typing import Any, Dict, Iterator, List, Optional, Set

from crr_submit.host import Host
from crr_submit.programs import CannotMeasure

_SIOCETHTOOL = 0x8946
_SIOCGIFADDR = 0x8915
# ethtool's own names, and the command that asks for each (include/uapi/linux/ethtool.h); the next
# number sets it.
_OFFLOADS = {
    "rx-checksumming": 0x14,
    "tx-checksumming": 0x16,
    "scatter-gather": 0x18,
    "tcp-segmentation-offload": 0x1E,
    "generic-segmentation-offload": 0x23,
    "generic-receive-offload": 0x2B,
}
SETTABLE = {"sg": 0x18, "tso": 0x1E, "gso": 0x23, "gro": 0x2B}
# netlink(7): NETLINK_ROUTE with RTM_GETQDISC, and the parts of every dialogue.
_ROUTE, _GET_QDISC, _ROOT = 0, 38, 0xFFFFFFFF
_INGRESS = 0xFFFFFFF1  # of what clsact and ingress hang on, which queue nothing
_DUMP, _ERROR, _DONE = 0x301, 2, 3
_DEFAULT_ROUTE = "00000000"
_NET = "/sys/class/net/"


def describe(host: Host, name: Optional[str]) -> Optional[Dict[str, Any]]:
    """driver, queues, mtu_bytes and offloads of a card; None without one."""
    if name is None:
        return None
    return {
        "driver": driver(host, name),
        "queues": len(_queues(host, name, "rx-")) or None,
        "mtu_bytes": host.number(_NET + name + "/mtu"),
        "offloads": offloads(name) if host.is_live else {},
    }


def spread(host: Host, name: Optional[str]) -> Dict[str, str]:
    """rps.nic, rfs.nic, xps.nic, irq_spread and qdisc of a card; the unreadable is left out."""
    if name is None:
        return {}
    found = {
        "rps.nic": any_mask(host, name, "rx-", "rps_cpus"),
        "rfs.nic": _rfs(host, name),
        "xps.nic": any_mask(host, name, "tx-", "xps_cpus"),
        "irq_spread": irq_spread(host, name),
        "qdisc": qdisc(name) if host.is_live else None,
    }
    return {factor: value for factor, value in found.items() if value is not None}


def towards(address: str) -> Optional[str]:
    """The interface that packets to an address leave by, found by the address they would have
    there; no packet is sent. None where IPv4 has no way to it.
    """
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((address, 9))
        own = socket.inet_aton(probe.getsockname()[0])
        for _, name in socket.if_nameindex():
            with contextlib.suppress(OSError):  # an interface without an address
                request = struct.pack("256s", name.encode())
                if fcntl.ioctl(probe, _SIOCGIFADDR, request)[20:24] == own:
                    return _plain(name)
    return None


def default_interface(host: Host) -> Optional[str]:
    """The interface of the IPv4 default route with the lowest metric, else of the IPv6 one."""
    routes = [line.split() for line in host.lines("/proc/net/route")[1:]]
    metrics = [
        (int(words[6]), words[0])
        for words in routes
        if len(words) > 7 and words[1] == words[7] == _DEFAULT_ROUTE and words[6].isdigit()
    ]
    if metrics:
        return _plain(min(metrics)[1])
    routes = [line.split() for line in host.lines("/proc/net/ipv6_route")]
    names = [w[9] for w in routes if len(w) > 9 and w[0] == "0" * 32 and w[1] == "00"]
    return next((_plain(name) for name in names if name != "lo"), None)


def _plain(name: str) -> Optional[str]:
    """The name, when it can be part of a path and nothing else."""
    return name if re.match(r"[A-Za-z0-9_.:@-]{1,15}\Z", name) and name != ".." else None


def driver(host: Host, name: str) -> Optional[str]:
    try:
        return os.path.basename(os.readlink(str(host.path(_NET + name + "/device/driver"))))
    except OSError:
        return None


def offloads(name: str) -> Dict[str, bool]:
    """Whether each offload is on; those that the driver does not know are left out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        answers = {what: _ethtool(control, name, code) for what, code in _OFFLOADS.items()}
    return {what: bool(answer) for what, answer in answers.items() if answer is not None}


def set_offload(name: str, offload: str, is_on: int, _: int) -> None:
    """Turn tso, sg, gso or gro of a card on or off and read it back; raises CannotMeasure."""
    code = SETTABLE[offload]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        _ethtool(control, name, code + 1, is_on)
        if _ethtool(control, name, code) != is_on:
            raise CannotMeasure("offload.%s of %s cannot be set" % (offload, name))


def _ethtool(control: socket.socket, name: str, code: int, data: int = 0) -> Optional[int]:
    value = array.array("B", struct.pack("II", code, data))
    request = struct.pack("16sP", name.encode(), value.buffer_info()[0])
    try:
        fcntl.ioctl(control, _SIOCETHTOOL, request)
    except OSError:
        return None
    return int(struct.unpack("II", value.tobytes())[1])


def irq_spread(host: Host, name: str) -> Optional[str]:
    """`4 interrupts on 2 CPUs`: how many the card has, and how many CPUs take them now."""
    numbers = host.names(_NET + name + "/device/msi_irqs")
    lists = [host.text("/proc/irq/%s/effective_affinity_list" % number) for number in numbers]
    cpus = {word for text in lists if text for word in text.split(",")}
    return "%d interrupts on %d CPUs" % (len(numbers), len(cpus)) if cpus else None


def qdisc(name: str) -> Optional[str]:
    """The queueing discipline of a card, `mq/fq_codel` where its queues have theirs."""
    kinds: Dict[bool, Set[str]] = {True: set(), False: set()}
    with contextlib.suppress(OSError):
        for answer in netlink(_ROUTE, _GET_QDISC, bytes(20)):
            index, _, parent = struct.unpack_from("iII", answer, 4)
            if index == socket.if_nametoindex(name) and parent != _INGRESS:
                kind = answer[24 : 20 + struct.unpack_from("H", answer, 20)[0]]
                kinds[parent == _ROOT].add(kind.rstrip(b"\0").decode("ascii", "replace"))
    return "/".join(kind for of in (True, False) for kind in sorted(kinds[of])) or None


def netlink(family: int, question: int, body: bytes) -> Iterator[bytes]:
    """What the kernel lists in answer, without headers; OSError where it refuses."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, family) as kernel:
        kernel.send(struct.pack("IHHII", 16 + len(body), question, _DUMP, 0, 0) + body)
        while True:
            part = kernel.recv(1 << 20)
            while part:
                size, kind = struct.unpack_from("IH", part)
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    raise OSError(-struct.unpack_from("i", part, 16)[0], "netlink")
                yield part[16:size]
                part = part[(size + 3) & ~3 :]


def _queues(host: Host, name: str, kind: str) -> List[str]:
    return [queue for queue in host.names(_NET + name + "/queues") if queue.startswith(kind)]


def any_mask(host: Host, name: str, kind: str, file: str) -> Optional[str]:
    """on when any queue has a CPU in its mask (`00000000,00000003`)."""
    paths = [_NET + "%s/queues/%s/%s" % (name, q, file) for q in _queues(host, name, kind)]
    masks = [mask for mask in map(host.text, paths) if mask is not None]
    if not masks:
        return None
    return "on" if any(mask.strip("0,") for mask in masks) else "off"


def _rfs(host: Host, name: str) -> Optional[str]:
    """on when a queue has flow entries and the host has a table for them."""
    paths = [_NET + "%s/queues/%s/rps_flow_cnt" % (name, q) for q in _queues(host, name, "rx-")]
    counts = [count for count in map(host.number, paths) if count is not None]
    table = host.number("/proc/sys/net/core/rps_sock_flow_entries")
    if not counts or table is None:
        return None
    return "on" if table and any(counts) else "off"
