"""Campaigns: lists of entities for other tools, with a random part held out, and what they brought."""

from nightjar.campaigns.export import export_campaign
from nightjar.campaigns.lists import ListFile, ListTable
from nightjar.campaigns.measure import measure_campaign
from nightjar.campaigns.records import Campaign, list_campaigns
from nightjar.campaigns.selection import Decile, Segment
from nightjar.campaigns.uplift import Arm, Measurement, Uplift

__all__ = [
    "Arm",
    "Campaign",
    "Decile",
    "ListFile",
    "ListTable",
    "Measurement",
    "Segment",
    "Uplift",
    "export_campaign",
    "list_campaigns",
    "measure_campaign",
]
