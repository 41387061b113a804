"""The triggers: each calls one handler. Everything else is in handlers/ and taglock/.

A trigger imports its handler when it runs: the platform scales each function by itself, so an instance that was started
for a push never loads audits or deployments, and indexing loads none of them (docs/decisions/cold-start.md).
"""

import json
import os
from typing import TYPE_CHECKING

import azure.functions as func

if TYPE_CHECKING:
    from handlers.answering import Handler

app = func.FunctionApp()

CALLERS = func.AuthLevel.ANONYMOUS if os.environ.get("TAGLOCK_HTTP_AUTH") == "entra" else func.AuthLevel.FUNCTION
"""With Entra, App Service authentication stands in front of the functions; anything else needs the function's key."""


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
@app.route(route="audit", methods=["POST"], auth_level=CALLERS)
@app.queue_output(arg_name="queue", queue_name=AUDITS, connection=STORAGE)
async def on_audit(req: func.HttpRequest, queue: func.Out[str]) -> func.HttpResponse:
    """Begin an audit now, or join the one under way."""
    from handlers.audit_request import AuditRequests
    from taglock.services import auditing

    return await _answered("audit", req, AuditRequests(auditing, queue.set).begin)


@app.function_name("audit_progress")
@app.route(route="audit/{id}", methods=["GET"], auth_level=CALLERS)
async def on_audit_progress(req: func.HttpRequest) -> func.HttpResponse:
    """Tell how far an audit has come, or what came of an earlier one."""
    from handlers.audit_request import AuditRequests
    from taglock.services import auditing

    return await _answered("audit_progress", req, AuditRequests(auditing).progress)


@app.function_name("report")
@app.route(route="report/{registry}", methods=["GET"], auth_level=CALLERS)
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
    from handlers.audit_request import stored_report

    return await _answered("report", req, stored_report(page.read() if page is not None else None))


@app.function_name("reports")
@app.route(route="report", methods=["GET"], auth_level=CALLERS)
async def on_reports(req: func.HttpRequest) -> func.HttpResponse:
    """Show what is known of every registry, as a page or with `?format=json`."""
    from handlers.overview import reports

    return await _answered("reports", req, reports)


@app.function_name("quarantine")
@app.route(route="quarantine", methods=["POST"], auth_level=CALLERS)
async def on_quarantine(req: func.HttpRequest) -> func.HttpResponse:
    """Make an image, with its whole closure and every tag on it, impossible to pull."""
    from handlers.quarantine import quarantine

    return await _answered("quarantine", req, quarantine)


@app.function_name("quarantines")
@app.route(route="quarantine", methods=["GET"], auth_level=CALLERS)
async def on_quarantines(req: func.HttpRequest) -> func.HttpResponse:
    """List quarantines, newest first."""
    from handlers.quarantine import quarantines

    return await _answered("quarantines", req, quarantines)


@app.function_name("quarantine_shown")
@app.route(route="quarantine/{id}", methods=["GET"], auth_level=CALLERS)
async def on_quarantine_shown(req: func.HttpRequest) -> func.HttpResponse:
    """Show a quarantine with its targets."""
    from handlers.quarantine import quarantine_shown

    return await _answered("quarantine_shown", req, quarantine_shown)


@app.function_name("quarantine_lift")
@app.route(route="quarantine/{id}/lift", methods=["POST"], auth_level=CALLERS)
async def on_quarantine_lift(req: func.HttpRequest) -> func.HttpResponse:
    """Restore what was there before a quarantine."""
    from handlers.quarantine import quarantine_lift

    return await _answered("quarantine_lift", req, quarantine_lift)


@app.function_name("unlock")
@app.route(route="unlock", methods=["POST"], auth_level=CALLERS)
async def on_unlock(req: func.HttpRequest) -> func.HttpResponse:
    """Unlock an image or a repository for a time."""
    from handlers.unlock import unlock

    return await _answered("unlock", req, unlock)


@app.function_name("unlock_end")
@app.route(route="unlock/{id}/end", methods=["POST"], auth_level=CALLERS)
async def on_unlock_end(req: func.HttpRequest) -> func.HttpResponse:
    """Lock again now."""
    from handlers.unlock import unlock_end

    return await _answered("unlock_end", req, unlock_end)


@app.function_name("hold")
@app.route(route="hold", methods=["POST"], auth_level=CALLERS)
async def on_hold(req: func.HttpRequest) -> func.HttpResponse:
    """Lock an image or a repository until the hold is ended."""
    from handlers.hold import hold

    return await _answered("hold", req, hold)


@app.function_name("hold_end")
@app.route(route="hold/{id}/end", methods=["POST"], auth_level=CALLERS)
async def on_hold_end(req: func.HttpRequest) -> func.HttpResponse:
    """End a hold."""
    from handlers.hold import hold_end

    return await _answered("hold_end", req, hold_end)


@app.function_name("retire")
@app.route(route="retire", methods=["POST"], auth_level=CALLERS)
async def on_retire(req: func.HttpRequest) -> func.HttpResponse:
    """Unlock an image for good, so that it may be deleted."""
    from handlers.retire import retire

    return await _answered("retire", req, retire)


@app.function_name("retire_many")
@app.route(route="retire/many", methods=["POST"], auth_level=CALLERS)
async def on_retire_many(req: func.HttpRequest) -> func.HttpResponse:
    """Plan, and once acknowledged carry out, the retirement of many releases."""
    from handlers.retire import retire_many

    return await _answered("retire_many", req, retire_many)


@app.function_name("accept")
@app.route(route="accept", methods=["POST"], auth_level=CALLERS)
async def on_accept(req: func.HttpRequest) -> func.HttpResponse:
    """Make the digest that a moved tag points to the release."""
    from handlers.accept import accept

    return await _answered("accept", req, accept)


@app.function_name("doctor")
@app.route(route="doctor", methods=["GET"], auth_level=CALLERS)
async def on_doctor(req: func.HttpRequest) -> func.HttpResponse:
    """Examine the app and what surrounds it."""
    from handlers.doctor import doctor_asked
    from taglock.services import doctoring

    return await _answered("doctor", req, doctor_asked(doctoring))


@app.function_name("health")
@app.route(route="health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def on_health(req: func.HttpRequest) -> func.HttpResponse:
    """Tell anybody whether the app can work, and nothing else."""
    from handlers.health import health
    from taglock.services import enforcement

    found = health(enforcement)
    return func.HttpResponse(json.dumps(found.body), status_code=found.status, mimetype="application/json")


@app.function_name("openapi")
@app.route(route="openapi.json", methods=["GET"], auth_level=CALLERS)
async def on_openapi(req: func.HttpRequest) -> func.HttpResponse:
    """Serve the document that describes the HTTP functions."""
    from handlers.openapi import openapi

    return await _answered("openapi", req, openapi)


async def _answered(name: str, req: func.HttpRequest, handler: "Handler") -> func.HttpResponse:
    """Return what a handler answers to a caller who may ask; a request's URL, which may hold a key, goes no further."""
    from handlers.answering import Answering
    from taglock.services import access, enforcement

    query = dict(req.params)
    answer = await Answering(enforcement, access).answer(
        name,
        {
            "body": req.get_body(),
            "content_type": req.headers.get("content-type", ""),
            "query": query,
            "route": dict(req.route_params),
            "principal": req.headers.get("x-ms-client-principal"),
        },
        handler,
    )
    return func.HttpResponse(answer.body, status_code=answer.status, headers=dict(answer.headers))
