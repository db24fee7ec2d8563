"""Rules of the source itself: what may start processes, what a request passes, which words are used."""
