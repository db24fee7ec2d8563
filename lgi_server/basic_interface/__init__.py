"""The web interface: pages that the server renders and that work without JavaScript.

A page uses the same services as the call of the same purpose, and so the same checks: no rights are decided
here. The address of a page begins with its project: ``/basic_interface/<project>/...``.
"""
