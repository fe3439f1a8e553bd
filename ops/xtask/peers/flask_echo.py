"""The echo in Flask, served by gunicorn with gevent."""

from flask import Flask, abort, jsonify, request

application = Flask(__name__)


@application.post("/echo")
def echo():
    text = request.get_json()["text"]
    if not isinstance(text, str):
        abort(400)
    return jsonify(text=text, length=len(text))
