"""What the relay is compared with: the broadcast one writes first with Starlette, on uvicorn with its default settings.

Comes in: a port on the command line; websockets, each a subscriber from its first moment; `chat` frames. Goes out:
`chat` frames with the fields the relay sends. No identity, no check, nothing stored. It encodes for each subscriber, as
`send_json` in a loop does.
"""

import json
import sys
import time

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

subscribers: list[WebSocket] = []


async def channel(websocket: WebSocket) -> None:
    await websocket.accept()
    subscribers.append(websocket)
    try:
        while True:
            envelope = json.loads(await websocket.receive_text())["data"]["envelope"]
            data = {"envelope": envelope, "timestamp": _now(), "channel_uuid": envelope["channel_uuid"], "id": 1}
            for subscriber in tuple(subscribers):
                await subscriber.send_text(json.dumps({"type": "chat", "data": data}))
    except WebSocketDisconnect:
        subscribers.remove(websocket)


async def ready(request: Request) -> Response:
    return Response()


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


if __name__ == "__main__":
    app = Starlette(routes=[WebSocketRoute("/ws", channel), Route("/healthz", ready)])
    uvicorn.run(app, port=int(sys.argv[1]))
