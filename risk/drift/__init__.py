"""Drift: has the reason for churn changed, and are new rows such clients as the model was trained on?

Pure: arrays and values in, frozen results out; no files and no SQL.
"""
