"""The parameters of an address, as every call of the API reads them."""

from django.http import QueryDict

from registry.refusal import Refused

LISTS = ("group_by",)  # with commas, or once for each: both are usual


def parameters(query: QueryDict) -> dict[str, str]:
    """Each parameter with its value. Raises Refused 422 where one that is no list is given twice:
    which of them was meant nobody can tell.
    """
    given = {name: list(map(str, values)) for name, values in query.lists()}
    faults = [
        {"path": name[:100], "message": "given more than once"}
        for name, values in given.items()
        if len(values) > 1 and name not in LISTS
    ]
    if faults:
        raise Refused(422, "invalid", "The query is not valid.", faults)
    return {name: ",".join(values) for name, values in given.items()}
