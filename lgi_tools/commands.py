"""The console scripts of users. What each is made of is loaded when it is called."""

from lgi_protocol.console import Command

qsub = Command("LGI_qsub", "lgi_tools.qsub")
qstat = Command("LGI_qstat", "lgi_tools.qstat")
qdel = Command("LGI_qdel", "lgi_tools.qdel")
run = Command("LGI_run", "lgi_tools.run")
history = Command("LGI_history", "lgi_tools.history")
usage = Command("LGI_usage", "lgi_tools.history", "usage_main")
wait = Command("LGI_wait", "lgi_tools.wait")
tail = Command("LGI_tail", "lgi_tools.tail")
clean = Command("LGI_clean", "lgi_tools.clean")
explain = Command("LGI_explain", "lgi_tools.explain")
filetransfer = Command("LGI_filetransfer", "lgi_tools.filetransfer")
task = Command("LGI_task", "lgi_tools.task.command")
stage = Command("LGI_stage", "lgi_tools.stage")
complete = Command("LGI_complete", "lgi_tools.complete")
certificates = Command("LGI_certificates", "lgi_tools.certificates.command")
join = Command("LGI_join", "lgi_tools.joining.command")
# The filters.
xml = Command("LGI_xml", "lgi_tools.filters.xml")
csv = Command("LGI_csv", "lgi_tools.filters.csv")
digest = Command("LGI_hash", "lgi_tools.filters.digits", "hash_main")
binhex = Command("LGI_binhex", "lgi_tools.filters.digits", "binhex_main")
hexbin = Command("LGI_hexbin", "lgi_tools.filters.digits", "hexbin_main")
