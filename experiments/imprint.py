"""What a figure says about itself: a JSON note inside the image file.

A PNG gets a text chunk, a GIF a comment. So a figure that has left its folder still
says which experiment, settings and seed it shows, and a report can be made of a folder
of figures without running anything.
"""

import json
import struct
import zlib
from typing import Any

_PNG = b"\x89PNG\r\n\x1a\n"
_GIF = (b"GIF87a", b"GIF89a")
_PNG_HEADER = len(_PNG) + 25  # the signature and the chunk IHDR
_KEYWORD = b"Description\0"
_COMMENT = b"\x21\xfe"


def ending(image: bytes) -> str | None:
    """The file ending of a PNG or GIF, None for anything else."""
    if image.startswith(_PNG):
        return ".png"
    return ".gif" if image.startswith(_GIF) else None


def imprint(image: bytes, note: Any) -> bytes:
    """The image with a note, anything that JSON has."""
    text = json.dumps(note).encode("ascii")
    if ending(image) == ".png":
        body = b"tEXt" + _KEYWORD + text
        chunk = struct.pack(">I", len(body) - 4) + body
        chunk += struct.pack(">I", zlib.crc32(body))
        return image[:_PNG_HEADER] + chunk + image[_PNG_HEADER:]
    # A comment is a chain of blocks of at most 255 bytes, before the trailer ";".
    blocks = (text[at : at + 255] for at in range(0, len(text), 255))
    chain = b"".join(bytes([len(block)]) + block for block in blocks)
    return image[:-1] + _COMMENT + chain + b"\0" + image[-1:]


def read_imprint(image: bytes) -> Any | None:
    """The note of an image, None where there is none."""
    try:
        return json.loads(_text(image))
    except (ValueError, struct.error, IndexError):
        return None


def _text(image: bytes) -> bytes:
    if ending(image) == ".png":
        (length,) = struct.unpack_from(">I", image, _PNG_HEADER)
        chunk = image[_PNG_HEADER + 4 : _PNG_HEADER + 8 + length]
        prefix = b"tEXt" + _KEYWORD
        return chunk.removeprefix(prefix) if chunk.startswith(prefix) else b""
    # ASCII text has no 0xfe, so the last comment mark is that of the note.
    at, text = image.rfind(_COMMENT) + len(_COMMENT), b""
    while image[at]:
        text += image[at + 1 : at + 1 + image[at]]
        at += 1 + image[at]
    return text
