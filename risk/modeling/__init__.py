"""Models of risk: families, fitting and calibration, the choice among candidates, metrics and reasons.

Pure: arrays and values in, frozen results out; no files and no SQL.
"""
