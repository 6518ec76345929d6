"""Which of its forms an address of the API answers in. Named in the settings."""

from collections.abc import Iterable

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer


class Formats(DefaultContentNegotiation):
    """`?format=` or the Accept header. A form that is not there is 406 either way: 404, as DRF has
    it for `?format=`, says that the address itself is wrong.
    """

    def filter_renderers(
        self, renderers: Iterable[BaseRenderer], format: str
    ) -> list[BaseRenderer]:
        found = [renderer for renderer in renderers if renderer.format == format]
        if not found:
            raise NotAcceptable("This address has no such format.")
        return found
