"""A pixel collector as one writes it in Python: FastAPI on uvicorn (uvloop, httptools), confluent-kafka, 200 only when
all replicas have the event. For comparison only: it checks little and has no limits.
    app.py BROKERS TOPIC      prints its port"""
import asyncio
import json
import socket
import sys
import threading
import time

import uvicorn
from confluent_kafka import KafkaException, Producer
from fastapi import FastAPI, Query, Response

GIF = (b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04\x01\0\0\0\0,"
       b"\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;")
BROKERS, TOPIC = sys.argv[1:3]

app = FastAPI()
producer = Producer({
    "bootstrap.servers": BROKERS, "enable.idempotence": True, "acks": "all", "linger.ms": 5,
    "compression.type": "lz4", "message.timeout.ms": 10000, "socket.nagle.disable": True})


def serve_reports():
    while True:
        producer.poll(0.1)


@app.get("/api/pixel/visit")
async def visit(playerId: str = Query(min_length=1, max_length=128), bannerTag: str = Query(min_length=1, max_length=128),
                s: str | None = None, b: str | None = None):
    loop = asyncio.get_running_loop()
    stored = loop.create_future()

    def report(error, _message):
        loop.call_soon_threadsafe(stored.set_result, error)

    event = {"event_type": "visit", "player_id": playerId, "banner_tag": bannerTag,
             "received_at": time.time_ns() // 1000, "s": s, "b": b}
    try:
        producer.produce(TOPIC, key=playerId, value=json.dumps(event), on_delivery=report)
    except (BufferError, KafkaException):
        return Response(status_code=503)
    if await stored is not None:
        return Response(status_code=503)
    return Response(content=GIF, media_type="image/gif", headers={"Cache-Control": "no-store"})


if __name__ == "__main__":
    threading.Thread(target=serve_reports, daemon=True).start()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    print("port", listener.getsockname()[1], flush=True)
    config = uvicorn.Config(app, loop="uvloop", http="httptools", log_level="error", access_log=False, workers=1)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))
