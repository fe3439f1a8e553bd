"""Uses the API through busker.client and prints what it got as JSON. Arguments: address of the API; the token in BUSKER_TOKEN."""

import json
import os
import sys
import threading

from busker.client import Client
from busker.errors import BuskerError, Conflict, Invalid, NotFound, Timeout, Unauthenticated, Unavailable


def error_of(call):
    try:
        call()
    except BuskerError as error:
        return {
            "type": type(error).__name__, "status": error.status, "code": error.code, "cid": error.cid, "message": str(error),
            "violations": error.violations,
        }  # fmt: skip
    return None


def watched(client, names):
    """Names of the channels that the event stream tells of, while they are made."""
    paths = []
    started = threading.Event()

    def read():
        for event in client.events(["tree"]):
            started.set()
            found = [name for name in names if name in json.dumps(event.data)]
            paths.extend(name for name in found if name not in paths)
            if len(paths) == len(names):
                return

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    channels = client.objects("channel.http")
    for name in names:
        channels.create(name, url_path="/" + name, service="market.quote")
    reader.join(20)
    return paths


def main(address):
    token = os.environ["BUSKER_TOKEN"]
    client = Client(address, token=token)
    names = [f"made-{number:02}" for number in range(12)]
    found = {"watched": watched(client, names)}
    channels = client.objects("channel.http")
    found["listed"] = [channel["name"] for channel in channels.list(filter="made-")]
    read = channels.get("made-00")
    edited = channels.edit("made-00", revision=read["revision"], timeout_ms=1234)
    found["edited"] = edited["settings"]["timeout_ms"]
    found["stale"] = error_of(lambda: channels.edit("made-00", revision=read["revision"], timeout_ms=1))
    found["off"] = channels.switch("made-01", False)["active"]
    for name in names:
        channels.delete(name)
    found["gone"] = error_of(lambda: channels.get("made-00"))
    found["answer"] = client.invoke("market.quote", {"symbol": "GOOG", "quantity": 14})
    found["refused"] = error_of(lambda: client.invoke("market.quote", {"symbol": "NOPE", "quantity": 1}))
    found["fault"] = error_of(lambda: client.call("busker.channel.http.create", name="x", settings={"url_path": 7}))
    cid = client.invoke_async("market.quote", {"symbol": "GOOG", "quantity": 2}, delivery="fast")
    found["later"] = client.wait(cid, 30)["state"]
    waiting = client.invoke_async("market.quote", {"symbol": "GOOG", "quantity": 2}, delay=600)
    found["not yet"] = error_of(lambda: client.wait(waiting, 0.2))
    found["nobody"] = error_of(lambda: Client(address, token="wrong").call("busker.cluster.get"))
    found["nothing there"] = error_of(lambda: Client("http://127.0.0.1:9", token="x").call("busker.cluster.get"))
    found["kinds"] = [kind.__name__ for kind in (Conflict, Invalid, NotFound, Timeout, Unauthenticated, Unavailable)]
    found["shown"] = repr(client)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
