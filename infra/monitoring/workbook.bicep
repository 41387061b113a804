// The workbook shows what the log lines tell, and metrics where telemetry is on (docs/telemetry.md).
param location string
param tags object
param componentId string

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'taglock')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'taglock'
    category: 'workbook'
    sourceId: componentId
    serializedData: loadTextContent('workbook.json')
  }
}
