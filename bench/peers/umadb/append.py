"""Appends to a UmaDB of its own, as many at once as WRITERS says, each to a stream of its own; prints events per second."""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

import umadb

WRITERS, BATCH, MILLISECONDS = (int(os.environ[name]) for name in ("WRITERS", "BATCH", "MILLISECONDS"))
EVENT = os.environ["EVENT"].encode()
PATIENCE_SECONDS = 10

SERVE = "from umadb.umadb_server_cli import main; main()"


def free_address():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % listener.getsockname()[1]


def connect(address):
    """A client of the server, which may still be starting."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            client = umadb.Client(f"http://{address}")
            client.head()
            return client
        except umadb.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def append(client, stream, deadline):
    """Appends until `deadline`, each time only if nobody else has written to the stream; answers the number of events."""
    query = umadb.Query([umadb.QueryItem(tags=[stream])])
    count, position = 0, None
    while time.monotonic() < deadline:
        events = [umadb.Event("appended", EVENT, tags=[stream]) for _ in range(BATCH)]
        position = client.append(events, umadb.AppendCondition(query, after=position))
        count += BATCH
    return count


def measure(address):
    clients = [connect(address) for _ in range(WRITERS)]
    counts = []
    started = time.monotonic()
    deadline = started + MILLISECONDS / 1000

    def write(number, client):
        counts.append(append(client, f"visitor-{number}", deadline))

    threads = [threading.Thread(target=write, args=item) for item in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(counts) != WRITERS:
        sys.exit("a writer failed")
    return sum(counts) / (time.monotonic() - started)


with tempfile.TemporaryDirectory() as folder:
    address = free_address()
    server = subprocess.Popen([sys.executable, "-c", SERVE, "--listen", address, "--db-path", folder], stdout=subprocess.DEVNULL)
    try:
        print(measure(address))
    finally:
        server.kill()
        server.wait()
