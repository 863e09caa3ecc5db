"""The nurses' pages: a process of its own, an MQTT client like any other."""
