"""Who deleted a cache that is not there any more: what the activity logs of the subscriptions keep.

A cache that is gone leads to no resource group, so that a subscription's whole log is read, of Redis
alone. What a role may not read, or what there was no time for, is unseen: a log without the deletion
is no proof that there was none.
"""

from __future__ import annotations

from refused.evidence.control_plane import CONTROL_PLANE, ChangeSearch
from refused.evidence.observations import Unseen
from refused.probes.azure import monitor
from refused.probes.azure.find import TYPES, subscriptions
from refused.probes.azure.ways import iso, last_of, part_of
from refused.service.arm import api_version
from refused.service.clouds import service_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from refused.probes.azure.client import Plane
    from refused.probes.azure.crew import Crew
    from refused.probes.azure.read import Book

# The log is kept for 90 days, and a filter that begins earlier is refused; an hour is left for clocks
# that differ. Source: https://learn.microsoft.com/azure/azure-monitor/platform/activity-log
KEPT_S = 90 * 86400.0 - 3600.0
# Each costs a request of a second or more; who sees more names one.
MOST_SUBSCRIPTIONS = 12
_KIND = "Microsoft.Insights/eventtypes"
# Only these: a record holds a copy of the caller's claims besides. Source of the filter's and the selection's words:
# https://learn.microsoft.com/rest/api/monitor/activity-logs/list
_SELECTED = (
    "caller,correlationId,eventName,eventTimestamp,httpRequest,operationName,resourceId,status"
)


class Sought:
    """A cache that no list holds.

    Attributes:
        host: The host name that leads there, ``""`` where only a name was given.
        places: The subscriptions to look in; none asks for all that the credential sees.
    """

    __slots__ = ("name", "host", "places")

    def __init__(self, name: str, host: str, places: Sequence[str]) -> None:
        self.name, self.host, self.places = name, host, tuple(places)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The types of resource that its host name can belong to."""
        service = service_of(self.host).service if self.host else None
        if service == "acr":
            return TYPES[:1]
        return TYPES[1:] if service in ("acre", "amr") else TYPES


def seek(plane: Plane, crew: Crew, book: Book, sought: Sought, until: float) -> None:
    """Have the log of each subscription searched for the deletion, side by side."""
    places = sought.places
    if not places:
        answer, places = subscriptions(plane)
        if not answer.ok:
            book.write(answer.unseen("ResourceChange"))
            return
    for place in places[:MOST_SUBSCRIPTIONS]:
        crew.add("ResourceChange", _read_subscription, plane, book, sought, place, until)
    if len(places) > MOST_SUBSCRIPTIONS:
        why = f"the activity logs of {MOST_SUBSCRIPTIONS} of {len(places)} subscriptions were read"
        book.write(_unseen(why, "name one with --subscription"))
    elif not places:
        book.write(_unseen("the credential sees no subscription", "log in to the right tenant"))


def seek_resource(plane: Plane, book: Book, cache_id: str, since: float, until: float) -> None:
    """Search the log for the deletion of a resource whose id is known."""
    place, only = part_of(cache_id, "subscriptions"), f"resourceUri eq '{cache_id}'"
    _search(plane, book, Sought(last_of(cache_id), "", (place,)), only, (since, until))


def _read_subscription(plane: Plane, book: Book, sought: Sought, place: str, until: float) -> None:
    sought = Sought(sought.name, sought.host, (place,))
    only = "resourceProvider eq 'Microsoft.Cache'"
    _search(plane, book, sought, only, (until - KEPT_S, until))


def _search(plane: Plane, book: Book, sought: Sought, only: str, span: tuple[float, float]) -> None:
    """Search the log of the one subscription in *sought*."""
    answer = plane.ask_all(
        f"/subscriptions/{sought.places[0]}/providers/{_KIND}/management/values",
        api_version(_KIND),
        {
            "$filter": f"eventTimestamp ge '{iso(span[0])}' and eventTimestamp le '{iso(span[1])}'"
            f" and {only}",
            "$select": _SELECTED,
        },
    )
    if not answer.ok:
        book.write(answer.unseen("ResourceChange"))
        return
    stamp = answer.stamp()
    stamp["source"] += f", deletions of {sought.name}"
    found = monitor.deletions_of(answer.body, sought.name, sought.kinds, stamp)
    book.write(
        *found,
        ChangeSearch(
            **stamp, found_in="activity-log", from_s=span[0], to_s=span[1], count=len(found)
        ),
    )
    if not answer.is_whole and not found:
        # The log comes newest first.
        why = "the activity log is long, and only its last part was read"
        book.write(_unseen(why, "give --subscription, or more time with --timeout"))


def _unseen(why: str, how: str) -> Unseen:
    return Unseen(vantage=CONTROL_PLANE, what="ResourceChange", why=why, how_to_see=how)
