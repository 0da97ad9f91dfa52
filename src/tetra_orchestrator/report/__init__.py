"""The report: one HTML file of a run or of days, made of what the store knows. Pure text in, text out."""
