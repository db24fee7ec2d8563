"""The console scripts of users. The modules of a command are imported when it is called."""

from lgi_protocol.console import Command

qsub = Command("LGI_qsub", "lgi_tools.commands.qsub")
qstat = Command("LGI_qstat", "lgi_tools.commands.qstat")
qdel = Command("LGI_qdel", "lgi_tools.commands.qdel")
run = Command("LGI_run", "lgi_tools.commands.run")
history = Command("LGI_history", "lgi_tools.commands.history")
usage = Command("LGI_usage", "lgi_tools.commands.history", "usage_main")
wait = Command("LGI_wait", "lgi_tools.commands.wait")
tail = Command("LGI_tail", "lgi_tools.commands.tail")
clean = Command("LGI_clean", "lgi_tools.commands.clean")
resubmit = Command("LGI_resubmit", "lgi_tools.commands.resubmit")
get = Command("LGI_get", "lgi_tools.commands.get")
explain = Command("LGI_explain", "lgi_tools.commands.explain")
filetransfer = Command("LGI_filetransfer", "lgi_tools.commands.filetransfer")
task = Command("LGI_task", "lgi_tools.task.command")
stage = Command("LGI_stage", "lgi_tools.commands.stage")
complete = Command("LGI_complete", "lgi_tools.commands.complete")
certificates = Command("LGI_certificates", "lgi_tools.commands.certificates")
join = Command("LGI_join", "lgi_tools.joining.command")
login = Command("LGI_login", "lgi_tools.joining.login_command")
# The filters.
xml = Command("LGI_xml", "lgi_tools.filters.xml_filter")
csv = Command("LGI_csv", "lgi_tools.filters.csv_filter")
digest = Command("LGI_hash", "lgi_tools.filters.hex_filters", "hash_main")
binhex = Command("LGI_binhex", "lgi_tools.filters.hex_filters", "binhex_main")
hexbin = Command("LGI_hexbin", "lgi_tools.filters.hex_filters", "hexbin_main")
