"""Clients in the style of Zato's: one per kind of message, and one for any service, sync and async.

Written for this test from what is known of Zato's: constructor and methods have its names, answers its attributes.
"""

import base64
import json
import sys
import urllib.error
import urllib.request
from xml.etree import ElementTree

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
ZATO = "https://zato.io/ns/20130518"


class _Response:
    """What came back: `ok`, `has_data`, `data`, `details`, `cid`, and the raw answer as `inner`."""

    def __init__(self, inner, output_repeated=False):
        self.inner = inner
        self.ok = self.has_data = False
        self.data = [] if output_repeated else None
        self.details = None
        self.cid = inner.headers.get("x-zato-cid", "(None)")
        self.init()

    def __iter__(self):
        return iter(self.data)


class _Inner:
    def __init__(self, status, headers, text):
        self.status_code, self.headers, self.text = status, headers, text


class JSONSIOResponse(_Response):
    def init(self):
        message = json.loads(self.inner.text)
        env = message.pop("zato_env")
        self.details, self.ok = env["details"], env["result"] == "ZATO_OK"
        if env["cid"] != self.cid:
            raise ValueError("two cids in one answer")
        for value in message.values():
            self.set_data(value)

    def set_data(self, value):
        self.data, self.has_data = value, True


class JSONResponse(_Response):
    def init(self):
        self.data = json.loads(self.inner.text)
        self.has_data, self.ok = bool(self.data), self.inner.status_code == 200


class ServiceInvokeResponse(JSONSIOResponse):
    def set_data(self, value):
        if not value.get("response"):
            return
        text = base64.b64decode(value["response"]).decode("utf-8")
        try:
            data = json.loads(text)
        except ValueError:
            data = text
        if isinstance(data, dict) and len(data) == 1:
            name = next(iter(data))
            if name.startswith("zato"):
                data = data[name]
        super().set_data(data)


class SOAPResponse(_Response):
    def init(self):
        body = ElementTree.fromstring(self.inner.text).find(f"{{{SOAP}}}Body")
        first = body[0]
        if first.tag == f"{{{SOAP}}}Fault":
            self.details = first[1].text
            return
        self.data, self.has_data = first, True
        self.ok = first.find(f"{{{ZATO}}}zato_env/{{{ZATO}}}result").text == "ZATO_OK"


class _Client:
    response_class = None

    def __init__(self, address, path, auth=None):
        self.address = address + path
        token = base64.b64encode(":".join(auth).encode()).decode() if auth else None
        self.headers = {"Authorization": f"Basic {token}"} if token else {}

    def post(self, payload, headers=None, output_repeated=False):
        headers = {**self.headers, **(headers or {})}
        request = urllib.request.Request(self.address, payload.encode(), headers, method="POST")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            answer = opener.open(request)
        except urllib.error.HTTPError as error:
            answer = error
        inner = _Inner(answer.status, answer.headers, answer.read().decode("utf-8"))
        return self.response_class(inner, output_repeated)


class JSONClient(_Client):
    response_class = JSONResponse

    def invoke(self, payload="", headers=None):
        return self.post(json.dumps(payload), headers)


class JSONSIOClient(JSONClient):
    response_class = JSONSIOResponse


class SOAPClient(_Client):
    response_class = SOAPResponse

    def invoke(self, soap_action, payload="", headers=None):
        return self.post(payload, {**(headers or {}), "SOAPAction": soap_action})


class AnyServiceInvoker(_Client):
    response_class = ServiceInvokeResponse

    def __init__(self, address, auth, path="/zato/admin/invoke"):
        super().__init__(address, path, auth)

    def _invoke(self, is_async, name=None, payload="", id=None, data_format="json", transport=None, expiration=15):
        text = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        request = {
            "id" if id else "name": id or name,
            # In lines, as Python writes it.
            "payload": base64.encodebytes(text).decode(),
            "channel": "invoke",
            "data_format": data_format,
            "transport": transport,
            "async": is_async,
            "expiration": expiration,
            "pid": None,
            "all_pids": False,
            "timeout": None,
        }
        return self.post(json.dumps(request), output_repeated=bool(name) and name.endswith("list"))

    def invoke(self, *args, **kwargs):
        return self._invoke(False, *args, **kwargs)

    def invoke_async(self, *args, **kwargs):
        return self._invoke(True, *args, **kwargs)


def shown(response):
    data = response.data
    if isinstance(data, ElementTree.Element):
        data = {child.tag.partition("}")[2]: child.text for child in data.iter() if not len(child)}
    return {
        "ok": response.ok,
        "has_data": response.has_data,
        "data": data,
        "details": response.details,
        "cid": response.cid,
        "status": response.inner.status_code,
    }


def main():
    address = sys.argv[1]
    passwords = dict(line.strip().split(":") for line in sys.stdin)
    pubapi = ("pubapi", passwords["pubapi"])
    any_service = AnyServiceInvoker(address, ("admin.invoke", passwords["admin.invoke"]))
    found = {}
    found["ping"] = JSONClient(address, "/zato/ping").invoke({})
    client = JSONSIOClient(address, "/zato/json/zato.security.basic-auth.create", pubapi)
    new = {"cluster_id": 1, "name": "a", "is_active": True, "username": "u", "realm": "r"}
    found["create"] = client.invoke(new)
    found["again"] = client.invoke(new)
    found["empty"] = JSONSIOClient(address, "/zato/json/zato.security.basic-auth.delete", pubapi).invoke(
        {"id": found["create"].data["id"]}
    )
    soap = SOAPClient(address, "/zato/soap", pubapi)
    envelope = f'<s:Envelope xmlns:s="{SOAP}"><s:Body><r xmlns="{ZATO}">%s</r></s:Body></s:Envelope>'
    found["soap"] = soap.invoke("zato.service.get-by-name", envelope % "<cluster_id>1</cluster_id><name>zato.ping</name>")
    found["fault"] = soap.invoke("zato.service.get-by-name", envelope % "<cluster_id>1</cluster_id>")
    found["by_name"] = any_service.invoke("zato.ping")
    listed = any_service.invoke("zato.service.get-list", {"cluster_id": 1, "name_filter": "zato services double"})
    found["list"] = listed
    found["by_id"] = any_service.invoke(id=next(iter(listed))["id"], payload={"number_size": 21})
    found["async"] = any_service.invoke_async("zato-services.double", {"number_size": 4})
    found["xml"] = any_service.invoke("zato.ping", b"<a/>", data_format="xml")
    found["bad"] = any_service.invoke("zato.security.basic-auth.create", {"name": "b"})
    found["crash"] = any_service.invoke("zato-services.crash", {})
    json.dump({name: shown(response) for name, response in found.items()}, sys.stdout)


if __name__ == "__main__":
    main()
