"""A small app that notes in files what its functions were given."""

import asyncio
import json
import os
import uuid
from pathlib import Path

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)


def note(kind: str, content: object) -> None:
    folder = Path(os.environ["SAMPLE_NOTES"]) / kind
    folder.mkdir(parents=True, exist_ok=True)
    half = folder / f".{uuid.uuid4()}"
    half.write_text(json.dumps(content))
    half.rename(folder / half.name[1:])


def wanted_failures() -> set[str]:
    path = Path(os.environ["SAMPLE_NOTES"]) / "fail"
    return set(path.read_text().split()) if path.exists() else set()


@app.event_grid_trigger(arg_name="event")
async def text_event(event: str) -> None:
    content = json.loads(event)
    note("text_event", content)
    if content["id"] in wanted_failures():
        raise ValueError(f"asked to fail for {content['id']}")


@app.event_grid_trigger(arg_name="event")
async def typed_event(event: func.EventGridEvent) -> None:
    kind = type(event).__name__
    note("typed_event", {"kind": kind, "id": event.id, "data": event.get_json() if kind == "EventGridEvent" else None})


ARRIVED = 0
BOTH = asyncio.Event()


@app.event_grid_trigger(arg_name="event")
async def meeting_event(event: str) -> None:
    """Two events can only both end when they run at the same time."""
    global ARRIVED
    ARRIVED += 1
    if ARRIVED == 2:
        BOTH.set()
    await BOTH.wait()
    note("meeting_event", json.loads(event))


@app.route(route="echo/{word}", methods=["GET", "POST"])
async def echo(req: func.HttpRequest) -> func.HttpResponse:
    answer = {
        "method": req.method,
        "url": req.url,
        "headers": dict(req.headers),
        "params": dict(req.params),
        "route_params": dict(req.route_params),
        "body": req.get_body().decode(),
        "body_type": type(req.get_body()).__name__,
    }
    return func.HttpResponse(
        json.dumps(answer), status_code=201, mimetype="application/json", headers={"x-answered": "yes"}
    )


@app.route(route="open", auth_level=func.AuthLevel.ANONYMOUS)
async def anybody(req: func.HttpRequest) -> str:
    return "open to all"


@app.route(route="closed", auth_level=func.AuthLevel.ADMIN)
async def administrators(req: func.HttpRequest) -> str:
    return "for administrators"


@app.route(route="raise", auth_level=func.AuthLevel.ANONYMOUS)
async def raising(req: func.HttpRequest) -> str:
    raise RuntimeError("this one always fails")


@app.route(route="nothing-returned", auth_level=func.AuthLevel.ANONYMOUS)
async def nothing_returned(req: func.HttpRequest) -> func.HttpResponse:
    return None  # type: ignore[return-value]


@app.route(route="nothing-annotated", auth_level=func.AuthLevel.ANONYMOUS)
async def nothing_annotated(req):  # type: ignore[no-untyped-def]
    return None


@app.route(route="sync", auth_level=func.AuthLevel.ANONYMOUS)
def synchronous(req: func.HttpRequest, context: func.Context) -> str:
    return context.function_name


@app.route(route="order", auth_level=func.AuthLevel.ANONYMOUS)
@app.queue_output(arg_name="messages", queue_name="%ORDERS_QUEUE%", connection="AzureWebJobsStorage")
@app.blob_output(arg_name="blob", path="receipts/{DateTime:yyyy}/{rand-guid}.txt", connection="AzureWebJobsStorage")
async def order(req: func.HttpRequest, messages: func.Out[str], blob: func.Out[str]) -> str:
    messages.set(req.get_body().decode())
    blob.set("received")
    return "ordered"


@app.queue_trigger(arg_name="message", queue_name="%ORDERS_QUEUE%", connection="AzureWebJobsStorage")
async def ordered(message: func.QueueMessage) -> None:
    body = message.get_body().decode()
    note("ordered", {"body": body, "count": message.dequeue_count, "inserted": str(message.insertion_time)})
    if body in wanted_failures():
        raise ValueError(f"asked to fail for {body}")


@app.timer_trigger(arg_name="timer", schedule="%TICK_SCHEDULE%")
async def tick(timer: func.TimerRequest) -> None:
    note("tick", {"past_due": timer.past_due, "status": timer.schedule_status})  # type: ignore[attr-defined]
    if "tick" in wanted_failures():
        raise ValueError("asked to fail")


RUNNING: dict[str, int] = {}


async def held(kind: str) -> None:
    """Note how many of a kind run now, and stay until the test lets go."""
    RUNNING[kind] = RUNNING.get(kind, 0) + 1
    note(kind, RUNNING[kind])
    while not (Path(os.environ["SAMPLE_NOTES"]) / "go").exists():  # noqa: ASYNC110 - a file raises no event
        await asyncio.sleep(0.01)
    RUNNING[kind] -= 1


@app.queue_trigger(arg_name="message", queue_name="crowd", connection="AzureWebJobsStorage")
async def crowded(message: str) -> None:
    await held("crowded")


@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *")
async def lengthy(timer: func.TimerRequest) -> None:
    await held("lengthy")


@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *")
@app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:30")
async def stubborn(timer: func.TimerRequest, context: func.Context) -> None:
    note("stubborn", {"retry": context.retry_context.retry_count})
    raise ValueError("fails whenever it runs")


@app.route(route="switched-off", auth_level=func.AuthLevel.ANONYMOUS)
async def switched_off(req: func.HttpRequest) -> str:
    return "never seen"
