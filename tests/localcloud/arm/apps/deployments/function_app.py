"""An app that notes what it is told about deployments."""

import json

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
SEEN: list[object] = []


@app.event_grid_trigger(arg_name="event")
async def image_deployed(event: str) -> None:
    SEEN.append(json.loads(event))


@app.route(route="seen")
async def seen(req: func.HttpRequest) -> str:
    return json.dumps(SEEN)
