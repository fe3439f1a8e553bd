"""Uses the generated package busker_api, and nothing else, and prints what it got. Arguments: address; BUSKER_TOKEN is set."""

import json
import os
import sys

from busker_api import AuthenticatedClient
from busker_api.api.default import busker_channel_http_create, busker_channel_http_list, busker_service_invoke
from busker_api.models import BuskerChannelHttpCreateBody, BuskerChannelHttpListBody, BuskerServiceInvokeBody


def main(address):
    client = AuthenticatedClient(base_url=address, token=os.environ["BUSKER_TOKEN"])
    wanted = BuskerChannelHttpCreateBody.from_dict({"name": "crm", "settings": {"url_path": "/crm", "service": "shop.echo"}})
    found = {"created": busker_channel_http_create.sync(client=client, body=wanted).name}
    page = busker_channel_http_list.sync(client=client, body=BuskerChannelHttpListBody(filter_="crm"))
    found["listed"] = [item["name"] for item in page.to_dict()["objects"]]
    asked = BuskerServiceInvokeBody.from_dict({"name": "shop.echo", "payload": '{"a":1}'})
    answer = busker_service_invoke.sync(client=client, body=asked)
    found["invoked"] = {"status": answer.status, "body": answer.body}
    again = busker_channel_http_create.sync(client=client, body=wanted).to_dict()
    found["refused"] = {"status": again["status"], "class": again["class"]}
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
