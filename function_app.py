"""The triggers: each calls one handler. Everything else is in handlers/ and taglock/.

A trigger imports its handler when it runs: the platform scales each function by itself, so an instance that was started
for a push never loads audits or deployments, and indexing loads none of them (docs/decisions/cold-start.md).
"""

import json

import azure.functions as func

app = func.FunctionApp()


@app.function_name("image_pushed")
@app.event_grid_trigger(arg_name="event")
async def on_image_pushed(event: str) -> None:
    """Lock a pushed release. The event is a str: typed converters raise on times such as `+02:00` before our code."""
    from handlers.image_pushed import image_pushed
    from taglock.services import enforcement

    await image_pushed(enforcement(), event)


@app.function_name("image_deleted")
@app.event_grid_trigger(arg_name="event")
async def on_image_deleted(event: str) -> None:
    """Tell at once when something that was locked is deleted."""
    from handlers.image_deleted import image_deleted
    from taglock.services import enforcement

    await image_deleted(enforcement(), event)


@app.function_name("image_deployed")
@app.event_grid_trigger(arg_name="event")
async def on_image_deployed(event: str) -> None:
    """Lock what a workload runs now. A str, as above: bare CDEvents fit no typed converter either."""
    from handlers.image_deployed import image_deployed
    from taglock.services import enforcement

    await image_deployed(enforcement(), event)


@app.function_name("due_work")
@app.timer_trigger(arg_name="timer", schedule="*/30 * * * * *", run_on_startup=False)
async def on_due_work(timer: func.TimerRequest) -> None:
    """Go on with unfinished locks and unpublished events, twice a minute."""
    from handlers.due_work import due_work
    from taglock.services import enforcement

    await due_work(enforcement())


AUDITS = "taglock-audits"
STORAGE = "AzureWebJobsStorage"
LATEST = "taglock-reports/{registry}/latest"
DATED = "taglock-reports/dated/{registry}/{started}"
"""Below `dated/`, so that one prefix tells the storage account what to delete some day (infra/app/storage.bicep)."""


@app.function_name("drift_audit")
@app.timer_trigger(arg_name="timer", schedule="%TAGLOCK_AUDIT_SCHEDULE%", run_on_startup=False)
@app.queue_output(arg_name="queue", queue_name=AUDITS, connection=STORAGE)
async def on_drift_audit(timer: func.TimerRequest, queue: func.Out[str]) -> None:
    """Begin an audit of every registry; a JSON array becomes one queue message for each item."""
    from handlers.drift_audit import drift_audit, messages
    from taglock.services import auditing

    queue.set(json.dumps(messages(await drift_audit(auditing()))))


@app.function_name("list_deployments")
@app.timer_trigger(arg_name="timer", schedule="%TAGLOCK_AUDIT_SCHEDULE%", run_on_startup=False)
async def on_list_deployments(timer: func.TimerRequest) -> None:
    """With each audit, list what runs in the configured subscriptions."""
    from handlers.deployments_listed import deployments_listed
    from taglock.services import enforcement

    await deployments_listed(enforcement())


@app.function_name("audit_registry")
@app.queue_trigger(arg_name="message", queue_name=AUDITS, connection=STORAGE)
@app.queue_output(arg_name="queue", queue_name=AUDITS, connection=STORAGE)
@app.blob_output(arg_name="page", path=LATEST + ".html", connection=STORAGE)
@app.blob_output(arg_name="report", path=LATEST + ".json", connection=STORAGE)
@app.blob_output(arg_name="dated_page", path=DATED + ".html", connection=STORAGE)
@app.blob_output(arg_name="dated_report", path=DATED + ".json", connection=STORAGE)
async def on_audit_registry(
    message: str,
    queue: func.Out[str],
    page: func.Out[str],
    report: func.Out[bytes],
    dated_page: func.Out[str],
    dated_report: func.Out[bytes],
) -> None:
    """Go on with one audit, and put it back while something is left; store the report of one that is finished.

    The paths take members of the message, which is that of an audit of a registry on the allow-list when there is a
    report: "JSON payloads" in https://learn.microsoft.com/azure/azure-functions/functions-bindings-expressions-patterns.
    If storing fails, the host delivers the message again, and the report is made again from the ledger.
    """
    from handlers.audit_registry import audit_registry, put_back, rendered
    from taglock.services import auditing

    went = await audit_registry(auditing(), message)
    again = put_back(went)
    if again is not None:
        queue.set(again)
    if went.report is not None:
        texts = rendered(went.report)
        page.set(texts.page)
        dated_page.set(texts.page)
        report.set(texts.json)
        dated_report.set(texts.json)


@app.function_name("audit")
@app.route(route="audit", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@app.queue_output(arg_name="queue", queue_name=AUDITS, connection=STORAGE)
async def on_audit(req: func.HttpRequest, queue: func.Out[str]) -> func.HttpResponse:
    """Begin an audit now, or join the one under way."""
    from handlers.audit_request import audit_now, beginnings_told
    from handlers.drift_audit import messages
    from taglock.errors import InvalidInput
    from taglock.services import auditing

    try:
        beginnings = await audit_now(auditing(), req.get_body())
    except InvalidInput as error:
        return _json({"error": str(error)}, status=400)
    queue.set(json.dumps(messages(beginnings)))
    return _json({"audits": beginnings_told(beginnings)}, status=202)


@app.function_name("audit_progress")
@app.route(route="audit/{id}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def on_audit_progress(req: func.HttpRequest) -> func.HttpResponse:
    """Tell how far an audit has come, or what came of an earlier one."""
    from handlers.audit_request import audit_progress
    from taglock.services import auditing

    found = await audit_progress(auditing(), req.route_params["id"])
    return _json(found or {"error": "no such audit"}, status=200 if found else 404)


@app.function_name("report")
@app.route(route="report/{registry}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@app.blob_input(
    arg_name="page",
    path=LATEST + ".html",
    connection=STORAGE,
    data_type=func.DataType.BINARY,
)
async def on_report(req: func.HttpRequest, page: func.InputStream) -> func.HttpResponse:
    """Serve the page of a registry's latest audit; `page` is None when there is no blob, which no annotation can say.

    A route, not a query: the host cannot fill in a path from a query that is absent, and would answer 500.
    """
    from handlers.audit_request import is_audited, page_headers
    from taglock.services import auditing

    if page is None or not is_audited(auditing(), req.route_params["registry"]):
        return _json({"error": "no report of such a registry"}, status=404)
    return func.HttpResponse(page.read(), headers=page_headers())


@app.function_name("reports")
@app.route(route="report", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def on_reports(req: func.HttpRequest) -> func.HttpResponse:
    """Show what is known of every registry, as a page or with `?format=json`."""
    from handlers.overview import reports_answered
    from taglock.services import access, enforcement

    answer = await reports_answered(enforcement(), access(), dict(req.params))
    return func.HttpResponse(answer.body, status_code=answer.status, headers=dict(answer.headers))


def _json(body: object, *, status: int) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(body), status_code=status, mimetype="application/json")
