"""Calls the service of a WSDL with zeep and a UsernameToken, and prints what it got, and what it sent, as JSON.

Arguments: WSDL file, port (soap11 or soap12), username, password, mode (text or digest).
"""

import json
import sys

import requests
import zeep
from lxml import etree
from zeep.exceptions import Fault, TransportError
from zeep.plugins import HistoryPlugin
from zeep.transports import Transport
from zeep.wsse.username import UsernameToken


def call(wsdl, port, token):
    session = requests.Session()
    session.trust_env = False
    history = HistoryPlugin()
    client = zeep.Client(wsdl, transport=Transport(session=session), wsse=token, plugins=[history])
    try:
        total = client.bind("market", port).quote(symbol="GOOG", quantity=14)["item"]["total"]
        return {"total": total, "sent": etree.tostring(history.last_sent["envelope"]).decode()}
    except Fault as fault:
        return {"fault": fault.message, "code": fault.code}
    except TransportError as error:
        return {"fault": error.message, "status": error.status_code}


def main(wsdl, port, username, password, mode):
    token = {
        "text": lambda word: UsernameToken(username, word),
        "digest": lambda word: UsernameToken(username, word, use_digest=True),
    }[mode]
    found = {"right": call(wsdl, port, token(password)), "wrong": call(wsdl, port, token("wrong"))}
    found["again"] = call(wsdl, port, token(password))
    found["none"] = call(wsdl, port, None)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
