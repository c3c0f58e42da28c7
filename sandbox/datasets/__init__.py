"""The data that every engine is loaded with: schema, files, generator, reader of real files.

`sandbox.datasets.dataset.Dataset` is what loaders take; `sandbox.datasets.schema` what they are built from.
"""
