"""Which of its forms an address of the API answers in. Named in the settings."""

from collections.abc import Iterable
from typing import Any

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

_NO_SUCH = "This address has no such format."


class Formats(DefaultContentNegotiation):
    """`?format=` or the Accept header. A `?format=` that is not there is 406: 404, as DRF has it,
    says that the address itself is wrong. An Accept header is a wish: what cannot be granted gets
    the address's first form, so that a browser or a library of forms is answered all the same.
    """

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: Any = None
    ) -> tuple[Any, str]:
        if request.query_params.get(self.settings.URL_FORMAT_OVERRIDE) == "":
            raise NotAcceptable(_NO_SUCH)
        try:
            found = super().select_renderer(request, renderers, format_suffix)
            # What an address allows is no row of its table.
            return (renderers[0], renderers[0].media_type) if request.method == "OPTIONS" else found
        except NotAcceptable:
            if self.settings.URL_FORMAT_OVERRIDE in request.query_params:
                raise
            return renderers[0], renderers[0].media_type

    def filter_renderers(
        self, renderers: Iterable[BaseRenderer], format: str
    ) -> list[BaseRenderer]:
        found = [renderer for renderer in renderers if renderer.format == format]
        if not found:
            raise NotAcceptable(_NO_SUCH)
        return found
