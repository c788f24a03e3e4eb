"""The backtest: what our policy and the familiar ones would have decided on the files of the past."""
