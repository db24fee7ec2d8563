"""The small filters for shell scripts: LGI_xml, LGI_csv, LGI_hash, LGI_binhex, LGI_hexbin (clients.md 6).

Scripts start them by the dozen, so they import little: no click, no lxml, no requests.
"""
