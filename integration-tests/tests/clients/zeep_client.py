"""Calls the service of a WSDL with zeep, as strictly as zeep can, and prints what it got as JSON.

Arguments: WSDL file, port (soap11 or soap12), username, password.
"""

import json
import sys

import requests
import zeep
from requests.auth import HTTPBasicAuth
from zeep.exceptions import Fault, TransportError
from zeep.transports import Transport


def client(wsdl, port, username, password):
    session = requests.Session()
    session.trust_env = False
    session.auth = HTTPBasicAuth(username, password)
    made = zeep.Client(wsdl, transport=Transport(session=session), settings=zeep.Settings(strict=True))
    return made.bind("market", port)


def fault_of(call):
    try:
        call()
        return {"fault": None}
    except Fault as fault:
        inner = [] if fault.detail is None else fault.detail.iter("{urn:busker:fault:1}*")
        detail = {item.tag.split("}")[1]: item.text for item in inner}
        return {"code": fault.code, "message": fault.message, "detail": detail}


def main(wsdl, port, username, password):
    market = client(wsdl, port, username, password)
    answer = zeep.helpers.serialize_object(market.quote(symbol="GOOG & Söhne", quantity=14), dict)
    found = {"answer": answer, "note": market.quote("GOOG", 1, note="<b>")["item"]["note"]}
    found["bad"] = fault_of(lambda: market.quote("NOPE", 1))
    found["crash"] = fault_of(lambda: market.quote("CRASH", 1))
    try:
        client(wsdl, port, username, "wrong").quote("GOOG", 1)
    except (TransportError, Fault) as error:
        found["wrong"] = type(error).__name__
        found["status"] = getattr(error, "status_code", None)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
