"""Samples -> frames: mel scales, mel frames with each paper's settings by name, cepstra.

Sound is float32 mono at the rate that the settings name; frames are (frames, bands) float32.
"""
