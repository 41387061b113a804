"""What travels over HTTP, without HTTP: callers, bodies, problems and the document that describes them."""
