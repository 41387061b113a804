"""An app that gets a registry's events and answers what it got."""

import asyncio
import json
import os
from pathlib import Path

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
SEEN: list[object] = []


@app.event_grid_trigger(arg_name="event")
async def image_pushed(event: str) -> None:
    SEEN.append(json.loads(event))


@app.event_grid_trigger(arg_name="event")
async def image_deleted(event: str) -> None:
    SEEN.append(json.loads(event))


@app.route(route="seen")
async def seen(req: func.HttpRequest) -> str:
    names = ("TAGLOCK_REGISTRIES", "TAGLOCK_MODE", "SSL_CERT_FILE", "IDENTITY_ENDPOINT", "AzureWebJobsStorage")
    return json.dumps({"events": SEEN, "environment": {name: os.environ.get(name) for name in names}})


@app.route(route="held")
async def held(req: func.HttpRequest) -> str:
    folder = Path(req.params["folder"])
    (folder / "started").touch()
    while not (folder / "go").exists():  # noqa: ASYNC110 - a file raises no event
        await asyncio.sleep(0.01)
    return "finished"


@app.timer_trigger(arg_name="timer", schedule="0 0 0 * * *")
async def daily(timer: func.TimerRequest) -> None:
    SEEN.append("daily")
