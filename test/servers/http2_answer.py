"""Just enough HTTP/2 (RFC 9113) to take one request of a connection and answer it
piece by piece.  Standard library only.  What the request's head says is not looked at.
"""
import struct
import threading

DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 3, 4, 6, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
INITIAL_WINDOW = 4              # a setting
PIECE = 16384                   # bytes in a frame


class Closed(Exception):
    pass


class Exchange:
    """Begins behind the line "PRI * HTTP/2.0"; body is that of the request"""

    def __init__(self, rfile, wfile):
        self.rfile, self.wfile = rfile, wfile
        self.lock = threading.Condition()
        self.windows = {0: 65535}
        self.initial = 65535
        self.closed = False
        self.body = b""
        rfile.read(8)
        self.frame(SETTINGS, 0, 0)
        while not self.take():
            pass
        threading.Thread(target=self.take_all, daemon=True).start()

    def frame(self, kind, flags, stream, payload=b""):
        with self.lock:
            self.wfile.write(struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload)
            self.wfile.flush()

    def take(self):
        """Takes a frame; is the request complete with it?"""
        head = self.rfile.read(9)
        if len(head) < 9:
            raise Closed
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        payload = self.rfile.read(int.from_bytes(head[:3], "big"))
        if kind == SETTINGS and not flags & ACK:
            for name, value in struct.iter_unpack(">HI", payload):
                if name == INITIAL_WINDOW:
                    self.initial = value
            self.frame(SETTINGS, ACK, 0)
        elif kind == PING and not flags & ACK:
            self.frame(PING, ACK, 0, payload)
        elif kind == WINDOW_UPDATE:
            with self.lock:
                self.windows[stream] = self.windows.get(stream, self.initial) + int.from_bytes(payload, "big")
                self.lock.notify_all()
        elif kind == RST_STREAM:
            raise Closed
        elif kind == HEADERS:
            self.stream = stream
            self.windows.setdefault(stream, self.initial)
        elif kind == DATA:
            self.body += payload
        return kind in (HEADERS, DATA) and bool(flags & END_STREAM)

    def take_all(self):
        try:
            while True:
                self.take()
        except (Closed, OSError, ValueError):
            with self.lock:
                self.closed = True
                self.lock.notify_all()

    def wait_until_closed(self, seconds=None):
        """True if it is"""
        with self.lock:
            return self.lock.wait_for(lambda: self.closed, seconds)

    def head(self, status, headers, last=False):
        block = bytes([0x80 | {200: 8, 400: 12, 500: 14}[status]])
        for name, value in headers:
            block += b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
        self.frame(HEADERS, END_HEADERS | (END_STREAM if last else 0), self.stream, block)

    def send(self, data, piece=PIECE):
        for at in range(0, len(data), piece):
            part = data[at:at + piece]
            with self.lock:
                self.lock.wait_for(lambda: self.closed or
                                   min(self.windows[0], self.windows[self.stream]) >= len(part))
                if self.closed:
                    raise Closed
                self.windows[0] -= len(part)
                self.windows[self.stream] -= len(part)
            self.frame(DATA, 0, self.stream, part)

    def end(self):
        self.frame(DATA, END_STREAM, self.stream)

    def reset(self):
        self.frame(RST_STREAM, 0, self.stream, struct.pack(">I", 2))
