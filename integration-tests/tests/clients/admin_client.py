"""Works on a cluster by the WSDL of its admin services with zeep, and prints what it got as JSON.

Arguments: address of the WSDL, port (soap11 or soap12), bearer token.
"""

import json
import sys

import requests
import zeep
from zeep.exceptions import Fault
from zeep.transports import Transport


def plain(value):
    return zeep.helpers.serialize_object(value, dict)


def main(address, port, token):
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = f"Bearer {token}"
    client = zeep.Client(address, transport=Transport(session=session), settings=zeep.Settings(strict=True))
    admin = client.bind("busker_admin", port)
    found = {"operations": len(client.wsdl.bindings["{urn:busker:admin:1}" + port]._operations)}
    found["cluster"] = plain(admin.busker_cluster_get())
    name = f"zeep {port} <&>"
    settings = {"url_path": f"/{port}", "service": "samples.echo", "timeout_ms": 5000, "cancel_on_disconnect": True}
    found["created"] = plain(admin.busker_channel_http_create(name=name, settings=settings))
    found["listed"] = plain(admin.busker_channel_http_list(filter=port, limit=5))
    found["statistics"] = plain(admin.busker_statistics_get())
    payload = json.dumps({"text": "ä"})
    invoked = admin.busker_service_invoke(name="samples.echo", payload=payload, headers={"entry": [{"key": "X-A", "_value_1": "b"}]})
    found["invoked"] = plain(invoked)
    try:
        admin.busker_channel_http_create(name=name, settings={"url_path": "no", "service": "a b"})
    except Fault as fault:
        detail = client.wsdl.types.deserialize(fault.detail[0])
        found["fault"] = {"code": fault.code, "message": fault.message, "detail": plain(detail)}
    print(json.dumps(found, default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
