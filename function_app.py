"""The triggers: each calls one handler. Everything else is in handlers/ and taglock/."""

import azure.functions as func

from handlers.due_work import due_work
from handlers.image_deployed import image_deployed
from handlers.image_pushed import image_pushed
from taglock.services import enforcement

app = func.FunctionApp()


@app.function_name("image_pushed")
@app.event_grid_trigger(arg_name="event")
async def on_image_pushed(event: str) -> None:
    """Lock a pushed release. The event is a str: typed converters raise on times such as `+02:00` before our code."""
    await image_pushed(enforcement(), event)


@app.function_name("image_deployed")
@app.event_grid_trigger(arg_name="event")
async def on_image_deployed(event: str) -> None:
    """Lock what a workload runs now. A str, as above: bare CDEvents fit no typed converter either."""
    await image_deployed(enforcement(), event)


@app.function_name("due_work")
@app.timer_trigger(arg_name="timer", schedule="*/30 * * * * *", run_on_startup=False)
async def on_due_work(timer: func.TimerRequest) -> None:
    """Go on with unfinished locks and unpublished events, twice a minute."""
    await due_work(enforcement())
