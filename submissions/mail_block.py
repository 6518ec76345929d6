"""A report as text that survives mail (`crr-submit send --text`): base64 of the zlib-compressed
envelope between two marks, for hosts that reach no registry.

Text in, the envelope's bytes out; no I/O, no Django. Quote marks and blanks before and after a line
are nothing, as is what stands around the block.
"""

import base64
import binascii
import re
import zlib

from crr_submit.report import BLOCK_BEGINS, BLOCK_ENDS
from registry.refusal import Refused

LIMIT_BYTES = 512 * 1024  # as a report that is sent as it is
_QUOTED = re.compile(r"[\s>|]+")


def is_in(text: str) -> bool:
    return BLOCK_BEGINS in text


def unpacked(text: str) -> bytes:
    """The envelope of the one block in a text. Raises Refused 422 where it is cut, changed, too
    large, or one of several.
    """
    _, *blocks = text.split(BLOCK_BEGINS)
    if len(blocks) != 1:
        raise _refused(f"The text holds {len(blocks)} reports: send one at a time.")
    inside, mark, _ = blocks[0].partition(BLOCK_ENDS)
    if not mark:
        raise _refused(f"The report ends before its last line, {BLOCK_ENDS}: copy all of it.")
    reader = zlib.decompressobj()
    try:
        packed = base64.b64decode(_QUOTED.sub("", inside), validate=True)
        body = reader.decompress(packed, LIMIT_BYTES + 1)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise _refused("A character of the report was lost or changed on the way.") from error
    if len(body) > LIMIT_BYTES:
        raise Refused(413, "too_large", f"The report is larger than {LIMIT_BYTES // 1024} KiB.")
    if not reader.eof:
        raise _refused("A part of the report was lost on the way.")
    return body


def _refused(message: str) -> Refused:
    return Refused(422, "bad_block", message)
