import asyncio
import os

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
CALLS = 0


@app.route(route="count")
async def count(req: func.HttpRequest) -> str:
    global CALLS
    CALLS += 1
    return f"{CALLS} {os.environ.get('GREETING', '')}"


@app.route(route="hang")
async def hang(req: func.HttpRequest) -> str:
    await asyncio.Event().wait()
    return "never"
