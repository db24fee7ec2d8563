"""The commands of Slurm that Nextflow calls, for the jobs of an LGI project."""
