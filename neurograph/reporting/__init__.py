"""From bundles to reports: what a bundle's own sample does is counted, placed, priced and set beside other networks.

A report is a plain dict (:func:`neurograph.hw_profiles.report.build` says what is in it); :mod:`neurograph.hw_profiles.report`
writes it out.
"""

from neurograph.report_profiles import PROFILES
from neurograph.reporting.bundle import Wanted, report_of
from neurograph.reporting.several import comparison_of

__all__ = ["PROFILES", "Wanted", "comparison_of", "report_of"]
