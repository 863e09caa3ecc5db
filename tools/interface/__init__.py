"""Renders what the outside may rely on: the messages on the bus, as AsyncAPI and as a page."""
