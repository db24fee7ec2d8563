"""What a person types: LGI_qsub, LGI_qstat, LGI_qdel, LGI_filetransfer and LGI_certificates."""
