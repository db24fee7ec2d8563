"""The web interface: pages for people, made by the server, that work without JavaScript.

A page does what a call does, with the same services and so the same checks; nothing here decides who may do
what. What a page is about comes first in its address: ``/basic_interface/<project>/...``.
"""
