"""One import from paths to charts that know of it: the stages put together, for the command and the
bench.
"""

from collections.abc import Iterable, Iterator

from registry.models import Generation
from registry.models.summary import summarise
from registry.signals import facts_changed
from submissions.importers import pool, records, store
from submissions.importers.inputs import found_in
from submissions.importers.item import Note
from submissions.importers.mbox import Posts

# A cell is computed anew for each batch that touches it, and an archive has few cells.
SUMMED_UP_AT_ONCE = 5_000


def import_reports(
    paths: Iterable[str], processes: int = 0, restore: bool = False, followed: str = ""
) -> Iterator[Note]:
    """Import what is at `paths`; a note for everything found there. `restore` keeps what the
    records of a dump say: ids, states and trails. `followed` is the address of the registry whose
    dump it is, where that is followed: the trail of each new report names it.
    """
    found = records.wanted(found_in(paths, Posts(store.figures_of)), restore)
    unknown = (store.without_known(batch) for batch in pool.batches(found))
    for batch in pool.prepared(unknown, processes or pool.processors()):
        yield from store.store(batch, followed)


def bring_up_to_date() -> None:
    """Have the summaries count every report that is stored, and the charts know of it."""
    while summarise(limit=SUMMED_UP_AT_ONCE, runs_limit=SUMMED_UP_AT_ONCE):
        pass
    facts_changed.send(sender=None, generation=Generation.current())
