// Deployments in a subscription. No dead letters: the topic is global and can have no identity (see global-topic.bicep).
param topicName string
param functionAppId string

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

resource subscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'resource-written'
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    destination: {
      endpointType: 'AzureFunction'
      properties: {
        resourceId: '${functionAppId}/functions/image_deployed'
        maxEventsPerBatch: 1
      }
    }
    filter: {
      includedEventTypes: [
        'Microsoft.Resources.ResourceWriteSuccess'
        'Microsoft.Resources.ResourceDeleteSuccess'
      ]
      advancedFilters: [
        {
          operatorType: 'StringBeginsWith'
          key: 'data.operationName'
          values: [
            'Microsoft.App/containerApps/'
            'Microsoft.App/jobs/'
            'Microsoft.Web/sites/'
            'Microsoft.ContainerInstance/containerGroups/'
          ]
        }
      ]
    }
    // Event Grid's own defaults and maxima, written down: 30 attempts within a day
    // (https://learn.microsoft.com/azure/event-grid/delivery-and-retry).
    retryPolicy: {
      maxDeliveryAttempts: 30
      eventTimeToLiveInMinutes: 1440
    }
  }
}
