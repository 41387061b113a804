import azure.functions as func

app = func.FunctionApp()


@app.event_grid_trigger(arg_name="event")
async def wrongly_annotated(event: dict[str, str]) -> None:
    """The worker refuses a dict here, and with it the whole app."""
