"""Static checks: settings that exist are judged, and nothing is run or asked."""
