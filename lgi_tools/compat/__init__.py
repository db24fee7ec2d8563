"""Interfaces of other systems: LGI_Client of LGI 1.31, functions of Leruli Queue."""
