"""The echo in Starlette, served by uvicorn with uvloop and httptools."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Route


async def echo(request):
    text = (await request.json())["text"]
    if not isinstance(text, str):
        raise HTTPException(400)
    return JSONResponse({"text": text, "length": len(text)})


application = Starlette(routes=[Route("/echo", echo, methods=["POST"])])
