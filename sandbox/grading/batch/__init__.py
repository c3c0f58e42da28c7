"""A class's submissions, graded as one batch: read, graded in lanes, kept, and told in tables and reports.

::

    submissions  what each student handed in (folders or zips, never trusted) and which exercise it answers
    files        the files of a folder or a zip, within bounds
    store        one result file for each student, from which a killed batch goes on
    crew         gradings side by side: lanes by engine, further sandboxes
    spares       those further sandboxes, and the ones of workers
    run          a batch from beginning to end
    cluster      the same on a Dask cluster
    gradebook    the class's table, from which csv, junit and page are made
"""
