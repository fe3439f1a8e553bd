"""The echo in Flask that asks another server over HTTP, with one kept connection per worker."""

import requests
from flask import Flask, request

application = Flask(__name__)
session = requests.Session()
session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=64))


@application.post("/echo")
def echo():
    return session.post("http://127.0.0.1:20110/echo", json=request.get_json()).json()
