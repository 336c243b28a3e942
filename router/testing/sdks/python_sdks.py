"""Drives the SDKs for Python: reads requests as lines of JSON, answers each with the SDK's objects as lines of JSON.

{"id", "sdk", "how", "url", "key", "body"} asks, {"id", "leave": true} leaves. What comes back carries the id and
"chunk" (of a stream), "text" (a piece of text came), "whole" (an answer), or "error"; "over" ends it.
"""

import asyncio
import json
import sys

from anthropic import AsyncAnthropic
from openai import AsyncOpenAI


def tell(request_id, **what):
    print(json.dumps({"id": request_id, **what}), flush=True)


async def openai(request, resource):
    client = AsyncOpenAI(base_url=request["url"] + "/v1", api_key=request["key"], max_retries=0)
    create = client.responses.create if resource == "responses" else client.chat.completions.create
    if request["how"] == "whole":
        return tell(request["id"], whole=(await create(**request["body"])).model_dump(mode="json"))
    async for chunk in await create(**request["body"], stream=True):
        tell(request["id"], chunk=chunk.model_dump(mode="json"))


async def anthropic(request):
    client = AsyncAnthropic(base_url=request["url"], api_key=request["key"], max_retries=0)
    if request["how"] == "whole":
        return tell(request["id"], whole=(await client.messages.create(**request["body"])).model_dump(mode="json"))
    async with client.messages.stream(**request["body"]) as stream:
        async for _ in stream.text_stream:
            tell(request["id"], text=True)
        tell(request["id"], whole=(await stream.get_final_message()).model_dump(mode="json"))


async def serve(request):
    try:
        if request["sdk"] == "messages":
            await anthropic(request)
        else:
            await openai(request, request["sdk"])
    except asyncio.CancelledError:
        pass
    except Exception as error:
        seen = {"name": type(error).__name__, "message": str(error), "status": getattr(error, "status_code", None)}
        tell(request["id"], error={**seen, "body": getattr(error, "body", None)})
    tell(request["id"], over=True)


async def main():
    lines = asyncio.StreamReader(limit=1 << 24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    tasks = {}
    while line := await lines.readline():
        request = json.loads(line)
        if request.get("leave"):
            tasks[request["id"]].cancel()
        else:
            tasks[request["id"]] = asyncio.create_task(serve(request))


asyncio.run(main())
