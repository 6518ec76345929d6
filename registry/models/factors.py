"""What a run was: its recipe (must match or the comparison is refused), its system (what people
compare), who sent it.

Rows are found by the digest of their canonical content, so that many writers agree on one row
without a lock.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

from django.db import models
from django.db.models import Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django.utils import timezone

from registry.models.identity import digest_of, keyed_digest, new_public_id
from registry.models.written_once import WrittenOnce
from registry.vocabulary.factors import SYSTEM_FACTORS

M = TypeVar("M", bound="Digested")
ADDRESS_KEPT = timedelta(days=30)


class Digested(models.Model):
    """A row that is its content: equal content, equal digest, one row."""

    digest = models.CharField(max_length=64, unique=True)

    class Meta:
        abstract = True

    @classmethod
    def rows_of(cls: type[M], contents: Sequence[Mapping[str, Any]]) -> list[M]:
        """The row of each of `contents`, made where missing.

        INSERT … ON CONFLICT DO NOTHING in the order of the digests: no row is updated and two
        writers cannot deadlock. Runs of a report share their contents, so each object is looked at
        once.
        """
        digests = {name: digest_of(content) for name, content in _by_identity(contents).items()}
        wanted = {digests[id(content)]: content for content in contents}
        found = {row.digest: row for row in _by_digest(cls)(sorted(wanted))}
        missing = sorted(wanted.keys() - found.keys())
        if missing:
            cls._default_manager.bulk_create(
                [cls(digest=digest, **wanted[digest]) for digest in missing], ignore_conflicts=True
            )
            found |= {row.digest: row for row in cls._default_manager.filter(digest__in=missing)}
        return [found[digests[id(content)]] for content in contents]


@cache
def _by_digest(model: type[Digested]) -> WrittenOnce:
    return WrittenOnce(lambda digests: model._default_manager.filter(digest__in=digests))


def _by_identity(contents: Iterable[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    return {id(content): content for content in contents}


class Recipe(Digested):
    """What must match before two runs are averaged or compared. Null matches only null."""

    class Source(models.TextChoices):
        PLAN = "plan", "measured by crr-submit"
        PASTED = "pasted", "pasted text"
        IMPORTED = "imported", "imported"

    test = models.CharField(max_length=64)
    unit = models.CharField(max_length=16)
    topology = models.CharField(max_length=16, null=True)
    address_family = models.CharField(max_length=8, null=True)
    streams = models.PositiveIntegerField(null=True)
    placement = models.CharField(max_length=16, null=True)
    request_size_bytes = models.BigIntegerField(null=True)
    response_size_bytes = models.BigIntegerField(null=True)
    message_size_bytes = models.BigIntegerField(null=True)
    socket_options = models.CharField(max_length=64, null=True)  # sizes asked for with -s and -S
    netperf_generation = models.CharField(
        max_length=8, null=True
    )  # bsd: 2.4 and before; omni: 2.5 and later
    timing_options = models.CharField(
        max_length=64
    )  # sorted, comma-separated: burst,confidence,cpu,demo,latency
    duration_class = models.CharField(
        max_length=8, null=True
    )  # short < 2 s, normal 2 to 20 s, long, count
    far_end = models.CharField(max_length=64, null=True)
    source = models.CharField(max_length=16, choices=Source.choices)
    # Not part of what it is: the generation in which figures of it changed last.
    generation = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        indexes = [
            # leaderboards and charts start from the test
            models.Index(
                fields=["test", "streams", "placement", "topology"], name="recipe_by_test"
            ),
            # charts: what changed since they were marked last
            models.Index(fields=["generation"], name="recipe_by_generation"),
        ]

    def __str__(self) -> str:
        return f"{self.test} {self.streams} {self.placement} {self.topology}"


RECIPE_FIELDS = tuple(
    field.name for field in Recipe._meta.fields if field.name not in {"id", "digest", "generation"}
)


class System(Digested):
    """The factors of a run (`registry.vocabulary.factors`): the environment, overlaid with the
    arm's value.
    """

    virtualization = models.CharField(max_length=64, null=True)
    virtualization_mode = models.CharField(max_length=32, null=True)
    hypervisor_version = models.CharField(max_length=64, null=True)
    container = models.CharField(max_length=64, null=True)
    kernel_release = models.CharField(max_length=128, null=True)
    kernel_series = models.CharField(max_length=64, null=True)
    os = models.CharField(max_length=128, null=True)
    provider = models.CharField(max_length=64, null=True)
    instance_type = models.CharField(max_length=128, null=True)
    cpu_model = models.CharField(max_length=256, null=True)
    cpus = models.PositiveIntegerField(null=True)
    nic_driver = models.CharField(max_length=64, null=True)
    clocksource = models.CharField(max_length=64, null=True)
    settings = models.JSONField(
        default=dict
    )  # experiment factors by name: dotted sysctls, conntrack, rps.lo, …

    class Meta:
        indexes = [
            # the rule unlike_peers: systems of one stratum
            models.Index(fields=["cpu_model", "cpus"], name="system_by_cpu"),
        ]

    def __str__(self) -> str:
        return f"{self.virtualization} {self.kernel_release}"

    def factors(self) -> dict[str, Any]:
        """Every factor by name, settings among them."""
        return {name: getattr(self, name) for name in SYSTEM_FACTORS} | dict(self.settings)


def setting(name: str, column: str = "settings") -> Cast:
    """A setting's value as text, for queries; `column` leads to the settings of a system."""
    return Cast(KeyTextTransform(name, column), models.TextField())


class Machine(models.Model):
    """One machine, one vote. Inside: an HMAC of the client's random id. Outside: a random public
    number.
    """

    key_digest = models.CharField(max_length=64, unique=True)
    public_id = models.CharField(max_length=16, unique=True, default=new_public_id)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.public_id

    @staticmethod
    def for_id(machine_id: str) -> "Machine":
        return Machine.for_ids([machine_id])[machine_id]

    @staticmethod
    def for_ids(machine_ids: Iterable[str]) -> dict[str, "Machine"]:
        """Machines by the client's id, made where missing."""
        digests = {name: keyed_digest("machine", name.encode()) for name in machine_ids}
        found = {row.key_digest: row for row in _machines(sorted(set(digests.values())))}
        missing = sorted(set(digests.values()) - found.keys())
        if missing:
            Machine.objects.bulk_create(
                [Machine(key_digest=digest) for digest in missing], ignore_conflicts=True
            )
            rows = Machine.objects.filter(key_digest__in=missing)
            found |= {row.key_digest: row for row in rows}
        return {name: found[digest] for name, digest in digests.items()}

    @staticmethod
    def for_public_ids(public_ids: Iterable[str]) -> dict[str, "Machine"]:
        """Machines by their public numbers, made where missing: those of a dump that is restored,
        in which the senders' own ids are not.
        """
        wanted = sorted(set(public_ids))
        found = {row.public_id: row for row in Machine.objects.filter(public_id__in=wanted)}
        missing = [name for name in wanted if name not in found]
        Machine.objects.bulk_create(
            Machine(public_id=name, key_digest=keyed_digest("machine of a dump", name.encode()))
            for name in missing
        )
        if missing:
            found |= {row.public_id: row for row in Machine.objects.filter(public_id__in=missing)}
        return found


class Submitter(models.Model):
    """Who sent a report: an opaque row. Its link to an address is a salted hash of the day and
    goes after 30 days.
    """

    link_digest = models.CharField(max_length=64, unique=True, null=True)
    created_at = models.DateTimeField(default=timezone.now)
    is_import = models.BooleanField(
        default=False
    )  # one row a (source, machine); not counted in quotas

    class Meta:
        indexes = [
            # forget_addresses()
            models.Index(
                fields=["created_at"],
                name="submitter_linked",
                condition=Q(link_digest__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"submitter {self.pk}"

    @staticmethod
    def of_today(address: str) -> "Submitter":
        """Whoever sends from this address today."""
        return Submitter.for_link(f"{timezone.now().date().isoformat()} {address}")

    @staticmethod
    def for_link(link: str, is_import: bool = False) -> "Submitter":
        return Submitter.for_links([link], is_import)[link]

    @staticmethod
    def for_links(links: Iterable[str], is_import: bool = False) -> dict[str, "Submitter"]:
        """Submitters by their link, made where missing."""
        digests = {link: keyed_digest("submitter", link.encode()) for link in links}
        found = {row.link_digest: row for row in _submitters(sorted(set(digests.values())))}
        missing = sorted(set(digests.values()) - found.keys())
        if missing:
            Submitter.objects.bulk_create(
                [Submitter(link_digest=digest, is_import=is_import) for digest in missing],
                ignore_conflicts=True,
            )
            rows = Submitter.objects.filter(link_digest__in=missing)
            found |= {row.link_digest: row for row in rows}
        return {link: found[digest] for link, digest in digests.items()}

    @classmethod
    def forget_addresses(cls) -> int:
        """Cut the link of senders older than 30 days; the rows stay. Returns how many were cut."""
        due = cls.objects.filter(
            created_at__lt=timezone.now() - ADDRESS_KEPT, link_digest__isnull=False, is_import=False
        )
        return due.update(link_digest=None)


_machines = WrittenOnce(lambda digests: Machine.objects.filter(key_digest__in=digests))
_submitters = WrittenOnce(lambda digests: Submitter.objects.filter(link_digest__in=digests))
