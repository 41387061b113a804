"""The resource types of the infrastructure, the version of each that is used, and where it was looked up.

Source of all versions: https://github.com/Azure/bicep-types-az, commit 1f896de2db966ad91e8f7d7d981e11d32e4f5d8d, folder
generated/; each entry names the folder whose types.md lists the type and its properties. Microsoft generates them from
Azure/azure-rest-api-specs, and the Bicep compiler checks against them. Only stable versions.
"""

from collections.abc import Mapping

EVENT_GRID = "eventgrid/microsoft.eventgrid/2025-02-15"
STORAGE = "storage/microsoft.storage/2025-01-01"
WEB = "web/microsoft.web/2024-11-01"
AUTHORIZATION = "authorization/microsoft.authorization/2022-04-01"

SOURCES: Mapping[str, str] = {
    "Microsoft.Authorization/roleAssignments": AUTHORIZATION,
    "Microsoft.Authorization/roleDefinitions": AUTHORIZATION,
    "Microsoft.ContainerRegistry/registries": "containerregistry_0/microsoft.containerregistry/2025-11-01",
    "Microsoft.EventGrid/systemTopics": EVENT_GRID,
    "Microsoft.EventGrid/systemTopics/eventSubscriptions": EVENT_GRID,
    "Microsoft.EventGrid/topics": EVENT_GRID,
    "Microsoft.EventGrid/topics/eventSubscriptions": EVENT_GRID,
    "Microsoft.Insights/actionGroups": "monitor_1/microsoft.insights/2023-01-01",
    "Microsoft.Insights/components": "applicationinsights/microsoft.insights/2020-02-02",
    "Microsoft.Insights/metricAlerts": "monitor_1/microsoft.insights/2018-03-01",
    "Microsoft.Insights/scheduledQueryRules": "monitor_1/microsoft.insights/2023-12-01",
    "Microsoft.Insights/workbooks": "applicationinsights/microsoft.insights/2023-06-01",
    "Microsoft.Logic/workflows": "logic/microsoft.logic/2019-05-01",
    "Microsoft.ManagedIdentity/userAssignedIdentities": "msi/microsoft.managedidentity/2024-11-30",
    "Microsoft.OperationalInsights/workspaces": "operationalinsights/microsoft.operationalinsights/2023-09-01",
    "Microsoft.Resources/resourceGroups": "resources_7/microsoft.resources/2024-11-01",
    "Microsoft.Storage/storageAccounts": STORAGE,
    "Microsoft.Storage/storageAccounts/blobServices": STORAGE,
    "Microsoft.Storage/storageAccounts/blobServices/containers": STORAGE,
    "Microsoft.Storage/storageAccounts/managementPolicies": STORAGE,
    "Microsoft.Storage/storageAccounts/queueServices": STORAGE,
    "Microsoft.Storage/storageAccounts/queueServices/queues": STORAGE,
    "Microsoft.Web/connections": "web/microsoft.web/2016-06-01",
    "Microsoft.Web/serverfarms": WEB,
    "Microsoft.Web/sites": WEB,
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": WEB,
    "Microsoft.Web/sites/config": WEB,
}


def version_of(resource_type: str) -> str:
    """Return the version that is used for a type."""
    return SOURCES[resource_type].rpartition("/")[2]
