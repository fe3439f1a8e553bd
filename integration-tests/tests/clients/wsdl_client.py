"""Loads the WSDL of a channel with zeep, calls its one operation and prints what it got as JSON.

Arguments: address of the WSDL, port (soap11 or soap12), JSON of right input, JSON of wrong input, JSON of input that the
service refuses.
"""

import json
import sys

import requests
import zeep
from zeep.exceptions import Fault
from zeep.transports import Transport


def typed(client, call):
    """The fault of a call, its detail read by the types of the WSDL."""
    try:
        call()
        return None
    except Fault as fault:
        detail = client.wsdl.types.deserialize(fault.detail[0])
        return {"code": fault.code, "message": fault.message, "detail": zeep.helpers.serialize_object(detail, dict)}


def main(address, port, right, wrong, refused):
    session = requests.Session()
    session.trust_env = False
    client = zeep.Client(address, transport=Transport(session=session), settings=zeep.Settings(strict=True))
    service = next(iter(client.wsdl.services.values()))
    proxy = client.bind(service.name, port)
    (name,) = service.ports[port].binding._operations
    operation = proxy[name]
    found = {"operation": name, "signature": service.ports[port].binding._operations[name].input.signature()}
    found["answer"] = zeep.helpers.serialize_object(operation(**json.loads(right)), dict)
    found["refused"] = typed(client, lambda: operation(**json.loads(refused)))
    # Sent as it is: zeep itself would not send what the WSDL does not allow.
    message = client.create_message(proxy, name, **json.loads(right))
    for element, value in json.loads(wrong).items():
        for found_element in message.iter("{*}" + element):
            found_element.text = value
    found["wrong"] = typed(client, lambda: send(client, proxy, name, message))
    found["types"] = {k: type(v).__name__ for k, v in (found["answer"].get("item") or {}).items()}
    print(json.dumps(found, default=str))


def send(client, proxy, name, message):
    binding = proxy._binding
    operation = binding.get(name)
    options = proxy._binding_options
    http_headers = {"SOAPAction": operation.soapaction, "Content-Type": "text/xml; charset=utf-8"}
    if "soap12" in type(binding).__name__.lower():
        http_headers = {"Content-Type": f'application/soap+xml; charset=utf-8; action="{operation.soapaction}"'}
    response = client.transport.post_xml(options["address"], message, http_headers)
    return binding.process_reply(client, operation, response)


if __name__ == "__main__":
    main(*sys.argv[1:])
