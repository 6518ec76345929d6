"""Words that no machine and no person is told by, however often one is called so. No Django.

Text in, yes or no out; called by the scrubber before a name that a line gives is looked for in the
rest of the text, which would take such a word out of netperf's own output.
"""

import re

from crr_submit.netperf.omni import TITLES
from crr_submit.netperf.tables import TESTS

# No name is shorter than this where it stands on its own: "us", "KB" and "db" are everywhere.
SHORTEST_NAME = 3

_SHELL = re.compile(r"(?i)(?:ba|z|k|da|c|tc|a)?sh(?:-[0-9.]{1,8})?")
_NUMBER = re.compile(r"(?i)[0-9.]{1,40}(?:e[0-9]{1,4})?|nan|inf")
# What machines are called as often as anything else is: such a name points at nobody, and taking it
# out everywhere would make a text unreadable.
_PLAIN_WORDS = """
    localhost localdomain none null unknown
    linux kernel version release gnu unix freebsd netbsd openbsd darwin windows cygwin xen kvm qemu
    hypervisor docker podman kubernetes vagrant virtualbox vmware
    alma almalinux alpine amazon arch archlinux centos clear coreos debian fedora flatcar gentoo
    kali manjaro mint nixos opensuse oracle photon raspberrypi raspbian redhat rhel rocky slackware
    suse ubuntu
    netperf netserver flent iperf iperf3 uperf sockperf wrk neper tcp udp sctp dccp omni ipv4 ipv6
    inet inet6
    af_inet af_inet6 af_unix af_local af_unspec 0bits 3bits 6bits 9bits usec bits bytes
    migrated test tests from port conf interim result alignment offset
    kbytes mbytes gbytes trans tran secs sec per close unidirectional burst histogram demo nodelay
    confidence intervals desired was not achieved within the specified iterations failed error
    connect connection request response stream maerts sendfile send recv receive
    server client host hosts node machine computer router gateway guest master slave primary sender
    receiver local remote source target peer near far this that and for with
    http https ftp ssh scp rsync git file mailto sudo root admin user shell bash name
    eth0 eth1 lo0 ens3 ens5 enp1s0 x86_64 amd64 i386 i686 aarch64 arm64 armv7l riscv64 ppc64le smp
    net core dev vm fs conf all default sys proc lan local
    info warn warning debug notice fatal trace critical err stdout stderr
    generic preempt_dynamic preempt intel amd cpu true false yes null
"""
# What else stands behind "-H" in prose, and what far ends are called: such a name goes where it
# stands as a host's, and is looked for nowhere else.
_EVERYDAY = frozenset(
    """
    the and but nor yet also then than when where which who whom whose what why how all any both
    each few more most other others some such only own same too very just into onto over under again
    further once here there about against between through during before after above below while
    because until since its their his her our your you they them she him are was were has have had
    can could will would shall should may might must not these those out off now one two three four
    six ten another every either neither without upon via like get gets got see seen sees use used
    uses using set sets run runs ran give gives given mean means say says take takes make makes need
    needs work works let put way well even still first second third last next new old big small fast
    slow long short high low left right front back top end start stop east west north south good bad
    best main side part red blue green black white dark light
    option options flag flags switch parameter argument command commands line lines names address
    addresses addr network networks device interface card link bridge port ports packet packets
    data disk file files log logs load loss mail news web www site page app apps api cache proxy
    database queue storage store backup build builder worker workers cluster cloud node nodes pod
    pods service services container image kernel system systems user users group
    machines laptop desktop workstation lab office house room rack
    phone tablet console monitor prod production staging stage live beta alpha gamma delta public
    private internal external secondary standby lead member agent manager control controller
    bench benchmark benchmarks measure performance speed latency jitter bandwidth memory thread
    threads core cores process processes mode modes note notes
    aws azure gcp google alibaba hetzner ovh digitalocean linode oracle ibm dell lenovo supermicro
    xeon opteron epyc ryzen threadripper graviton ampere altra neoverse arm bare metal
    """.split()
)
# With a number behind it these are versions, devices and models.
_NUMBERED = frozenset(
    """
    centos debian fedora freebsd linux netbsd openbsd opensuse rhel rocky sles ubuntu windows
    kernel version release rc gen rev http ipv tcp udp php gcc python java
    eth ens enp eno lo vlan bond br vif tap veth xenbr virbr docker wlan em tun cpu core vcpu numa
    socket thread queue xeon epyc core-i tty sda nvme vda
    """.split()
)
_VOCABULARY = frozenset(
    word.strip("()").lower()
    for phrase in (_PLAIN_WORDS, *TITLES, *TITLES.values(), *TESTS)
    for word in phrase.split()
)


def points_at_someone(name: str) -> bool:
    """False for words that every text has, numbers, and shells where a host could stand."""
    plain = name.lower().rstrip(".-_")
    is_other = _NUMBER.fullmatch(plain) or _SHELL.fullmatch(plain)
    return (
        plain not in _VOCABULARY and plain.rstrip("0123456789-") not in _NUMBERED and not is_other
    )


def is_everyday(name: str) -> bool:
    """Whether a far end of this name is looked for only where a far end stands."""
    return name.lower() in _EVERYDAY
