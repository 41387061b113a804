"""An audit report as a page, as JSON, as SARIF and as JUnit XML: pure rendering of one value."""
