"""A server of uvicorn on the socket that Abide holds, which loses no request when it is told to end."""

import asyncio
import os
import socket
import sys

import uvicorn

VERSION = open("release").read().strip()
BODY = f"{VERSION} {os.getpid()}\n".encode()
DELAY = int(sys.argv[1]) / 1000
drains = False


async def app(scope, receive, send):
    await asyncio.sleep(DELAY)
    headers = [(b"content-length", str(len(BODY)).encode())]
    if drains:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


class Server(uvicorn.Server):
    """By itself uvicorn closes connections that have no request just now, and a request may be on its way on one of these. So this one ends
    when every connection has been told with its next answer."""

    async def startup(self, sockets=None):
        await super().startup(sockets)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as say:
            say.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])

    def handle_exit(self, sig, frame):
        asyncio.get_running_loop().call_soon_threadsafe(self.drain)

    def drain(self):
        global drains
        drains = True
        # Not `server.close()`: that drops a connection that has been accepted and has no transport yet.
        for listener in self.servers[0].sockets:
            asyncio.get_running_loop().remove_reader(listener.fileno())
        self.look()

    def look(self):
        self.should_exit = not self.server_state.connections
        if not self.should_exit:
            asyncio.get_running_loop().call_later(0.02, self.look)


Server(uvicorn.Config(app, fd=3, lifespan="off", access_log=False, log_level="warning")).run()
