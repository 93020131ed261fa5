#!/usr/bin/env python3
"""TLS before a server without it.  Standard library only.

    tls_proxy.py CERTIFICATE KEY HOST:PORT LOG PROTOCOL ...

listens on 127.0.0.1, agrees with each client on one of these protocols (ALPN: h2,
http/1.1), writes which to a line of the log, and passes on what either side says.
Prints its endpoint as the first line, and ends when its standard input is closed.
"""
import socket
import ssl
import sys
import threading


def pass_on(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(client, context, address, log):
    try:
        client = context.wrap_socket(client, server_side=True)
    except OSError:
        return
    log.write("%s\n" % client.selected_alpn_protocol())
    server = socket.create_connection(address)
    threading.Thread(target=pass_on, args=(server, client), daemon=True).start()
    pass_on(client, server)


def accept_all(listener, *args):
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, *args), daemon=True).start()


def main():
    certificate, key, target, log, *protocols = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(protocols)
    host, _, port = target.rpartition(":")
    listener = socket.create_server(("127.0.0.1", 0))
    print("https://127.0.0.1:%d" % listener.getsockname()[1], flush=True)
    threading.Thread(target=accept_all, daemon=True,
                     args=(listener, context, (host, int(port)), open(log, "w", buffering=1))).start()
    sys.stdin.read()


main()
