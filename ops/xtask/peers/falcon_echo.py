"""The echo in falcon, served by gunicorn with gevent."""

import falcon


class Echo:
    def on_post(self, request, response):
        text = request.media["text"]
        if not isinstance(text, str):
            raise falcon.HTTPBadRequest()
        response.media = {"text": text, "length": len(text)}


application = falcon.App()
application.add_route("/echo", Echo())
