"""CBOR (RFC 8949) as AWS writes it: objects and arrays without their lengths, times as
milliseconds.  Standard library only."""
import struct

TIMES = ("ApproximateArrivalTimestamp",)
WHOLE = ("SequenceNumber", "__type", "message")     # these never come in pieces
SIMPLE = {20: False, 21: True, 22: None, 23: None}


def head(major, value):
    for low, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if value < 24:
            return bytes([major << 5 | value])
        if value < 1 << 8 * size:
            return bytes([major << 5 | low]) + value.to_bytes(size, "big")
    raise ValueError(value)


def string(major, content, pieces):
    if not pieces:
        return head(major, len(content)) + content
    middle = len(content) // 2
    return bytes([major << 5 | 31]) + b"".join(
        head(major, len(piece)) + piece for piece in (content[:middle], content[middle:])) + b"\xff"


def dumps(value, pieces=False, name=None):
    """Bytes of a value as JSON has it, but for bytes, and for times, which JSON has as seconds.  Strings may come in pieces"""
    if name in TIMES and isinstance(value, (int, float)):
        return head(6, 1) + head(0, round(value * 1000))
    if value is None or isinstance(value, bool):
        return bytes([0xF6 if value is None else 0xF4 + value])
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, bytes):
        return string(2, value, pieces)
    if isinstance(value, str):
        return string(3, value.encode(), pieces and name not in WHOLE)
    if isinstance(value, list):
        return b"\x9f" + b"".join(dumps(item, pieces) for item in value) + b"\xff"
    return b"\xbf" + b"".join(dumps(key) + dumps(item, pieces, key) for key, item in value.items()) + b"\xff"


def loads(body):
    """The value that a body holds, all of it"""
    value, at = item(body, 0)
    if at != len(body):
        raise ValueError("%d bytes behind the end" % (len(body) - at))
    return value


def item(body, at):
    major, low = body[at] >> 5, body[at] & 31
    at += 1
    value = low
    if low > 27:
        raise ValueError("head 0x%02x" % body[at - 1])
    if low > 23:
        size = 1 << low - 24
        value = int.from_bytes(body[at:at + size], "big")
        at += size
    if major in (0, 1):
        return (value if major == 0 else -1 - value), at
    if major in (2, 3):
        if at + value > len(body):
            raise ValueError("cut")
        content = body[at:at + value]
        return (content if major == 2 else content.decode()), at + value
    if major == 6:
        return item(body, at)
    if major == 7:
        return (struct.unpack(">d", body[at - 8:at])[0] if low == 27 else SIMPLE[value]), at
    items = []
    for _ in range(value * (2 if major == 5 else 1)):
        content, at = item(body, at)
        items.append(content)
    return (items if major == 4 else dict(zip(items[::2], items[1::2]))), at
