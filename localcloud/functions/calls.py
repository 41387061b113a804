"""What each kind of trigger hands to the worker."""

import json
import uuid
from datetime import UTC, datetime, timedelta

from localcloud.functions.bindings import EventGridTrigger, Function, HttpTrigger, QueueTrigger, TimerTrigger
from localcloud.functions.protos import RpcHttp, TypedData
from localcloud.functions.storage import MESSAGE_LIFE, Message
from localcloud.functions.worker import Call


def event_call(function: Function, trigger: EventGridTrigger, event_json: str) -> Call:
    """Return the call for one event, as JSON text."""
    value = TypedData(json=event_json)
    return Call(function_id=function.function_id, parameter=trigger.parameter, value=value, metadata={"data": value})


def timer_call(function: Function, trigger: TimerTrigger, status_json: str) -> Call:
    """Return the call for a due timer."""
    value = TypedData(json=status_json)
    return Call(function_id=function.function_id, parameter=trigger.parameter, value=value)


def timer_value(*, past_due: bool, status: dict[str, str] | None, trigger: TimerTrigger) -> str:
    """Return the timer's own JSON: its schedule, what it remembers, and whether it is late."""
    # .NET names the schedule's members by its class: a constant one has no daylight saving.
    return json.dumps(
        {
            "Schedule": {"AdjustForDST": trigger.schedule.interval is None},
            "ScheduleStatus": status,
            "IsPastDue": past_due,
        }
    )


def queue_call(function: Function, trigger: QueueTrigger, message: Message) -> Call:
    """Return the call for one taken message."""
    metadata = {
        "QueueTrigger": TypedData(string=message.body),
        "Id": TypedData(string=message.id),
        "PopReceipt": TypedData(string=message.pop_receipt),
        "DequeueCount": TypedData(json=str(message.dequeue_count)),
        "InsertionTime": _moment(message.inserted),
        "ExpirationTime": _moment(message.expires),
        "NextVisibleTime": _moment(message.visible),
    }
    value = TypedData(string=message.body)
    return Call(function_id=function.function_id, parameter=trigger.parameter, value=value, metadata=metadata)


def http_call(function: Function, trigger: HttpTrigger, request: RpcHttp) -> Call:
    """Return the call for one request."""
    return Call(
        function_id=function.function_id,
        parameter=trigger.parameter,
        value=TypedData(http=request),
        trace_parent=request.headers.get("traceparent"),
    )


def manual_call(function: Function, text: str, now: datetime) -> Call:
    """Return the call for a run that a person asks for, with the text as the trigger's value."""
    match function.trigger:
        case EventGridTrigger() as trigger:
            return event_call(function, trigger, text)
        case TimerTrigger() as trigger:
            return timer_call(function, trigger, timer_value(past_due=False, status=None, trigger=trigger))
        case QueueTrigger() as trigger:
            return queue_call(function, trigger, _manual_message(trigger, text, now))
        case HttpTrigger() as trigger:
            return http_call(function, trigger, RpcHttp(method="POST", url="", body=TypedData(bytes=text.encode())))


def _manual_message(trigger: QueueTrigger, text: str, now: datetime) -> Message:
    return Message(
        id=str(uuid.uuid4()),
        queue=trigger.queue,
        body=text,
        inserted=now,
        expires=now + MESSAGE_LIFE,
        visible=now + timedelta(minutes=10),
        dequeue_count=1,
    )


def _moment(moment: datetime) -> TypedData:
    return TypedData(json=json.dumps(moment.astimezone(UTC).isoformat()))
